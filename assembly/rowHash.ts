/** The hash by which random examples are drawn: docs/formats.md, "Row hash". */
import { shortHash64 } from './xxh3';

const inputBytes: u64 = 12;

/** XXH3_64bits, with a seed, of the 12 bytes feature (u32) and row (u64), little-endian. */
export function rowHash(feature: u32, row: u64, seed: u64): u64 {
  return shortHash64((<u64>feature) | (row << 32), row, inputBytes, seed);
}

/** Replaces each of `count` rows (u64) by its hash. */
export function hashRows(feature: u32, rows: u32, count: u32, seed: u64): void {
  for (const end = rows + (count << 3); rows < end; rows += 8) {
    store<u64>(rows, rowHash(feature, load<u64>(rows), seed));
  }
}
