import { PartedBuffer, scratchFor } from '../storage/partedBuffer.js';
import type { ColumnarFile } from './columnarFile.js';
import type { Pause, RecordTarget } from './recordTarget.js';
import type { Steps } from './steps.js';
import { hashRecord, MultisetDigest } from './recordHash.js';
import { encodeTrailer, trailerBytes } from './segment.js';
import type { SegmentIdentity } from './segment.js';

/** A place for every record: its slot in the task's output order and the group (bucket or shard) that it falls in. */
export interface Placement {
  readonly slots: Uint32Array;
  readonly groups: Uint32Array;
  /** First slot of each group, and the end. */
  readonly groupStarts: Float64Array;
}

/** Slots that are filled between two steps: tens of milliseconds. */
const slotsPerStep = 2 ** 21;

/**
 * Turns an output order into places.
 * @param order record numbers in output order; becomes part of the result
 * @param slots as long, with any content; becomes part of the result
 */
export function* placement(order: Uint32Array, slots: Uint32Array, groupStarts: Float64Array): Steps<Placement> {
  for (let slot = 0; slot < order.length; slot++) {
    slots[order[slot]!] = slot;
    if (slot % slotsPerStep === slotsPerStep - 1) yield;
  }
  const groups = order;
  for (let group = 0; group + 1 < groupStarts.length; group++) {
    groups.fill(group, groupStarts[group], groupStarts[group + 1]);
  }
  return { slots, groups, groupStarts };
}

/** A scatter task's packed object: one segment per bucket, records as they were read, each segment with its trailer. */
export class PackedTarget implements RecordTarget {
  readonly object: PartedBuffer;

  constructor(
    private readonly place: Placement,
    private readonly recordBytes: number,
  ) {
    const groups = place.groupStarts.length - 1;
    this.object = new PartedBuffer(place.slots.length * recordBytes + groups * trailerBytes);
  }

  write(record: number, offset: number, source: Uint8Array, start: number, end: number): void {
    const slot = this.place.slots[record]!;
    const position = slot * this.recordBytes + this.place.groups[slot]! * trailerBytes + offset;
    this.object.write(position, source, start, end);
  }

  /**
   * Hashes all records and writes the trailers.
   * @returns the multiset digest of each segment, hex
   */
  async seal(identify: (group: number, records: number) => SegmentIdentity, pause: Pause): Promise<string[]> {
    const { recordBytes, object } = this;
    const scratch = scratchFor(recordBytes);
    const hash = new Uint32Array(4);
    const digests: string[] = [];
    for (let group = 0; group + 1 < this.place.groupStarts.length; group++) {
      const firstSlot = this.place.groupStarts[group]!;
      const records = this.place.groupStarts[group + 1]! - firstSlot;
      const start = firstSlot * recordBytes + group * trailerBytes;
      const sum = new MultisetDigest();
      for (let record = 0; record < records; record++) {
        object.read(start + record * recordBytes, recordBytes, scratch, (view, at) => {
          hashRecord(view, at, recordBytes, hash);
        });
        sum.add(hash);
        if (record % 65_536 === 65_535) await pause();
      }
      const digest = sum.toHex();
      const data = records * recordBytes;
      const trailer = encodeTrailer(identify(group, records), digest, object.crc32(start, data));
      object.write(start + data, trailer, 0, trailerBytes);
      digests.push(digest);
      await pause();
    }
    return digests;
  }
}

/** The output shards of a gather task, as files. */
export class ShardsTarget implements RecordTarget {
  /** @param files one per group of the placement, with as many rows */
  constructor(
    private readonly place: Placement,
    private readonly files: readonly ColumnarFile[],
  ) {}

  write(record: number, offset: number, source: Uint8Array, start: number, end: number): void {
    const slot = this.place.slots[record]!;
    const shard = this.place.groups[slot]!;
    this.files[shard]!.write(slot - this.place.groupStarts[shard]!, offset, source, start, end);
  }
}
