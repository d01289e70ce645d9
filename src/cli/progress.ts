import type { Client, WorkflowHandle } from '@temporalio/client';
import { formatSize } from '../sizes.js';
import type { Progress } from '../workflows/contract.js';
import { say } from './output.js';

const interval = 1000;

/** Polls between two looks for activities that are being retried. */
const pollsPerLook = 5;
/** Levels of the tree of workflows that are looked at. */
const deepestLook = 4;

/**
 * Shows a workflow's progress on stderr until it is stopped: on a terminal one line that changes, else new lines. What
 * fails and is tried again is told, too: nobody should wait for a server that is down without knowing it.
 */
export function followProgress(client: Client, handle: WorkflowHandle, indent = ''): { stop(): void } {
  let shown = '';
  let polls = 0;
  const told = new Set<string>();
  let asking = false;
  const timer = setInterval(() => {
    if (asking) return;
    asking = true;
    const look = ++polls % pollsPerLook === 0 ? findTrouble(client, handle.workflowId) : Promise.resolve(undefined);
    const found = look.then((trouble) => trouble !== undefined && tell(`trying again: ${trouble}`));
    Promise.all([handle.query<Progress>('progress').then(show), found])
      .catch(() => undefined)
      .finally(() => (asking = false));
  }, interval);
  const tell = (news: string): void => {
    if (told.has(news)) return;
    told.add(news);
    say(`${process.stderr.isTTY ? '\n' : ''}${indent}${news}`);
  };
  const hint = `temporal workflow metadata --workflow-id ${handle.workflowId}`;
  const show = (progress: Progress): void => {
    if (progress.tasks.failed > 0) tell(`tasks have failed; which, why, and what to do: ${hint}`);
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

/** Why an activity of a workflow, or of its children, is being tried again; undefined when none is. */
async function findTrouble(client: Client, workflowId: string, depth = 1): Promise<string | undefined> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  const failing = raw.pendingActivities?.find(({ lastFailure }) => lastFailure?.message);
  if (failing) return failing.lastFailure!.message!;
  if (depth === deepestLook) return undefined;
  for (const { workflowId: child } of raw.pendingChildren ?? []) {
    const trouble = child ? await findTrouble(client, child, depth + 1) : undefined;
    if (trouble !== undefined) return trouble;
  }
  return undefined;
}

/** One line for people. */
export function progressLine(progress: Progress): string {
  const { dataset, datasets, pass, passes, tasks, bytes, bytesPerSecond, etaSeconds } = progress;
  if (progress.parts && progress.stage !== 'done') {
    return Object.entries(progress.parts)
      .map(([part, one]) => `${part}: ${progressLine(one)}`)
      .join('; ');
  }
  const stage = datasets === undefined ? progress.stage : `dataset ${dataset} of ${datasets}: ${progress.stage}`;
  if (tasks.total === 0) return stage;
  const parts = [
    `${stage}, pass ${pass} of ${passes}`,
    `${tasks.done} of ${tasks.total} tasks`,
    ...(tasks.failed > 0 ? [`${tasks.failed} failed`] : []),
    ...(bytes.total > 0
      ? [`${formatSize(bytes.done)} of ${formatSize(bytes.total)}`, `${formatSize(bytesPerSecond)}/s`]
      : []),
    ...(etaSeconds === null ? [] : [`about ${etaSeconds} s left`]),
  ];
  return parts.join(', ');
}
