import { TopFeatures } from '../../encoder/topFeatures.js';
import { openBlockEncoder } from '../blockEncoder.js';
import { shardRows } from '../cut.js';
import { cutOffBytes } from '../memoryNeeds.js';
import { RowReader } from '../rows.js';
import { passes } from '../run.js';
import { writeSections } from '../sections.js';
import { tokenizerOf } from '../sources.js';
import type { StageContext } from '../taskContext.js';
import { reportOf, type StageReport } from './report.js';

/**
 * Before stage 1, for SAEs whose features compete (topk, groupmax): finds out of all features what a feature must reach
 * on each row of a token shard.
 */
export async function findCutOffs(context: StageContext, task: number): Promise<StageReport> {
  const { run, dump, store, memory, signal, pause } = context;
  const { first, end } = shardRows(dump.rows, run.plan.tokenShards, task);
  const count = end - first;
  if (count === 0) return reportOf(passes.cutOff, task, 0, []);
  await context.reserve(cutOffBytes(run, count));

  memory.reset();
  const address = memory.take(count * dump.rowBytes);
  const top = new TopFeatures(memory, run.layout.sae, count);
  const reader = new RowReader(context, await tokenizerOf(store, run, context.uris, signal));
  const marks = memory.take(count);
  const { finite, excluded } = await reader.read(first, count, memory.view(address, count * dump.rowBytes));
  memory.view(marks, count).set(excluded);
  clearOthers(memory.view(address, count * dump.rowBytes), finite, dump.rowBytes);
  const mark = memory.mark();
  for (const [block, range] of run.blocks.entries()) {
    const encoder = await openBlockEncoder(context, block, range);
    try {
      await encoder.offer({ address, count, firstRow: first, excluded: marks }, top);
    } finally {
      await encoder.close();
    }
    memory.rewind(mark);
    await pause();
  }
  const wrote = await writeSections(store, run, passes.cutOff, task, [[top.finish().slice()]], signal);
  return reportOf(passes.cutOff, task, count, [wrote]);
}

/** Zeros in place of rows that are not finite: what they compete for does not matter. */
export function clearOthers(
  activations: Uint8Array,
  finite: readonly { readonly from: number; readonly to: number }[],
  rowBytes: number,
): void {
  let at = 0;
  for (const { from, to } of [...finite, { from: activations.length / rowBytes, to: 0 }]) {
    activations.fill(0, at * rowBytes, from * rowBytes);
    at = to;
  }
}
