/** Reversed polynomial of CRC-32 (IEEE 802.3). */
const polynomial = 0xedb88320;

/**
 * CRC-32 of two byte strings one after the other, from the CRCs of each: the first CRC is advanced over `secondLength`
 * zero bytes by squaring the matrix of one zero bit over GF(2) (Adler's crc32_combine in zlib).
 * @param secondLength bytes of the second string
 */
export function combineCrc32(first: number, second: number, secondLength: number): number {
  let crc = first;
  let operator = Uint32Array.from({ length: 32 }, (_, bit) => (bit === 0 ? polynomial : 2 ** (bit - 1)));
  for (let zeros = secondLength * 8; zeros >= 1; zeros = Math.floor(zeros / 2)) {
    if (zeros % 2 === 1) crc = apply(operator, crc);
    operator = operator.map((column) => apply(operator, column));
  }
  return (crc ^ second) >>> 0;
}

function apply(operator: Uint32Array, vector: number): number {
  let sum = 0;
  for (let bit = 0, rest = vector >>> 0; rest !== 0; bit++, rest >>>= 1) if (rest & 1) sum ^= operator[bit]!;
  return sum >>> 0;
}
