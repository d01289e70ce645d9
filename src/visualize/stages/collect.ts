import { ValueUnusable } from '../../errors.js';
import { encodeBlock } from '../../features/collectedFormat.js';
import { Collector } from '../../features/collector.js';
import { hashSeed } from '../../features/rowHash.js';
import type { TopFeatures } from '../../encoder/topFeatures.js';
import { Bitmap } from '../bitmap.js';
import { hullOf, openBlockEncoder } from '../blockEncoder.js';
import { BrokenRows } from '../brokenRows.js';
import { shardRows } from '../cut.js';
import { CutOffs } from '../cutOffs.js';
import { exampleSettings } from '../exampleSettings.js';
import { batchRows, collectBytes, tileFirings } from '../memoryNeeds.js';
import { NormHistogram } from '../norms.js';
import { passes } from '../run.js';
import { RowReader, type Rows } from '../rows.js';
import { writeSections } from '../sections.js';
import { tokenizerOf } from '../sources.js';
import type { StageContext } from '../taskContext.js';
import { reportOf, type StageReport } from './report.js';

/** Stage 1: the statistics of a feature block over a token shard. */
export async function collect(context: StageContext, task: number): Promise<StageReport> {
  const { run, dump, store, memory, signal, pause } = context;
  const { block, shard } = run.collectPart(task);
  const { first, end } = shardRows(dump.rows, run.plan.tokenShards, shard);
  const wanted = run.featuresIn(run.blocks[block]!);
  if (wanted.length === 0 || first === end) return reportOf(passes.collect, task, 0, []);
  const range = hullOf(wanted);
  const settings = exampleSettings(run.layout.settings);
  const seed = hashSeed(run.layout.settings.seed);
  const features = { first: range.from, count: range.to - range.from };
  await context.reserve(collectBytes(run, features.count, end - first));

  memory.reset();
  const rowsAtOnce = batchRows(dump.rowBytes);
  const activations = memory.take(rowsAtOnce * dump.rowBytes);
  const tile = {
    keys: memory.take(4 * rowsAtOnce),
    ids: memory.take(4 * rowsAtOnce),
    excluded: memory.take(rowsAtOnce),
  };
  const cutOffs = run.needsCutOffs ? CutOffs.open(context, rowsAtOnce) : undefined;
  const encoder = await openBlockEncoder(context, block, range);
  const collector = new Collector(memory.firstBank, features, first, settings, seed, tileFirings);
  const reader = new RowReader(context, await tokenizerOf(store, run, context.uris, signal));
  const excluded = new Bitmap(first, end - first);
  const norms = new NormHistogram();
  const broken = new BrokenRows();
  try {
    for (let at = first; at < end; at += rowsAtOnce) {
      const count = Math.min(rowsAtOnce, end - at);
      const rows = await reader.read(at, count, memory.view(activations, count * dump.rowBytes));
      for (let row = rows.excluded.indexOf(1); row >= 0; row = rows.excluded.indexOf(1, row + 1))
        excluded.add(at + row);
      if (block === run.leadingBlock) reader.addNorms(norms, rows);
      if (run.layout.settings.nonFinite === 'error') broken.add(rows.broken.map((row) => at + row));
      await pause();
      // The run fails: all that is still of use is how many such rows there are.
      if (broken.any) continue;
      placeRows(context, rows, tile);
      for (const { from, to } of rows.finite) {
        const batch = {
          address: activations + from * dump.rowBytes,
          count: to - from,
          firstRow: at + from,
          excluded: tile.excluded + from,
        };
        const top: TopFeatures | undefined = await cutOffs?.of(at + from, to - from);
        const place = {
          firstRow: at + from,
          keys: settings.distinct === 'none' ? 0 : tile.keys + 4 * from,
          ids: tile.ids + 4 * from,
          excluded: tile.excluded + from,
        };
        await encoder.encode(batch, (firings) => collector.collect(place, firings), top);
        await pause();
      }
    }
  } finally {
    await encoder.close();
  }
  const statistics: Uint8Array[] = [];
  for await (const piece of broken.any ? [] : encodeBlock(features, collector.states(), settings, seed)) {
    statistics.push(piece);
    if (statistics.length % 1024 === 0) await pause();
  }
  const wrote = await writeSections(
    store,
    run,
    passes.collect,
    task,
    [[excluded.bytes], [norms.bytes], [broken.bytes]],
    signal,
    statistics,
  );
  return reportOf(passes.collect, task, end - first, [wrote]);
}

/** Puts keys, ids and exclusions where the collector finds them. */
function placeRows(
  { run, dump, memory }: StageContext,
  { tokens, excluded }: Rows,
  tile: { readonly keys: number; readonly ids: number; readonly excluded: number },
): void {
  const { distinct } = run.layout.settings.examples;
  const words = (address: number): Uint32Array => {
    const bytes = memory.view(address, 4 * excluded.length);
    return new Uint32Array(bytes.buffer, bytes.byteOffset, excluded.length);
  };
  words(tile.ids).set(tokens.tokens);
  memory.view(tile.excluded, excluded.length).set(excluded);
  if (distinct === 'none') return;
  const keys = tokens[distinct]!;
  const misfit = keys.findIndex((key) => !(key >= 0 && key < 2 ** 32));
  if (misfit >= 0) {
    const row = tokens.first + misfit;
    throw new ValueUnusable(
      `Row ${row} of ${dump.where} has ${distinct} ${keys[misfit]}, but examples of distinct ${distinct}s need numbers ` +
        `from 0 to 2^32 - 1: renumber them, or set examples.distinct to "none".`,
      { row, value: keys[misfit] },
    );
  }
  words(tile.keys).set(keys);
}
