import { PartChecksums, Slab } from '../memory/slab.js';
import { batchRecords } from '../memory/workMemory.js';
import type { WorkMemory } from '../memory/workMemory.js';
import { combineCrc32 } from '../storage/crc32.js';
import type { SettledPart } from '../storage/objectStore.js';
import type { Placement } from './placement.js';
import { digestOf } from './recordHash.js';
import type { Pause, RecordTarget } from './recordTarget.js';
import { encodeTrailer, trailerBytes } from '../runs/segment.js';
import type { SegmentIdentity } from '../runs/segment.js';

/** Bytes that are hashed and summed at a time: they stay in the processor's cache. */
const sweepBytes = 256 * 1024;
/** Sweeps between two pauses: a few milliseconds. */
const sweepsPerPause = 32;

/** A packed object that is complete. */
export interface SealedObject {
  readonly parts: readonly SettledPart[];
  /** Multiset digest of each segment, hex. */
  readonly digests: readonly string[];
}

/** A scatter task's packed object: one segment per bucket, records as they were read, each segment with its trailer. */
export class PackedTarget implements RecordTarget {
  /** Bytes of the object. */
  readonly length: number;
  private readonly object: Slab;
  private readonly scratch: number;

  constructor(
    private readonly memory: WorkMemory,
    private readonly placement: Placement,
    private readonly recordBytes: number,
  ) {
    const segments = placement.groupStarts.length - 1;
    this.length = placement.slots.length * recordBytes + segments * trailerBytes;
    this.scratch = memory.take(recordBytes);
    this.object = new Slab(memory, this.length);
  }

  place(first: number, count: number, offset: number, source: number, stride: number, length: number): void {
    const { memory, object, recordBytes } = this;
    const { slots, groups } = this.placement;
    const { addresses } = memory;
    for (let done = 0; done < count; done += batchRecords) {
      const batch = Math.min(batchRecords, count - done);
      for (let i = 0; i < batch; i++) {
        const slot = slots[first + done + i]!;
        const position = slot * recordBytes + groups[slot]! * trailerBytes + offset;
        const address = object.address(position, length);
        addresses[i] = address;
        if (address < 0) object.write(position, memory.view(source + (done + i) * stride, length));
      }
      memory.scatter(source + done * stride, stride, length, batch);
    }
  }

  /** Hashes all records, writes the trailers, and sums up all bytes. */
  async seal(identify: (segment: number, records: number) => SegmentIdentity, pause: Pause): Promise<SealedObject> {
    const { memory, object, recordBytes, scratch } = this;
    const { groupStarts } = this.placement;
    const most = Math.max(1, Math.floor(sweepBytes / recordBytes));
    const checksums = new PartChecksums(object);
    const digests: string[] = [];
    let sweeps = 0;
    let position = 0;
    for (let segment = 0; segment + 1 < groupStarts.length; segment++) {
      const records = groupStarts[segment + 1]! - groupStarts[segment]!;
      let digest = 0n;
      let crc = 0;
      for (const run of object.recordRuns(position, records, recordBytes, most, scratch)) {
        const length = run.count * recordBytes;
        digest = memory.addHashes(digest, run.address, run.count, recordBytes);
        crc = combineCrc32(crc, checksums.add(position, length), length);
        position += length;
        if (++sweeps % sweepsPerPause === 0) await pause();
      }
      object.write(position, encodeTrailer(identify(segment, records), { digest, crc32: crc }));
      checksums.add(position, trailerBytes);
      position += trailerBytes;
      digests.push(digestOf(digest));
    }
    return { parts: object.settledParts(checksums), digests };
  }
}
