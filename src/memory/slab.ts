import { crc32 } from '@node-rs/crc32';
import { combineCrc32 } from '../storage/crc32.js';
import { partBytes } from '../storage/objectStore.js';
import type { SettledPart } from '../storage/objectStore.js';
import type { WorkMemory } from './workMemory.js';

/** Bytes of a slab that lie together in memory: [start, end) of the slab, from `address` on. */
interface Extent {
  readonly start: number;
  end: number;
  readonly address: number;
}

/** Records that lie together in memory. */
export interface RecordRun {
  readonly address: number;
  readonly count: number;
}

/**
 * An object in memory, cut into the parts in which it will be uploaded. It is written at random places and then sent as
 * it is.
 */
export class Slab {
  /** Where the parts begin. */
  private readonly parts: number[] = [];
  private readonly extents: Extent[] = [];

  /** @param size bytes of a part [those of an upload]; for tests */
  constructor(
    private readonly memory: WorkMemory,
    readonly length: number,
    private readonly size = partBytes,
  ) {
    for (let start = 0; start < length || start === 0; start += size) {
      const end = Math.min(start + size, length);
      const address = memory.take(end - start);
      this.parts.push(address);
      const last = this.extents.at(-1);
      if (last && last.address + last.end - last.start === address) last.end = end;
      else this.extents.push({ start, end, address });
    }
  }

  /** Where [position, position + length) lies; −1 where it does not lie together. */
  address(position: number, length: number): number {
    const [only] = this.extents;
    if (this.extents.length === 1) return only!.address + position;
    const part = Math.floor(position / this.size);
    const inPart = position - part * this.size;
    const address = this.parts[part]! + inPart;
    if (inPart + length <= this.size) return address;
    const extent = this.extents.find(({ start, end }) => position >= start && position < end);
    return extent && position + length <= extent.end ? address : -1;
  }

  /** Copies `bytes` to `position`. */
  write(position: number, bytes: Uint8Array): void {
    let done = 0;
    for (const piece of this.views(position, bytes.length)) {
      piece.set(bytes.subarray(done, done + piece.length));
      done += piece.length;
    }
  }

  /** The bytes [position, position + length), in as many pieces as they lie in, cut at the parts. */
  *views(position: number, length: number): Generator<Uint8Array, void> {
    while (length > 0) {
      const part = Math.floor(position / this.size);
      const inPart = position - part * this.size;
      const count = Math.min(length, this.size - inPart);
      yield this.memory.view(this.parts[part]! + inPart, count);
      position += count;
      length -= count;
    }
  }

  /**
   * `count` records of `width` bytes from `position` on, in runs that lie together and hold at most `most` records.
   * @param scratch address to which a record that does not lie together is copied
   */
  *recordRuns(
    position: number,
    count: number,
    width: number,
    most: number,
    scratch: number,
  ): Generator<RecordRun, void> {
    for (let record = 0; record < count;) {
      const at = position + record * width;
      const extent = this.extents.find(({ start, end }) => at >= start && at < end) ?? this.extents.at(-1)!;
      const whole = width === 0 ? count : Math.floor((extent.end - at) / width);
      const run = Math.min(whole, most, count - record);
      if (run > 0) {
        yield { address: extent.address + at - extent.start, count: run };
        record += run;
        continue;
      }
      let copied = 0;
      for (const piece of this.views(at, width)) {
        this.memory.view(scratch + copied, piece.length).set(piece);
        copied += piece.length;
      }
      yield { address: scratch, count: 1 };
      record++;
    }
  }

  /** CRC-32 of [position, position + length). */
  crc32(position = 0, length = this.length): number {
    let crc = 0;
    for (const piece of this.views(position, length)) crc = crc32(piece, crc);
    return crc;
  }

  /** The parts as they are uploaded. @param checksums of all bytes */
  settledParts(checksums: PartChecksums): SettledPart[] {
    return this.parts.map((address, index) => ({
      bytes: this.memory.view(address, Math.min(this.size, this.length - index * this.size)),
      crc32: checksums.ofPart(index),
    }));
  }

  /** The part that holds a position. */
  partOf(position: number): number {
    return Math.floor(position / this.size);
  }
}

/**
 * CRC-32s of a slab's parts and of ranges in it, with one look at every byte: ranges are added from the slab's beginning
 * to its end, each once.
 */
export class PartChecksums {
  private readonly parts: number[] = [];

  constructor(private readonly slab: Slab) {}

  /** Takes the next bytes, [position, position + length), into account; returns their own CRC-32. */
  add(position: number, length: number): number {
    let range = 0;
    let at = position;
    for (const piece of this.slab.views(position, length)) {
      const crc = crc32(piece);
      const part = this.slab.partOf(at);
      range = combineCrc32(range, crc, piece.length);
      this.parts[part] = combineCrc32(this.parts[part] ?? 0, crc, piece.length);
      at += piece.length;
    }
    return range;
  }

  ofPart(index: number): number {
    return this.parts[index] ?? 0;
  }
}
