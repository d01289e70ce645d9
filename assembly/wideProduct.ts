/** The 128-bit product of two words, which WebAssembly cannot multiply by itself, from products of their halves. */

const half: u64 = 0xffff_ffff;

/** The high 64 bits of a · b. */
export function highProduct(a: u64, b: u64): u64 {
  const lowHigh = (a & half) * (b >> 32);
  const highLow = (a >> 32) * (b & half);
  // Below 2^64: a product of halves is at most (2^32 − 1)^2, the rest at most 2 (2^32 − 1).
  const middle = (((a & half) * (b & half)) >> 32) + (highLow & half) + lowHigh;
  return (a >> 32) * (b >> 32) + (highLow >> 32) + (middle >> 32);
}

/** The low 64 bits of a · b, exclusive or the high ones. */
export function foldedProduct(a: u64, b: u64): u64 {
  return (a * b) ^ highProduct(a, b);
}
