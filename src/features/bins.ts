/**
 * Bins of activations: the bin of a positive float32 is its bits >>> 20, so that an octave (a power of two and what lies
 * below the next one) has eight bins of equal width.
 */

export const binsPerOctave = 8;
/** Bins of finite numbers. */
export const binCount = 255 * binsPerOctave;

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The bin of the float32 nearest to a number, which is at least 0 and at most the largest float32. */
export function binOf(value: number): number {
  float[0] = value;
  return bits[0]! >>> 20;
}

/** The lower edge of a bin, which is the upper edge of the bin before: a float32, or 2^128 behind the last one. */
export function binEdge(bin: number): number {
  if (bin === binCount) return 2 ** 128;
  bits[0] = bin << 20;
  return float[0]!;
}

/** 2^(e − 150), 2^-149 for e = 0: what a 24-bit significand of a float32 with the exponent bits e counts. Exact. */
export function significandUnit(exponent: number): number {
  // No power function: ECMAScript leaves its last bits open.
  let unit = 1.401298464324817e-45;
  for (let e = 1; e < exponent; e++) unit *= 2;
  return unit;
}
