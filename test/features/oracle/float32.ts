/** Float32 numbers: their bits, their bins, and how they print. */
const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

export function bitsOf(value: number): number {
  float[0] = value;
  return word[0]!;
}

export function fromBits(bits: number): number {
  word[0] = bits;
  return float[0]!;
}

/** The bin of a positive float32: 8 of equal width in each octave. */
export function binOf(value: number): number {
  return bitsOf(value) >>> 20;
}

/** The lower edge of a bin, which is the upper edge of the bin before. */
export function edgeOf(bin: number): number {
  return fromBits(bin << 20);
}

/**
 * The number that prints as the shortest decimal that reads back as this float32; of several, the nearest to it; of two as
 * near, the one with the even last digit.
 */
export function shortest(value: number): number {
  if (value === 0) return 0;
  if (value < 0) return -shortest(-value);
  for (let digits = 1; digits <= 9; digits++) {
    // Below a power of two floats stand closer than above: the decimal above may read back where the nearer one below does not.
    const nearest = rounded(value, digits);
    const found = [nearest, { ...nearest, integer: nearest.integer + 1 }]
      .map(({ integer, exponent }) => Number(`${integer}e${exponent}`))
      .find((decimal) => Math.fround(decimal) === value);
    if (found !== undefined) return found;
  }
  throw new Error(`${value} is no finite float32`);
}

/** A positive number rounded to so many digits, as integer · 10^exponent; halves go to the even integer. */
function rounded(value: number, digits: number): { integer: number; exponent: number } {
  const [significand = '', exponent = ''] = value.toExponential(100).split('e');
  const exact = significand.replace('.', '');
  const [kept, rest] = [Number(exact.slice(0, digits)), exact.slice(digits)];
  const half = '5'.padEnd(rest.length, '0');
  const isUp = rest > half || (rest === half && kept % 2 === 1);
  return { integer: kept + (isUp ? 1 : 0), exponent: Number(exponent) - (digits - 1) };
}
