/** ChaCha (Bernstein 2008), four blocks at a time: lane k of every vector belongs to the k-th block. */

/** The words of a block's input that count: those of a stream's blocks, and those of the streams of a level's row nodes. */
export const blockCounter: u32 = 12;
export const rowIndex: u32 = 14;

/**
 * Writes four blocks of 64 bytes.
 * @param state address of the 16 words of the first block's input
 * @param counting `blockCounter` or `rowIndex`: the word in which the k-th block's input is k higher than the first's
 * @param output address of the 256 bytes
 */
export function chachaBlocks(state: u32, rounds: u32, counting: u32, output: u32): void {
  const steps = i32x4(0, 1, 2, 3);
  const none = i32x4.splat(0);
  const word12 = i32x4.add(v128.load32_splat(state, 48), counting == blockCounter ? steps : none);
  const word14 = i32x4.add(v128.load32_splat(state, 56), counting == rowIndex ? steps : none);
  let x0 = v128.load32_splat(state, 0);
  let x1 = v128.load32_splat(state, 4);
  let x2 = v128.load32_splat(state, 8);
  let x3 = v128.load32_splat(state, 12);
  let x4 = v128.load32_splat(state, 16);
  let x5 = v128.load32_splat(state, 20);
  let x6 = v128.load32_splat(state, 24);
  let x7 = v128.load32_splat(state, 28);
  let x8 = v128.load32_splat(state, 32);
  let x9 = v128.load32_splat(state, 36);
  let x10 = v128.load32_splat(state, 40);
  let x11 = v128.load32_splat(state, 44);
  let x12 = word12;
  let x13 = v128.load32_splat(state, 52);
  let x14 = word14;
  let x15 = v128.load32_splat(state, 60);
  // Quarter rounds, two lines each: four columns, then four diagonals.
  // prettier-ignore
  for (let round: u32 = 0; round < rounds; round += 2) {
    x0 = i32x4.add(x0, x4); x12 = left16(v128.xor(x12, x0)); x8 = i32x4.add(x8, x12); x4 = left(v128.xor(x4, x8), 12);
    x0 = i32x4.add(x0, x4); x12 = left8(v128.xor(x12, x0)); x8 = i32x4.add(x8, x12); x4 = left(v128.xor(x4, x8), 7);
    x1 = i32x4.add(x1, x5); x13 = left16(v128.xor(x13, x1)); x9 = i32x4.add(x9, x13); x5 = left(v128.xor(x5, x9), 12);
    x1 = i32x4.add(x1, x5); x13 = left8(v128.xor(x13, x1)); x9 = i32x4.add(x9, x13); x5 = left(v128.xor(x5, x9), 7);
    x2 = i32x4.add(x2, x6); x14 = left16(v128.xor(x14, x2)); x10 = i32x4.add(x10, x14); x6 = left(v128.xor(x6, x10), 12);
    x2 = i32x4.add(x2, x6); x14 = left8(v128.xor(x14, x2)); x10 = i32x4.add(x10, x14); x6 = left(v128.xor(x6, x10), 7);
    x3 = i32x4.add(x3, x7); x15 = left16(v128.xor(x15, x3)); x11 = i32x4.add(x11, x15); x7 = left(v128.xor(x7, x11), 12);
    x3 = i32x4.add(x3, x7); x15 = left8(v128.xor(x15, x3)); x11 = i32x4.add(x11, x15); x7 = left(v128.xor(x7, x11), 7);
    x0 = i32x4.add(x0, x5); x15 = left16(v128.xor(x15, x0)); x10 = i32x4.add(x10, x15); x5 = left(v128.xor(x5, x10), 12);
    x0 = i32x4.add(x0, x5); x15 = left8(v128.xor(x15, x0)); x10 = i32x4.add(x10, x15); x5 = left(v128.xor(x5, x10), 7);
    x1 = i32x4.add(x1, x6); x12 = left16(v128.xor(x12, x1)); x11 = i32x4.add(x11, x12); x6 = left(v128.xor(x6, x11), 12);
    x1 = i32x4.add(x1, x6); x12 = left8(v128.xor(x12, x1)); x11 = i32x4.add(x11, x12); x6 = left(v128.xor(x6, x11), 7);
    x2 = i32x4.add(x2, x7); x13 = left16(v128.xor(x13, x2)); x8 = i32x4.add(x8, x13); x7 = left(v128.xor(x7, x8), 12);
    x2 = i32x4.add(x2, x7); x13 = left8(v128.xor(x13, x2)); x8 = i32x4.add(x8, x13); x7 = left(v128.xor(x7, x8), 7);
    x3 = i32x4.add(x3, x4); x14 = left16(v128.xor(x14, x3)); x9 = i32x4.add(x9, x14); x4 = left(v128.xor(x4, x9), 12);
    x3 = i32x4.add(x3, x4); x14 = left8(v128.xor(x14, x3)); x9 = i32x4.add(x9, x14); x4 = left(v128.xor(x4, x9), 7);
  }
  writeWords(output, 0, plus(x0, state, 0), plus(x1, state, 4), plus(x2, state, 8), plus(x3, state, 12));
  writeWords(output, 16, plus(x4, state, 16), plus(x5, state, 20), plus(x6, state, 24), plus(x7, state, 28));
  writeWords(output, 32, plus(x8, state, 32), plus(x9, state, 36), plus(x10, state, 40), plus(x11, state, 44));
  writeWords(output, 48, i32x4.add(x12, word12), plus(x13, state, 52), i32x4.add(x14, word14), plus(x15, state, 60));
}

function plus(x: v128, state: u32, offset: u32): v128 {
  return i32x4.add(x, v128.load32_splat(state + offset));
}

/** Writes four successive words of each of the four blocks, `offset` bytes behind the blocks' beginnings. */
function writeWords(output: u32, offset: u32, a: v128, b: v128, c: v128, d: v128): void {
  const low01 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const low23 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const high01 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const high23 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  output += offset;
  v128.store(output, v128.shuffle<i64>(low01, low23, 0, 2));
  v128.store(output, v128.shuffle<i64>(low01, low23, 1, 3), 64);
  v128.store(output, v128.shuffle<i64>(high01, high23, 0, 2), 128);
  v128.store(output, v128.shuffle<i64>(high01, high23, 1, 3), 192);
}

function left(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(x, bits), i32x4.shr_u(x, 32 - bits));
}

function left16(x: v128): v128 {
  return i8x16.shuffle(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}

function left8(x: v128): v128 {
  return i8x16.shuffle(x, x, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);
}
