/** Reversed polynomial of CRC-32 (IEEE 802.3). */
const polynomial = 0xedb88320;

/** Matrices over GF(2) that advance a CRC over 2^k zero bytes, by columns; made as they are needed. */
const advances: Uint32Array[] = [];

/**
 * CRC-32 of two byte strings one after the other, from the CRCs of each: the first CRC is advanced over `secondLength`
 * zero bytes by matrices over GF(2) (Adler's crc32_combine in zlib).
 * @param secondLength bytes of the second string
 */
export function combineCrc32(first: number, second: number, secondLength: number): number {
  let crc = first;
  for (let power = 0, rest = secondLength; rest >= 1 && crc !== 0; power++, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) crc = apply(advanceOf(power), crc);
  }
  return (crc ^ second) >>> 0;
}

function advanceOf(power: number): Uint32Array {
  for (let known = advances.length; known <= power; known++) {
    advances.push(known === 0 ? oneByte() : squared(advances[known - 1]!));
  }
  return advances[power]!;
}

/** The matrix of one zero bit, squared three times. */
function oneByte(): Uint32Array {
  const oneBit = Uint32Array.from({ length: 32 }, (_, bit) => (bit === 0 ? polynomial : 2 ** (bit - 1)));
  return squared(squared(squared(oneBit)));
}

function squared(matrix: Uint32Array): Uint32Array {
  return matrix.map((column) => apply(matrix, column));
}

function apply(matrix: Uint32Array, vector: number): number {
  let sum = 0;
  for (let bit = 0, rest = vector >>> 0; rest !== 0; bit++, rest >>>= 1) if (rest & 1) sum ^= matrix[bit]!;
  return sum >>> 0;
}
