import type { ByteRange, ObjectLocation } from '../storage/objectStore.js';
import type { Prefix } from '../storage/uri.js';
import { shardLocation } from './concatenation.js';
import type { Dataset } from './dataset.js';
import { columnBytes, locateRows, shardColumnOffsets } from './encoding.js';
import type { RowRange } from './encoding.js';

/** The largest range of one GET. */
export const readBytes = 16 * 1024 * 1024;

/** Ranges with a smaller gap between them are read as one: the bytes cost less than a request. */
const coalescedGap = 64 * 1024;

/** The rows of one column that lie together in a shard file. */
export interface ColumnSpan {
  /** Index of the column in the dataset. */
  readonly column: number;
  /** Byte offset of the column's entry in a record. */
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
 * The GETs that read rows of a dataset, whatever shards they lie in: ranges of at most `readBytes`.
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

/** How many GETs `planReads` makes of rows of one shard, and the bytes that they ask for, without a list of them. */
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
    if (rowBytes > 0) spans.push({ column, inRecord, rowBytes, start, end: start + rows * rowBytes, firstRecord });
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
