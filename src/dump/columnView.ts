import { forEachConcurrently } from '../concurrently.js';
import { packedOffsets } from '../formats/columns.js';
import type { PlacedDataset } from '../formats/concatenation.js';
import type { Dataset } from '../formats/dataset.js';
import { columnBytes } from '../formats/encoding.js';
import { planReads } from '../formats/planReads.js';
import type { ColumnSpan } from '../formats/planReads.js';
import type { ByteRange, ObjectStore } from '../storage/objectStore.js';
import type { Prefix } from '../storage/uri.js';

/** GETs at a time. They go straight into the caller's memory, or into some that is as large as what is asked for. */
const readsAtOnce = 8;

/** Some columns of a dataset, by rows that may be shorter than its records: tokens, where a record is a context. */
export interface ColumnView {
  readonly place: Prefix;
  /** As if the shards held these columns alone, in these rows: `planReads` and `countReads` tell what reading costs. */
  readonly dataset: Dataset;
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of bytes that have arrived. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * @param names of the columns
 * @param rowsPerRecord equal parts into which the entry of each column in a record is cut
 * @param rowShape shape of such a part
 */
export function viewColumns(
  { place, dataset }: PlacedDataset,
  names: readonly string[],
  rowsPerRecord: number,
  rowShape: readonly number[],
): ColumnView {
  const indices = names.map((name) => dataset.columns.findIndex((column) => column.name === name));
  const columns = indices.map((index) => ({ ...dataset.columns[index]!, shape: rowShape }));
  const shards = dataset.shards.map((shard) => {
    const offsets = shard.offsets ?? packedOffsets(dataset.columns, shard.rows);
    return { ...shard, rows: shard.rows * rowsPerRecord, offsets: indices.map((index) => offsets[index]!) };
  });
  return { place, dataset: { ...dataset, rows: dataset.rows * rowsPerRecord, columns, shards } };
}

/**
 * Reads rows [first, first + rows) of all columns of a view, whatever shards they lie in.
 * @param targets memory for each column: its rows, one after the other
 * @throws ObjectMissing or ObjectChanged when a shard is not the one that dataset.json describes
 */
export async function readColumns(
  store: ObjectStore,
  view: ColumnView,
  first: number,
  rows: number,
  targets: readonly Uint8Array[],
  { signal, onBytes }: ReadOptions = {},
): Promise<void> {
  const { columns } = view.dataset;
  for (const [index, column] of columns.entries()) {
    const bytes = rows * columnBytes(column);
    if (targets[index]?.length !== bytes) throw new RangeError(`${rows} rows of ${column.name} take ${bytes} bytes`);
  }
  const reads = planReads([view.place], view.dataset, first, rows);
  await forEachConcurrently(reads, readsAtOnce, signal, async ({ object, etag, range, spans }, stop) => {
    const options = { ifMatch: etag, signal: stop };
    const pieces = spans.map((span) => pieceOf(span, range, targets));
    const [only] = pieces;
    if (pieces.length === 1 && only!.target.length === range.end - range.start) {
      await store.readInto(object, range, only!.target, options);
    } else {
      const bytes = new Uint8Array(range.end - range.start);
      await store.readInto(object, range, bytes, options);
      for (const { start, target } of pieces) target.set(bytes.subarray(start, start + target.length));
    }
    onBytes?.(range.end - range.start);
  });
}

/** The part of a column that a range holds: where it begins in the range, and where it belongs. */
function pieceOf(
  span: ColumnSpan,
  range: ByteRange,
  targets: readonly Uint8Array[],
): { start: number; target: Uint8Array } {
  const start = Math.max(span.start, range.start);
  const inTarget = span.firstRecord * span.rowBytes + start - span.start;
  const length = Math.min(span.end, range.end) - start;
  return { start: start - range.start, target: targets[span.column]!.subarray(inTarget, inTarget + length) };
}
