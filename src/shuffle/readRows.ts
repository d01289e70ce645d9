import type { Dataset } from '../formats/dataset.js';
import { shardLocation } from '../formats/concatenation.js';
import { columnBytes, locateRows, shardColumnOffsets } from '../formats/encoding.js';
import type { RowRange } from '../formats/encoding.js';
import type { ByteRange, ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import type { Prefix } from '../storage/uri.js';
import { readBytes, readEach } from './reading.js';
import type { ReadOptions, ReadWindow } from './reading.js';
import type { RecordTarget } from './recordTarget.js';

/** Ranges with a smaller gap between them are read as one: the bytes cost less than a request. */
const coalescedGap = 64 * 1024;

/** The rows of one column that lie together in a shard file. */
interface ColumnSpan {
  readonly inRecord: number;
  readonly rowBytes: number;
  readonly start: number;
  readonly end: number;
  /** Record whose entry stands at `start`. */
  readonly firstRecord: number;
}

/** One GET, and what it holds. */
export interface Read {
  readonly object: ObjectLocation;
  readonly etag: string;
  readonly range: ByteRange;
  readonly spans: readonly ColumnSpan[];
}

/** Bytes of the largest read of `planReads`. */
export function largestRead(reads: readonly Read[]): number {
  return reads.reduce((largest, { range }) => Math.max(largest, range.end - range.start), 0);
}

/**
 * Reads rows of a dataset, whatever shards they lie in.
 * @param reads of `planReads`; its first row becomes record 0
 * @throws ObjectMissing or ObjectChanged when a shard is not the one that dataset.json describes
 */
export async function readRows(
  store: ObjectStore,
  reads: readonly Read[],
  windows: readonly ReadWindow[],
  target: RecordTarget,
  options: ReadOptions,
): Promise<void> {
  await readEach(reads, windows, options.signal, async (read, window, signal) => {
    const { range, spans } = read;
    let { start } = range;
    window.begin(range.end - range.start, (address, held) => {
      const arrived = { start, end: start + held };
      for (const span of spans) placeSpan(span, arrived, address, target);
      options.onBytes(held);
      start += held;
      return held;
    });
    await store.read(read.object, range, window, { ifMatch: read.etag, signal });
  });
}

/**
 * The GETs that `readRows` sends.
 * @param places where the dataset lies; several for a concatenation
 */
export function planReads(places: readonly Prefix[], dataset: Dataset, firstRow: number, rows: number): Read[] {
  const reads: Read[] = [];
  const widths = dataset.columns.map(columnBytes);
  let record = 0;
  for (const piece of locateRows(dataset, firstRow, rows)) {
    const shard = dataset.shards[piece.shardIndex]!;
    const spans = columnSpans(dataset, widths, piece, record);
    const object = shardLocation(places, shard.key);
    for (const range of coveringRanges(spans)) {
      reads.push({
        object,
        etag: shard.etag,
        range,
        spans: spans.filter((span) => span.start < range.end && span.end > range.start),
      });
    }
    record += piece.rows;
  }
  return reads;
}

/** How many GETs `readRows` sends for rows of one shard, and the bytes that they ask for, without a list of them. */
export function countReads(dataset: Dataset, piece: RowRange): { get: number; bytes: number } {
  const widths = dataset.columns.map(columnBytes);
  let get = 0;
  let bytes = 0;
  for (const { start, end } of joinedRanges(columnSpans(dataset, widths, piece, 0))) {
    get += Math.floor((end - 1) / readBytes) - Math.floor(start / readBytes) + 1;
    bytes += end - start;
  }
  return { get, bytes };
}

function columnSpans(
  dataset: Dataset,
  widths: readonly number[],
  { shardIndex, rowInShard, rows }: RowRange,
  firstRecord: number,
): ColumnSpan[] {
  const offsets = shardColumnOffsets(dataset, dataset.shards[shardIndex]!);
  let inRecord = 0;
  const spans: ColumnSpan[] = [];
  for (const [column, rowBytes] of widths.entries()) {
    const start = offsets[column]! + rowInShard * rowBytes;
    if (rowBytes > 0) spans.push({ inRecord, rowBytes, start, end: start + rows * rowBytes, firstRecord });
    inRecord += rowBytes;
  }
  return spans;
}

/** Ranges of at most `readBytes` that cover all spans. */
function coveringRanges(spans: readonly ColumnSpan[]): ByteRange[] {
  const ranges: ByteRange[] = [];
  for (const { start, end } of joinedRanges(spans)) {
    // Cut where S3 cuts: at multiples of the parts of the object.
    for (let at = start; at < end;) {
      const next = Math.min((Math.floor(at / readBytes) + 1) * readBytes, end);
      ranges.push({ start: at, end: next });
      at = next;
    }
  }
  return ranges;
}

/** The spans, those with small gaps between them as one. */
function joinedRanges(spans: readonly ColumnSpan[]): ByteRange[] {
  const joined: { start: number; end: number }[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last && span.start - last.end <= coalescedGap) last.end = Math.max(last.end, span.end);
    else joined.push({ start: span.start, end: span.end });
  }
  return joined;
}

/** Hands out the part of a column that a range holds: whole rows at once; the first and the last may be cut. */
function placeSpan(span: ColumnSpan, range: ByteRange, address: number, target: RecordTarget): void {
  const { rowBytes } = span;
  const end = Math.min(span.end, range.end);
  for (let at = Math.max(span.start, range.start); at < end;) {
    const row = Math.floor((at - span.start) / rowBytes);
    const inRow = at - span.start - row * rowBytes;
    const whole = inRow === 0 ? Math.floor((end - at) / rowBytes) : 0;
    const count = Math.max(1, whole);
    const length = whole > 0 ? rowBytes : Math.min(rowBytes - inRow, end - at);
    target.place(span.firstRecord + row, count, span.inRecord + inRow, address + at - range.start, rowBytes, length);
    at += whole > 0 ? whole * rowBytes : length;
  }
}
