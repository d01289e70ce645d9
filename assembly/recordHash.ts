/** MurmurHash3 x86_128 (Appleby 2011, public domain) with seed 0, over records that stand one after the other. */

/**
 * Writes the hash of each of `count` records of `width` bytes to `hashes`, 16 bytes each.
 * @returns nothing; the four words of a hash are little-endian
 */
export function hashRecords(records: u32, count: u32, width: u32, hashes: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    hash(records, width, hashes);
    records += width;
    hashes += 16;
  }
}

/**
 * Adds the hashes of `count` records of `width` bytes to the 128-bit integer at `sum`, modulo 2^128.
 * @param scratch address of 16 bytes
 */
export function sumRecords(records: u32, count: u32, width: u32, sum: u32, scratch: u32): void {
  let low = load<u64>(sum);
  let high = load<u64>(sum, 8);
  for (let i: u32 = 0; i < count; i++) {
    hash(records, width, scratch);
    const before = low;
    low += load<u64>(scratch);
    high += load<u64>(scratch, 8) + (low < before ? 1 : 0);
    records += width;
  }
  store<u64>(sum, low);
  store<u64>(sum, high, 8);
}

function hash(record: u32, length: u32, result: u32): void {
  const c1: u32 = 0x239b961b;
  const c2: u32 = 0xab0e9789;
  const c3: u32 = 0x38b34ae5;
  const c4: u32 = 0xa1e38b93;
  let h1: u32 = 0;
  let h2: u32 = 0;
  let h3: u32 = 0;
  let h4: u32 = 0;
  const tail = record + (length & ~15);
  for (; record < tail; record += 16) {
    h1 ^= rotl<u32>(load<u32>(record) * c1, 15) * c2;
    h1 = (rotl<u32>(h1, 19) + h2) * 5 + 0x561ccd1b;
    h2 ^= rotl<u32>(load<u32>(record, 4) * c2, 16) * c3;
    h2 = (rotl<u32>(h2, 17) + h3) * 5 + 0x0bcaa747;
    h3 ^= rotl<u32>(load<u32>(record, 8) * c3, 17) * c4;
    h3 = (rotl<u32>(h3, 15) + h4) * 5 + 0x96cd1c35;
    h4 ^= rotl<u32>(load<u32>(record, 12) * c4, 18) * c1;
    h4 = (rotl<u32>(h4, 13) + h1) * 5 + 0x32ac3b17;
  }
  const rest = length & 15;
  if (rest > 12) h4 ^= rotl<u32>(partialWord(tail + 12, rest - 12) * c4, 18) * c1;
  if (rest > 8) h3 ^= rotl<u32>(partialWord(tail + 8, rest - 8) * c3, 17) * c4;
  if (rest > 4) h2 ^= rotl<u32>(partialWord(tail + 4, rest - 4) * c2, 16) * c3;
  if (rest > 0) h1 ^= rotl<u32>(partialWord(tail, rest) * c1, 15) * c2;
  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 += h2 + h3 + h4;
  h2 += h1;
  h3 += h1;
  h4 += h1;
  h1 = finalMix(h1);
  h2 = finalMix(h2);
  h3 = finalMix(h3);
  h4 = finalMix(h4);
  h1 += h2 + h3 + h4;
  h2 += h1;
  h3 += h1;
  h4 += h1;
  store<u32>(result, h1);
  store<u32>(result, h2, 4);
  store<u32>(result, h3, 8);
  store<u32>(result, h4, 12);
}

/** Up to four bytes as a little-endian word. */
function partialWord(address: u32, bytes: u32): u32 {
  if (bytes >= 4) return load<u32>(address);
  let word: u32 = load<u8>(address);
  if (bytes > 1) word |= (<u32>load<u8>(address, 1)) << 8;
  if (bytes > 2) word |= (<u32>load<u8>(address, 2)) << 16;
  return word;
}

function finalMix(word: u32): u32 {
  word ^= word >> 16;
  word *= 0x85ebca6b;
  word ^= word >> 13;
  word *= 0xc2b2ae35;
  word ^= word >> 16;
  return word;
}
