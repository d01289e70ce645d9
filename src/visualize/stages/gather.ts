import { forEachConcurrently } from '../../concurrently.js';
import type { TokenRows } from '../../dump/tokenRows.js';
import { Bitmap } from '../bitmap.js';
import { CutOffs } from '../cutOffs.js';
import { shardRows } from '../cut.js';
import { encodeLengths, fillGathered, gatheredLength, type ShardRows } from '../gathered.js';
import { gatherBytes } from '../memoryNeeds.js';
import { RowReader } from '../rows.js';
import { passes } from '../run.js';
import { writeLazySections } from '../sections.js';
import { focusRange, readFocusSet } from '../selection.js';
import { tokenizerOf } from '../sources.js';
import type { StageContext } from '../taskContext.js';
import { coalesce } from '../ranges.js';
import { addWindows } from '../windows.js';
import { clearOthers } from './cutOff.js';
import { reportOf, type StageReport } from './report.js';

/** Ranges of rows that are read at a time: many are short. */
const rangesAtOnce = 16;

/**
 * Stage 3: takes of a token shard what the windows of each render task need, into one object. Its report counts the rows
 * that are needed, each once; of activations it reads at most 1.04 times as many.
 */
export async function gather(context: StageContext, task: number): Promise<StageReport> {
  const { run, store, signal, pause } = context;
  const { first, end } = shardRows(context.dump.rows, run.plan.gatherShards, task);
  if (first === end) return reportOf(passes.gather, task, 0, []);
  await context.reserve(gatherBytes(run, end - first));
  const reader = new RowReader(context, await tokenizerOf(store, run, context.uris, signal));
  const around = focusRange(run, task);
  const tokens = await reader.readTokens(around.first, around.end - around.first);

  const all = new Bitmap(first, end - first);
  const sets: Bitmap[] = [];
  for (const { firstBlock, endBlock } of run.renders) {
    const set = new Bitmap(first, end - first);
    for (let block = firstBlock; block < endBlock; block++) {
      if (run.featuresIn(run.blocks[block]!).length === 0) continue;
      addWindows(set, await readFocusSet(context, block, task), tokens, run.layout.settings.window);
    }
    all.unite(set.bytes);
    sets.push(set);
    await pause();
  }

  const rows = await readShard(context, reader, all, tokens);
  const lengths = sets.map((set) => gatheredLength(context, set));
  const head = encodeLengths(lengths);
  const fill = (section: number, content: Uint8Array): void => {
    if (section === 0) content.set(head);
    else fillGathered(content, context, sets[section - 1]!, rows);
  };
  const wrote = await writeLazySections(store, run, passes.gather, task, [head.length, ...lengths], fill, signal);
  return reportOf(passes.gather, task, all.count(), [wrote]);
}

/** Reads the activations of a set, and few others, to their places in the shard. @param tokens of all its rows */
async function readShard(context: StageContext, reader: RowReader, set: Bitmap, tokens: TokenRows): Promise<ShardRows> {
  const { run, dump, signal, pause } = context;
  const activations = new Uint8Array(set.rows * dump.rowBytes);
  const excluded = new Uint8Array(set.rows);
  await forEachConcurrently(coalesce(set), rangesAtOnce, signal, async ({ from, to }) => {
    const place = activations.subarray((from - set.first) * dump.rowBytes, (to - set.first) * dump.rowBytes);
    const rows = await reader.readActivations(tokensOf(tokens, from, to), place);
    clearOthers(place, rows.finite, dump.rowBytes);
    excluded.set(rows.excluded, from - set.first);
    await pause();
  });
  const cutOffs = run.needsCutOffs ? await CutOffs.reader(context).bytes(set.first, set.rows) : new Uint8Array(0);
  return { tokens, excluded, cutOffs, activations };
}

/** Rows [from, to) of some that hold them; views. */
function tokensOf({ first, tokens, context, position, document }: TokenRows, from: number, to: number): TokenRows {
  const part = (values: Float64Array | null): Float64Array | null =>
    values && values.subarray(from - first, to - first);
  return {
    first: from,
    tokens: tokens.subarray(from - first, to - first),
    context: part(context),
    position: part(position),
    document: part(document),
  };
}
