import { Slab } from '../memory/slab.js';
import { batchRecords } from '../memory/workMemory.js';
import type { WorkMemory } from '../memory/workMemory.js';
import type { SettledPart } from '../storage/objectStore.js';
import type { Placement } from './placement.js';
import { digestOf, emptyDigest } from './recordHash.js';
import type { Pause, RecordTarget } from './recordTarget.js';
import { encodeTrailer, trailerBytes } from './segment.js';
import type { SegmentIdentity } from './segment.js';

/** Bytes of records that are hashed between two pauses: a few milliseconds. */
const bytesPerPause = 8 * 1024 * 1024;

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

  /** Hashes all records and writes the trailers. */
  async seal(identify: (segment: number, records: number) => SegmentIdentity, pause: Pause): Promise<SealedObject> {
    const { memory, object, recordBytes, scratch } = this;
    const { groupStarts } = this.placement;
    const most = Math.max(1, Math.floor(bytesPerPause / recordBytes));
    const digests: string[] = [];
    for (let segment = 0; segment + 1 < groupStarts.length; segment++) {
      const firstSlot = groupStarts[segment]!;
      const records = groupStarts[segment + 1]! - firstSlot;
      const start = firstSlot * recordBytes + segment * trailerBytes;
      const digest = emptyDigest();
      for (const run of object.recordRuns(start, records, recordBytes, most, scratch)) {
        memory.digestRecords(run.address, run.count, recordBytes, digest);
        await pause();
      }
      object.write(start + records * recordBytes, encodeTrailer(identify(segment, records), digest));
      digests.push(digestOf(digest.sum));
    }
    return { parts: object.settledParts(), digests };
  }
}
