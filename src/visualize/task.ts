import { readCheckpoint, writeCheckpoint } from '../runs/checkpoint.js';
import type { TaskReport } from '../runs/checkpoint.js';
import { countedStore } from '../storage/countedStore.js';
import { passes, type VisualizeRun } from './run.js';
import { checkUnembedding } from './stages/checkUnembedding.js';
import { collect } from './stages/collect.js';
import { findCutOffs } from './stages/cutOff.js';
import { gather } from './stages/gather.js';
import { prepareBlock } from './stages/prepareBlock.js';
import { render } from './stages/render.js';
import type { StageReport } from './stages/report.js';
import { select } from './stages/select.js';
import { writeStream } from './stages/stream.js';
import type { StageContext } from './taskContext.js';

/**
 * Does one task of a visualize run, unless its checkpoint says that it is done.
 * @param redo do it again although there is a checkpoint
 * @throws WorkDamaged when what tasks before it wrote must be written again first
 */
export async function runVisualizeTask(
  pass: number,
  task: number,
  redo: boolean,
  context: StageContext,
): Promise<{ report: TaskReport; skipped: boolean }> {
  const { run, store, signal, onBytes } = context;
  const done = redo ? undefined : await readCheckpoint(store, run, pass, task, signal);
  if (done) return { report: done, skipped: true };
  let bytesRead = 0;
  const counted = countedStore(store, {
    onRead: (bytes) => {
      bytesRead += bytes;
      onBytes(bytes);
    },
    onWritten: onBytes,
  });
  const report = { ...(await stageOf(pass, task, run)({ ...context, store: counted }, task)), bytesRead };
  await writeCheckpoint(store, run, report, signal);
  return { report, skipped: false };
}

function stageOf(
  pass: number,
  task: number,
  run: VisualizeRun,
): (context: StageContext, task: number) => Promise<StageReport> {
  switch (pass) {
    case passes.prepare:
      return task < run.blocks.length ? prepareBlock : checkUnembedding;
    case passes.cutOff:
      return findCutOffs;
    case passes.collect:
      return collect;
    case passes.select:
      return select;
    case passes.gather:
      return gather;
    case passes.render:
      return task < run.renders.length ? render : writeStream;
    default:
      throw new RangeError(`a visualize run has no pass ${pass}`);
  }
}
