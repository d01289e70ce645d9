import { RunDamaged } from '../errors.js';
import { crc32 } from './crc32.js';

/**
 * A pack holds numbered items, each compressed by itself, behind an index that is found without knowing the file's
 * length: a cold item costs two range requests. docs/formats.md has the layout byte by byte.
 */
export const packMagic = 'RIFPACK1';
export const headerBytes = 64;
export const entryBytes = 16;

/** No item is longer than this, packed or unpacked; a longer one is damage, and is never read. */
export const maxItemBytes = 64 * 1024 * 1024;

export interface PackHeader {
  /** Number of the first item. */
  readonly first: number;
  /** How many numbers the pack covers. */
  readonly items: number;
  /** Length of the file. */
  readonly bytes: number;
  /** SHA-256 of all items, unpacked, one after the other. */
  readonly digest: Uint8Array;
}

/** Where an item lies. */
export interface PackEntry {
  readonly item: number;
  readonly offset: number;
  /** 0: there is no such item. */
  readonly length: number;
  readonly crc: number;
}

/** Where the entry of the n-th item of a pack lies. */
export function entryOffset(n: number): number {
  return headerBytes + n * entryBytes;
}

export function encodeHeader({ first, items, bytes, digest }: PackHeader): Uint8Array {
  const header = new Uint8Array(headerBytes);
  const view = viewOf(header);
  header.set(new TextEncoder().encode(packMagic));
  view.setUint32(8, items, true);
  view.setBigUint64(16, BigInt(first), true);
  view.setBigUint64(24, BigInt(bytes), true);
  header.set(digest, 32);
  view.setUint32(12, crc32(header), true);
  return header;
}

/** @throws RunDamaged that names `file` */
export function decodeHeader(bytes: Uint8Array, file: string): PackHeader {
  if (bytes.length < headerBytes) throw damaged(file, `it has ${bytes.length} bytes, and its header alone takes 64`);
  const header = bytes.slice(0, headerBytes);
  const view = viewOf(header);
  const magic = new TextDecoder('latin1').decode(header.subarray(0, 8));
  if (magic !== packMagic) throw damaged(file, `it begins with ${JSON.stringify(magic)}, not with "${packMagic}"`);
  const crc = view.getUint32(12, true);
  view.setUint32(12, 0, true);
  if (crc32(header) !== crc) throw damaged(file, 'its header is corrupt');
  return {
    items: view.getUint32(8, true),
    first: Number(view.getBigUint64(16, true)),
    bytes: Number(view.getBigUint64(24, true)),
    digest: header.slice(32),
  };
}

export function encodeEntry({ offset, length, crc }: PackEntry): Uint8Array {
  const entry = encodePlace(offset, length);
  viewOf(entry).setUint32(12, crc, true);
  return entry;
}

/**
 * Reads entries that stand one after the other.
 * @param firstItem number of the first of them
 * @throws RunDamaged that names `file` for one that cannot be
 */
export function decodeEntries(bytes: Uint8Array, firstItem: number, file: string): PackEntry[] {
  const view = viewOf(bytes);
  return Array.from({ length: bytes.length / entryBytes }, (_, n) => {
    const at = n * entryBytes;
    const entry = {
      item: firstItem + n,
      offset: Number(view.getBigUint64(at, true)),
      length: view.getUint32(at + 8, true),
      crc: view.getUint32(at + 12, true),
    };
    if (entry.length === 0) checkStored(entry, new Uint8Array(0), file);
    if (entry.length > maxItemBytes || !Number.isSafeInteger(entry.offset)) {
      throw damaged(file, `the index entry of item ${entry.item} is corrupt`);
    }
    return entry;
  });
}

/**
 * CRC-32 of an item's number, its place and its packed bytes: no other item, no other place and no other version of the
 * file has it.
 */
export function itemCrc(item: number, offset: number, stored: Uint8Array): number {
  const number = new Uint8Array(8);
  viewOf(number).setBigUint64(0, BigInt(item), true);
  return crc32(stored, crc32(encodePlace(offset, stored.length).subarray(0, 12), crc32(number)));
}

/** @throws RunDamaged that names `file` and the item when these are not the bytes that the entry is about */
export function checkStored({ item, offset, length, crc }: PackEntry, stored: Uint8Array, file: string): void {
  if (stored.length !== length || itemCrc(item, offset, stored) !== crc) throw damaged(file, `item ${item} is corrupt`);
}

export function damaged(file: string, what: string): RunDamaged {
  return new RunDamaged(
    `${file} of the run is damaged: ${what}. Copy the file anew from where the run was made, or run visualize again.`,
    { file },
  );
}

function encodePlace(offset: number, length: number): Uint8Array {
  const entry = new Uint8Array(entryBytes);
  const view = viewOf(entry);
  view.setBigUint64(0, BigInt(offset), true);
  view.setUint32(8, length, true);
  return entry;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
