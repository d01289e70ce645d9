import { crc32 } from 'node:zlib';
import { ObjectChanged, ObjectMissing } from '../errors.js';
import type { Dataset } from '../formats/dataset.js';
import { columnBytes, locateRows, shardColumnOffsets } from '../formats/encoding.js';
import type { ByteRange, ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import type { Prefix } from '../storage/uri.js';
import type { IncomingSegment } from './incoming.js';
import { checkTrailer, trailerBytes } from './segment.js';
import type { SegmentIdentity } from './segment.js';
import type { RecordTarget } from './recordTarget.js';

/** The largest range of one GET. */
export const readBytes = 16 * 1024 * 1024;

/** Ranges with a smaller gap between them are read as one: the bytes cost less than a request. */
const coalescedGap = 64 * 1024;

const concurrentReads = 4;

export interface ReadOptions {
  readonly signal: AbortSignal;
  /** Called with the number of bytes that have arrived. */
  readonly onBytes: (bytes: number) => void;
}

/** The rows of one column that lie together in a shard file. */
interface ColumnSpan {
  readonly inRecord: number;
  readonly rowBytes: number;
  readonly start: number;
  readonly end: number;
  /** Record whose entry stands at `start`. */
  readonly firstRecord: number;
}

interface Read {
  readonly object: ObjectLocation;
  readonly etag: string;
  readonly range: ByteRange;
  readonly spans: readonly ColumnSpan[];
}

/**
 * Reads rows [firstRow, firstRow + rows) of a dataset, whatever shards they lie in; the first one becomes record 0.
 * @throws ObjectMissing or ObjectChanged when a shard is not the one that dataset.json describes
 */
export async function readRows(
  store: ObjectStore,
  place: Prefix,
  dataset: Dataset,
  firstRow: number,
  rows: number,
  target: RecordTarget,
  options: ReadOptions,
): Promise<void> {
  await inLanes(planReads(place, dataset, firstRow, rows), async (read, buffer) => {
    const { range, spans } = read;
    const bytes = buffer.subarray(0, range.end - range.start);
    await store.readInto(read.object, range, bytes, { ifMatch: read.etag, signal: options.signal });
    for (const span of spans) placeSpan(span, range, bytes, target);
    options.onBytes(bytes.length);
  });
}

/** The GETs that `readRows` sends. */
export function planReads(place: Prefix, dataset: Dataset, firstRow: number, rows: number): Read[] {
  const reads: Read[] = [];
  const widths = dataset.columns.map(columnBytes);
  let record = 0;
  for (const { shardIndex, rowInShard, rows: count } of locateRows(dataset, firstRow, rows)) {
    const shard = dataset.shards[shardIndex]!;
    const offsets = shardColumnOffsets(dataset, shard);
    let inRecord = 0;
    const spans: ColumnSpan[] = [];
    for (const [column, rowBytes] of widths.entries()) {
      const start = offsets[column]! + rowInShard * rowBytes;
      if (rowBytes > 0) spans.push({ inRecord, rowBytes, start, end: start + count * rowBytes, firstRecord: record });
      inRecord += rowBytes;
    }
    const object = { bucket: place.bucket, key: place.prefix + shard.key };
    for (const range of coveringRanges(spans)) {
      reads.push({
        object,
        etag: shard.etag,
        range,
        spans: spans.filter((span) => span.start < range.end && span.end > range.start),
      });
    }
    record += count;
  }
  return reads;
}

/** Ranges of at most `readBytes` that cover all spans. */
function coveringRanges(spans: readonly ColumnSpan[]): ByteRange[] {
  const joined: { start: number; end: number }[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last && span.start - last.end <= coalescedGap) last.end = Math.max(last.end, span.end);
    else joined.push({ start: span.start, end: span.end });
  }
  const ranges: ByteRange[] = [];
  for (const { start, end } of joined) {
    for (let at = start; at < end; at += readBytes) ranges.push({ start: at, end: Math.min(at + readBytes, end) });
  }
  return ranges;
}

