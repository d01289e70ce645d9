import { readCheckpoint, writeCheckpoint } from '../runs/checkpoint.js';
import type { TaskReport } from '../runs/checkpoint.js';
import { passes } from './run.js';
import { collect } from './stages/collect.js';
import { findCutOffs } from './stages/cutOff.js';
import { gather } from './stages/gather.js';
import { prepareBlock } from './stages/prepareBlock.js';
import { render } from './stages/render.js';
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
  const { run, store, signal } = context;
  const done = redo ? undefined : await readCheckpoint(store, run, pass, task, signal);
  if (done) return { report: done, skipped: true };
  const report = await stageOf(pass, task, context)(context, task);
  await writeCheckpoint(store, run, report, signal);
  return { report, skipped: false };
}

function stageOf(
  pass: number,
  task: number,
  { run }: StageContext,
): (context: StageContext, task: number) => Promise<TaskReport> {
  switch (pass) {
    case passes.prepare:
      return prepareBlock;
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
