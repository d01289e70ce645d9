/** Hashes of records that stand one after the other. */
import { hash, hashHigh, hashLow } from './xxh3';

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

/** Adds the hashes of `count` records of `width` bytes to the 128-bit integer at `sum`, modulo 2^128. */
export function sumRecords(records: u32, count: u32, width: u32, sum: u32): void {
  let low = load<u64>(sum);
  let high = load<u64>(sum, 8);
  for (let i: u32 = 0; i < count; i++) {
    hash(records, width);
    low += hashLow;
    high += hashHigh + (low < hashLow ? 1 : 0);
    records += width;
  }
  store<u64>(sum, low);
  store<u64>(sum, high, 8);
}