/** Hands out the part of a column that a range holds; a row may begin or end outside of it. */
function placeSpan(span: ColumnSpan, range: ByteRange, bytes: Uint8Array, target: RecordTarget): void {
  const end = Math.min(span.end, range.end);
  for (let at = Math.max(span.start, range.start); at < end;) {
    const row = Math.floor((at - span.start) / span.rowBytes);
    const inRow = at - span.start - row * span.rowBytes;
    const next = Math.min(at + span.rowBytes - inRow, end);
    target.write(span.firstRecord + row, span.inRecord + inRow, bytes, at - range.start, next - range.start);
    at = next;
  }
}

/** A segment that is missing, of another length, or not what its writer must have written. */
export interface SegmentFault {
  readonly writer: number;
  readonly key: string;
  readonly fault: string;
}

/**
 * Reads segments and proves each by its trailer.
 * @param identify key of the writer's packed object and the identity that the segment must have
 * @returns the multiset digests of the segments in their order, and the segments that must be written again
 */
export async function readSegments(
  store: ObjectStore,
  segments: readonly IncomingSegment[],
  width: number,
  identify: (segment: IncomingSegment) => { object: ObjectLocation; identity: SegmentIdentity },
  target: RecordTarget,
  options: ReadOptions,
): Promise<{ digests: string[]; faults: SegmentFault[] }> {
  const digests: string[] = [];
  const faults: SegmentFault[] = [];
  const filled = segments.filter((segment) => segment.records > 0);
  await inLanes(filled, async (segment, buffer) => {
    const { object, identity } = identify(segment);
    try {
      const read = await readSegment(store, object, segment, width, identity, target, buffer, options);
      if ('digest' in read) digests.push(read.digest);
      else faults.push({ writer: segment.writer, key: object.key, fault: read.fault });
    } catch (error) {
      if (!(error instanceof ObjectMissing || error instanceof ObjectChanged)) throw error;
      faults.push({ writer: segment.writer, key: object.key, fault: `it cannot be read (${error.code})` });
    }
  });
  return { digests, faults };
}

async function readSegment(
  store: ObjectStore,
  object: ObjectLocation,
  segment: IncomingSegment,
  width: number,
  identity: SegmentIdentity,
  target: RecordTarget,
  buffer: Uint8Array,
  options: ReadOptions,
): Promise<{ digest: string } | { fault: string }> {
  const step = Math.max(1, Math.floor((readBytes - trailerBytes) / width));
  const records = recordNumbers(segment);
  let crc = 0;
  for (let first = 0; first < segment.records; first += step) {
    const count = Math.min(step, segment.records - first);
    const last = first + count === segment.records;
    const start = segment.offset + first * width;
    const bytes = growTo(buffer, count * width + (last ? trailerBytes : 0));
    await store.readInto(object, { start, end: start + bytes.length }, bytes, { signal: options.signal });
    crc = crc32(bytes.subarray(0, count * width), crc);
    for (let record = 0; record < count; record++) {
      target.write(records.next().value!, 0, bytes, record * width, (record + 1) * width);
    }
    options.onBytes(bytes.length);
    if (last) return checkTrailer(bytes.subarray(count * width), identity, crc);
  }
  throw new RangeError('A segment without records has no trailer to check');
}

/** The reader's numbers of a segment's records, in the order in which they stand in it. */
function* recordNumbers(segment: IncomingSegment): Generator<number, undefined> {
  for (const { first, records } of segment.runs) {
    for (let record = first; record < first + records; record++) yield record;
  }
  return undefined;
}

function growTo(buffer: Uint8Array, length: number): Uint8Array {
  return length <= buffer.length ? buffer.subarray(0, length) : new Uint8Array(length);
}

/** Handles all items with a few at a time, each lane with a buffer of its own. The first error stops the others. */
async function inLanes<T>(items: readonly T[], handle: (item: T, buffer: Uint8Array) => Promise<void>): Promise<void> {
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    while (next < items.length && !failed) {
      try {
        await handle(items[next++]!, buffer);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const lanes = Array.from({ length: Math.min(concurrentReads, items.length) }, lane);
  const settled = await Promise.allSettled(lanes);
  const rejected = settled.find((outcome) => outcome.status === 'rejected');
  if (rejected) throw rejected.reason as Error;
}
