import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { partBytes } from '../storage/objectStore.js';
import { encodeEntry, encodeHeader, entryOffset, itemCrc, maxItemBytes } from './pack.js';

/** A file, ready to be written. */
export interface PackedFile {
  /** One after the other; each is as large as a part of an upload should be. */
  readonly parts: readonly Uint8Array[];
  /** SHA-256 of all items, unpacked, one after the other. */
  readonly digest: Uint8Array;
}

/** Makes a pack in memory, item by item in the order of their numbers. */
export class PackWriter {
  readonly #stored: (Uint8Array | undefined)[] = [];
  readonly #hash = createHash('sha256');

  /** @param first number of the first item */
  constructor(private readonly first: number) {}

  /** The next item; undefined when there is none of its number. @throws RangeError when it is too long */
  add(content: Uint8Array | undefined): void {
    if (content !== undefined && content.length > maxItemBytes) {
      throw new RangeError(`item ${this.first + this.#stored.length} has ${content.length} bytes`);
    }
    this.addStored(content && packItem(content), content);
  }

  /** The next item, which is packed already. @param content the same unpacked */
  addStored(stored: Uint8Array | undefined, content: Uint8Array | undefined): void {
    if (content) this.#hash.update(content);
    this.#stored.push(stored);
  }

  finish(): PackedFile {
    let offset = entryOffset(this.#stored.length);
    const entries = this.#stored.map((stored = new Uint8Array(0), n) => {
      const item = this.first + n;
      const entry = { item, offset, length: stored.length, crc: itemCrc(item, offset, stored) };
      offset += stored.length;
      return encodeEntry(entry);
    });
    const digest = new Uint8Array(this.#hash.digest());
    const header = encodeHeader({ first: this.first, items: entries.length, bytes: offset, digest });
    const stored = this.#stored.filter((item) => item !== undefined);
    return { parts: inParts([header, ...entries, ...stored], offset), digest };
  }
}

/** The same bytes in parts of `partBytes`. @param bytes of all pieces together */
function inParts(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let [part, filled, rest] = [new Uint8Array(0), 0, bytes];
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      if (filled === part.length) {
        [part, filled] = [new Uint8Array(Math.min(partBytes, rest)), 0];
        parts.push(part);
      }
      const taken = piece.subarray(at, at + part.length - filled);
      part.set(taken, filled);
      at += taken.length;
      filled += taken.length;
      rest -= taken.length;
    }
  }
  return parts;
}

/** One gzip member. Its header says nothing of when and where it was made: equal content has equal bytes. */
export function packItem(content: Uint8Array): Uint8Array {
  const stored = gzipSync(content, { level: 9, memLevel: 8, windowBits: 15 });
  // RFC 1952: no modification time, an unknown operating system.
  stored.fill(0, 4, 8);
  stored[9] = 255;
  return stored;
}

/** One digest of several packs: SHA-256 of their digests one after the other. */
export function digestOfPacks(digests: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const digest of digests) hash.update(digest);
  return hash.digest('hex');
}
