import { crc32 } from 'node:zlib';
import { partBytes } from './objectStore.js';

/**
 * An object in memory, cut into the parts in which it will be uploaded. It is written at random places and then sent
 * as it is; no typed array grows beyond a part, so an object may exceed the 4 GiB at which they end.
 */
export class PartedBuffer {
  readonly parts: Buffer[] = [];
  private readonly views: DataView[] = [];

  constructor(
    readonly length: number,
    private readonly size = partBytes,
  ) {
    for (let start = 0; start < length || start === 0; start += size) {
      const part = Buffer.allocUnsafeSlow(Math.min(size, length - start));
      this.parts.push(part);
      this.views.push(new DataView(part.buffer, part.byteOffset, part.length));
    }
  }

  /** Copies source[start, end) to `position`. */
  write(position: number, source: Uint8Array, start: number, end: number): void {
    let index = Math.floor(position / this.size);
    let at = position - index * this.size;
    while (start < end) {
      const part = this.parts[index]!;
      const length = Math.min(end - start, part.length - at);
      copyBytes(part, at, source, start, start + length);
      start += length;
      index++;
      at = 0;
    }
  }

  /**
   * Calls `visit` with a view that holds [position, position + length) without a seam: the part itself, or `scratch`
   * with a copy where the range crosses parts.
   * @param scratch at least `length` bytes
   */
  read<T>(position: number, length: number, scratch: Scratch, visit: (view: DataView, offset: number) => T): T {
    const index = Math.floor(position / this.size);
    const at = position - index * this.size;
    if (at + length <= this.parts[index]!.length) return visit(this.views[index]!, at);
    this.copyTo(position, length, scratch.bytes, 0);
    return visit(scratch.view, 0);
  }

  /** Copies [position, position + length) to `target` from `targetStart`. */
  copyTo(position: number, length: number, target: Uint8Array, targetStart: number): void {
    let index = Math.floor(position / this.size);
    let at = position - index * this.size;
    for (const end = targetStart + length; targetStart < end; index++, at = 0) {
      const part = this.parts[index]!;
      const count = Math.min(end - targetStart, part.length - at);
      copyBytes(target, targetStart, part, at, at + count);
      targetStart += count;
    }
  }

  /** CRC-32 of [position, position + length), continued from `seed`. */
  crc32(position = 0, length = this.length, seed = 0): number {
    let index = Math.floor(position / this.size);
    let at = position - index * this.size;
    let crc = seed;
    for (let left = length; left > 0; index++, at = 0) {
      const piece = this.parts[index]!.subarray(at, at + left);
      crc = crc32(piece, crc);
      left -= piece.length;
    }
    return crc;
  }
}

/** Memory for a range that crosses parts, and a view of it. */
export interface Scratch {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export function scratchFor(length: number): Scratch {
  const bytes = new Uint8Array(length);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** Native copying costs more than the bytes for the few bytes of a token or a position. */
function copyBytes(target: Uint8Array, at: number, source: Uint8Array, start: number, end: number): void {
  if (end - start <= 16) for (let i = start; i < end; i++) target[at++] = source[i]!;
  else target.set(source.subarray(start, end), at);
}
