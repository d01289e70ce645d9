import type { TaskReport } from '../../runs/checkpoint.js';
import type { TokenRows } from '../../dump/tokenRows.js';
import { Bitmap } from '../bitmap.js';
import { CutOffs } from '../cutOffs.js';
import { shardRows } from '../cut.js';
import { encodeGathered, encodeLengths } from '../gathered.js';
import { gatherBytes } from '../memoryNeeds.js';
import { RowReader } from '../rows.js';
import { passes } from '../run.js';
import { writeSections } from '../sections.js';
import { focusRange, readFocusSet } from '../selection.js';
import { tokenizerOf } from '../sources.js';
import type { StageContext } from '../taskContext.js';
import { coalesce } from '../ranges.js';
import { addWindows } from '../windows.js';
import { clearOthers } from './cutOff.js';
import { reportOf } from './report.js';

/** Stage 3: takes of a token shard what the windows of each render task need, into one object. */
export async function gather(context: StageContext, task: number): Promise<TaskReport> {
  const { run, dump, store, signal, pause } = context;
  const { first, end } = shardRows(dump.rows, run.plan.gatherShards, task);
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

  const rows = await readShard(context, reader, all);
  const cutOffs = run.needsCutOffs ? await CutOffs.reader(context).bytes(first, end - first) : new Uint8Array(0);
  const sections = sets.map((set) => {
    const members = [...set.members()];
    const indexes = members.map((row) => row - first);
    return encodeGathered(set, {
      tokens: tokensAt(tokens, members),
      excluded: Uint8Array.from(indexes, (index) => rows.excluded[index]!),
      cutOffs: pieces(cutOffs, indexes, cutOffs.length / (end - first)),
      activations: pieces(rows.activations, indexes, dump.rowBytes),
    });
  });
  const lengths = sections.map((section) => section.reduce((sum, { length }) => sum + length, 0));
  const wrote = await writeSections(store, run, passes.gather, task, [[encodeLengths(lengths)], ...sections], signal);
  context.onBytes(wrote.bytes);
  return reportOf(passes.gather, task, all.count(), [wrote]);
}

/** Reads the rows of a set, and few others, to their places in the shard. */
async function readShard(
  { dump, pause }: StageContext,
  reader: RowReader,
  set: Bitmap,
): Promise<{ activations: Uint8Array; excluded: Uint8Array }> {
  const activations = new Uint8Array(set.rows * dump.rowBytes);
  const excluded = new Uint8Array(set.rows);
  for (const { from, to } of coalesce(set)) {
    const place = activations.subarray((from - set.first) * dump.rowBytes, (to - set.first) * dump.rowBytes);
    const rows = await reader.read(from, to - from, place);
    clearOthers(place, rows.finite, dump.rowBytes);
    excluded.set(rows.excluded, from - set.first);
    await pause();
  }
  return { activations, excluded };
}

function tokensAt(
  { first, tokens, context, position, document }: TokenRows,
  rows: readonly number[],
): Omit<TokenRows, 'first'> {
  const at = (values: Float64Array | null): Float64Array | null =>
    values && Float64Array.from(rows, (row) => values[row - first]!);
  return {
    tokens: Int32Array.from(rows, (row) => tokens[row - first]!),
    context: at(context),
    position: at(position),
    document: at(document),
  };
}

/** The pieces of `width` bytes at these indexes, one after the other. */
function pieces(bytes: Uint8Array, indexes: readonly number[], width: number): Uint8Array {
  const found = new Uint8Array(indexes.length * width);
  for (const [position, index] of indexes.entries()) {
    found.set(bytes.subarray(index * width, (index + 1) * width), position * width);
  }
  return found;
}
