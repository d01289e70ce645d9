import { crc32 } from 'node:zlib';
import { ObjectChanged, ObjectMissing } from '../errors.js';
import type { ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import type { IncomingSegment } from './incoming.js';
import { readBytes, readEach } from './reading.js';
import type { ReadOptions } from './reading.js';
import type { RecordTarget } from './recordTarget.js';
import { checkTrailer, trailerBytes } from './segment.js';
import type { SegmentIdentity } from './segment.js';

/** A segment that is missing, of another length, or not what its writer must have written. */
export interface SegmentFault {
  readonly writer: number;
  readonly key: string;
  readonly fault: string;
}

/**
 * Reads segments and proves each by its trailer.
 * @param identify key of the writer's packed object and the identity that the segment must have
 * @returns the multiset digests of the segments, in no order, and the segments that must be written again
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
  await readEach(filled, options.signal, async (segment, buffer, signal) => {
    const { object, identity } = identify(segment);
    try {
      const read = await readSegment(store, object, segment, width, identity, target, buffer, {
        ...options,
        signal,
      });
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
  const step = recordsPerRead(width);
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

/** Records of a segment that one GET reads, at most; the last one reads the trailer too. */
export function recordsPerRead(recordBytes: number): number {
  return Math.max(1, Math.floor((readBytes - trailerBytes) / recordBytes));
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
