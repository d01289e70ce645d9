import type { WorkflowHandle } from '@temporalio/client';
import { formatSize } from '../sizes.js';
import type { Progress } from '../workflows/contract.js';
import { say } from './output.js';

const interval = 1000;

/** Shows a workflow's progress on stderr until it is stopped: on a terminal one line that changes, else new lines. */
export function followProgress(handle: WorkflowHandle, indent = ''): { stop(): void } {
  let shown = '';
  let asking = false;
  const timer = setInterval(() => {
    if (asking) return;
    asking = true;
    handle
      .query<Progress>('progress')
      .then(show, () => undefined)
      .finally(() => (asking = false));
  }, interval);
  const show = (progress: Progress): void => {
    const line = indent + progressLine(progress);
    if (line === shown) return;
    shown = line;
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${line}`);
    else say(line);
  };
  return {
    stop: () => {
      clearInterval(timer);
      if (process.stderr.isTTY && shown) process.stderr.write('\n');
    },
  };
}

/** One line for people. */
export function progressLine({ stage, pass, passes, tasks, bytes, bytesPerSecond, etaSeconds }: Progress): string {
  if (tasks.total === 0) return stage;
  const parts = [
    `${stage}, pass ${pass} of ${passes}`,
    `${tasks.done} of ${tasks.total} tasks`,
    ...(tasks.failed > 0 ? [`${tasks.failed} failed`] : []),
    `${formatSize(bytes.done)} of ${formatSize(bytes.total)}`,
    `${formatSize(bytesPerSecond)}/s`,
    ...(etaSeconds === null ? [] : [`about ${etaSeconds} s left`]),
  ];
  return parts.join(', ');
}
