import { crc32 } from '@node-rs/crc32';
import { ObjectChanged, ObjectMissing } from '../errors.js';
import { readBytes } from '../formats/planReads.js';
import type { ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import type { IncomingSegment, SegmentRun } from './incoming.js';
import type { WorkMemory } from '../memory/workMemory.js';
import { readEach } from './reading.js';
import type { ReadOptions, ReadWindow } from './reading.js';
import type { RecordTarget } from './recordTarget.js';
import { digestOf } from './recordHash.js';
import { trailerBytes, trailerDigest, trailerFault } from '../runs/segment.js';
import type { SegmentIdentity } from '../runs/segment.js';

/** A segment that is missing, of another length, or not what its writer must have written. */
export interface SegmentFault {
  readonly writer: number;
  readonly key: string;
  readonly fault: string;
}

export interface SegmentReadOptions extends ReadOptions {
  /**
   * Whether each segment's records are hashed, too [false]. Their CRC-32 tells nearly all damage for half the price; what
   * it misses shows in the digest of the task, and then tells whose it was.
   */
  readonly hashed?: boolean;
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
  memory: WorkMemory,
  windows: readonly ReadWindow[],
  identify: (segment: IncomingSegment) => { object: ObjectLocation; identity: SegmentIdentity },
  target: RecordTarget,
  options: SegmentReadOptions,
): Promise<{ digests: string[]; faults: SegmentFault[] }> {
  const digests: string[] = [];
  const faults: SegmentFault[] = [];
  const filled = segments.filter((segment) => segment.records > 0);
  await readEach(filled, windows, options.signal, async (segment, window, signal) => {
    const { object, identity } = identify(segment);
    try {
      const read = await readSegment(store, object, segment, width, memory, window, identity, target, {
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
  memory: WorkMemory,
  window: ReadWindow,
  identity: SegmentIdentity,
  target: RecordTarget,
  options: SegmentReadOptions,
): Promise<{ digest: string } | { fault: string }> {
  const step = recordsPerRead(width);
  const runs = new RunReader(segment);
  let crc = 0;
  let hashes = 0n;
  for (let first = 0; first < segment.records; first += step) {
    const count = Math.min(step, segment.records - first);
    const last = first + count === segment.records;
    const start = segment.offset + first * width;
    const length = count * width + (last ? trailerBytes : 0);
    let left = count;
    window.begin(length, (address, held) => {
      const whole = Math.min(left, Math.floor(held / width));
      crc = crc32(memory.view(address, whole * width), crc);
      if (options.hashed) hashes = memory.addHashes(hashes, address, whole, width);
      let source = address;
      for (const run of runs.take(whole)) {
        target.place(run.first, run.records, 0, source, width, width);
        source += run.records * width;
      }
      left -= whole;
      return whole * width;
    });
    await store.read(object, { start, end: start + length }, window, { signal: options.signal });
    options.onBytes(length);
    if (!last) continue;
    const named = trailerDigest(window.rest);
    const fault = trailerFault(window.rest, identity, { crc32: crc, digest: options.hashed ? hashes : named });
    return fault === undefined ? { digest: digestOf(named) } : { fault };
  }
  throw new RangeError('A segment without records has no trailer to check');
}

/** Records of a segment that one GET reads, at most; the last one reads the trailer too. */
export function recordsPerRead(recordBytes: number): number {
  return Math.max(1, Math.floor((readBytes - trailerBytes) / recordBytes));
}

/** Bytes of the largest GET of `readSegments`. */
export function largestSegmentRead(segments: readonly IncomingSegment[], width: number): number {
  const records = segments.reduce((most, segment) => Math.max(most, segment.records), 0);
  return Math.min(records, recordsPerRead(width)) * width + trailerBytes;
}

/** Hands out the numbers of a segment's records, in the order in which they stand in it. */
class RunReader {
  private index = 0;
  private done = 0;

  constructor(private readonly segment: IncomingSegment) {}

  /** The next `count` records, as runs of consecutive numbers. */
  *take(count: number): Generator<SegmentRun, void> {
    while (count > 0) {
      const run = this.segment.runs[this.index]!;
      const records = Math.min(count, run.records - this.done);
      if (records > 0) yield { first: run.first + this.done, records };
      count -= records;
      this.done += records;
      if (this.done === run.records) {
        this.index++;
        this.done = 0;
      }
    }
  }
}
