/** Hashes of records that stand one after the other. */
import { hash, hashHigh, hashLow, hashTwo, otherHigh, otherLow } from './xxh3';

/** Writes the hash of each of `count` records of `width` bytes to `hashes`, 16 bytes each, the low word first. */
export function hashRecords(records: u32, count: u32, width: u32, hashes: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    hash(records, width);
    store<u64>(hashes, hashLow);
    store<u64>(hashes, hashHigh, 8);
    records += width;
    hashes += 16;
  }
}

/** How far ahead of the record that is hashed bytes are fetched, and the bytes that a processor fetches at a time. */
const fetchDistance: u32 = 1024;
const lineBytes: u32 = 64;

/**
 * Adds the hashes of `count` records of `width` bytes to the 16 bytes at `digest`, modulo 2^128. The 8 bytes that follow
 * are overwritten.
 */
export function digestRecords(records: u32, count: u32, width: u32, digest: u32): void {
  let low = load<u64>(digest);
  let high = load<u64>(digest, 8);
  const end: u64 = <u64>records + <u64>count * width;
  // Stored at the end, for reads whose values nobody uses would be optimized away.
  let touched: u64 = 0;
  let record: u32 = 0;
  if (width > 240) {
    // Two at a time, half of all records apart: they lie in pages of their own.
    const apart = (count >> 1) * width;
    for (; record < count >> 1; record++) {
      touched ^= touch(records, width, end) ^ touch(records + apart, width, end);
      hashTwo(records, records + apart, width);
      low += hashLow;
      high += hashHigh + (low < hashLow ? 1 : 0);
      low += otherLow;
      high += otherHigh + (low < otherLow ? 1 : 0);
      records += width;
    }
    record <<= 1;
    records += apart;
  }
  for (; record < count; record++) {
    touched ^= touch(records, width, end);
    hash(records, width);
    low += hashLow;
    high += hashHigh + (low < hashLow ? 1 : 0);
    records += width;
  }
  store<u64>(digest, low);
  store<u64>(digest, high, 8);
  store<u64>(digest, touched, 16);
}

/** Has the processor fetch the record that stands `fetchDistance` bytes on, if there is one. */
function touch(records: u32, width: u32, end: u64): u64 {
  let touched: u64 = 0;
  // In 64 bits: an address near the end of a memory of 4 GiB must not wrap.
  const ahead: u64 = <u64>records + fetchDistance;
  if (ahead + width <= end) {
    for (let offset: u32 = 0; offset + 8 <= width; offset += lineBytes) touched ^= load<u64>(<u32>ahead + offset);
  }
  return touched;
}
