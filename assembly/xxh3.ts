/**
 * XXH3_128bits (xxHash 0.8, Yann Collet) with seed 0 and the default secret, and XXH3_64bits of short inputs with any
 * seed, as its specification describes them: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md. Words are
 * little-endian, as WebAssembly's are.
 */
import { foldedProduct, highProduct } from './wideProduct';

/** The hash that was computed last: its low and its high 64 bits. */
export let hashLow: u64 = 0;
export let hashHigh: u64 = 0;
/** Those of the second input of `hashTwo`. */
export let otherLow: u64 = 0;
export let otherHigh: u64 = 0;

const prime32x1: u64 = 0x9e3779b1;
const prime32x2: u64 = 0x85ebca77;
const prime32x3: u64 = 0xc2b2ae3d;
const prime64x1: u64 = 0x9e3779b185ebca87;
const prime64x2: u64 = 0xc2b2ae3d27d4eb4f;
const prime64x3: u64 = 0x165667b19e3779f9;
const prime64x4: u64 = 0x85ebca77c2b2ae63;
const prime64x5: u64 = 0x27d4eb2f165667c5;
const primeMix1: u64 = 0x165667919e3779f9;
const primeMix2: u64 = 0x9fb21c651e98df25;

/** The default secret. */
const secret = <u32>(
  memory.data<u64>([
    0xbe4ba423396cfeb8, 0x1cad21f72c81017c, 0xdb979083e96dd4de, 0x1f67b3b7a4a44072, 0x78e5c0cc4ee679cb,
    0x2172ffcc7dd05a82, 0x8e2443f7744608b8, 0x4c263a81e69035e0, 0xcb00c391bb52283c, 0xa32e531b8b65d088,
    0x4ef90da297486471, 0xd8acdea946ef1938, 0x3f349ce33f76faa8, 0x1d4f0bc7c7bbdcf9, 0x3159b4cd4be0518a,
    0x647378d9c97e9fc8, 0xc3ebd33483acc5ea, 0xeb6313faffa081c5, 0x49daf0b751dd0d17, 0x9e68d429265516d3,
    0xfca1477d58be162b, 0xce31d07ad1b8f88f, 0x280416958f3acb45, 0x7e404bbbcafbd7af,
  ])
);
const secretBytes: u32 = 192;

/** The eight accumulators of a long input, and those of another that is hashed with it. */
const accumulators = <u32>memory.data(64, 16);
const otherAccumulators = <u32>memory.data(64, 16);
const halfStripe: u32 = 32;

const stripeBytes: u32 = 64;
/** The secret's place moves by a word a stripe, so many times: then the accumulators are scrambled. */
const stripesPerBlock: u32 = 16;

/** Hashes `length` bytes into `hashLow` and `hashHigh`. */
export function hash(input: u32, length: u32): void {
  if (length > 240) hashOver240(input, length);
  else if (length > 128) hash129To240(input, length);
  else if (length > 16) hash17To128(input, length);
  else if (length > 8) hash9To16(input, length);
  else if (length > 3) hash4To8(input, length);
  else if (length > 0) hash1To3(input, length);
  else hashNothing();
}

function hashNothing(): void {
  hashLow = avalanche64(load<u64>(secret, 64) ^ load<u64>(secret, 72));
  hashHigh = avalanche64(load<u64>(secret, 80) ^ load<u64>(secret, 88));
}

function hash1To3(input: u32, length: u32): void {
  const first: u32 = load<u8>(input);
  const middle: u32 = load<u8>(input + (length >> 1));
  const last: u32 = load<u8>(input + length - 1);
  const combined = last | (length << 8) | (first << 16) | (middle << 24);
  hashLow = avalanche64((<u64>(load<u32>(secret) ^ load<u32>(secret, 4))) ^ combined);
  hashHigh = avalanche64((<u64>(load<u32>(secret, 8) ^ load<u32>(secret, 12))) ^ rotl<u32>(bswap<u32>(combined), 13));
}

function hash4To8(input: u32, length: u32): void {
  const combined = (<u64>load<u32>(input)) | ((<u64>load<u32>(input + length - 4)) << 32);
  const value = load<u64>(secret, 16) ^ load<u64>(secret, 24) ^ combined;
  const factor = prime64x1 + (length << 2);
  let low = value * factor;
  const high = highProduct(value, factor) + (low << 1);
  low ^= high >> 3;
  low = (low ^ (low >> 35)) * primeMix2;
  hashLow = low ^ (low >> 28);
  hashHigh = avalanche(high);
}

function hash9To16(input: u32, length: u32): void {
  const first = load<u64>(input);
  const last = load<u64>(input + length - 8);
  const value1 = load<u64>(secret, 32) ^ load<u64>(secret, 40) ^ first ^ last;
  const value2 = load<u64>(secret, 48) ^ load<u64>(secret, 56) ^ last;
  let low = value1 * prime64x1 + ((<u64>(length - 1)) << 54);
  const high = highProduct(value1, prime64x1) + value2 + (value2 & 0xffff_ffff) * (prime32x2 - 1);
  low ^= bswap<u64>(high);
  hashLow = avalanche(low * prime64x2);
  hashHigh = avalanche(highProduct(low, prime64x2) + high * prime64x2);
}

/** XXH3_64bits of 9 to 16 bytes, given as the first eight of them and the last eight. */
export function shortHash64(first: u64, last: u64, length: u64, seed: u64): u64 {
  const low = ((load<u64>(secret, 24) ^ load<u64>(secret, 32)) + seed) ^ first;
  const high = ((load<u64>(secret, 40) ^ load<u64>(secret, 48)) - seed) ^ last;
  return avalanche(length + bswap<u64>(low) + high + foldedProduct(low, high));
}

function hash17To128(input: u32, length: u32): void {
  startMedium(length);
  // Chunks of 16 bytes from both ends, the innermost pair first.
  for (let pair = <i32>((length - 1) >> 5); pair >= 0; pair--) {
    const at = (<u32>pair) << 4;
    mixChunks(input + at, input + length - 16 - at, secret + (at << 1));
  }
  finishMedium(length);
}

function hash129To240(input: u32, length: u32): void {
  startMedium(length);
  for (let at: u32 = 0; at < 128; at += 32) mixChunks(input + at, input + at + 16, secret + at);
  hashLow = avalanche(hashLow);
  hashHigh = avalanche(hashHigh);
  const end = length & ~31;
  for (let at: u32 = 128; at < end; at += 32) mixChunks(input + at, input + at + 16, secret + at - 125);
  mixChunks(input + length - 16, input + length - 32, secret + 103);
  finishMedium(length);
}

function startMedium(length: u32): void {
  hashLow = length * prime64x1;
  hashHigh = 0;
}

/** Takes two chunks of 16 bytes into the hash, with 32 bytes of the secret. */
function mixChunks(first: u32, second: u32, key: u32): void {
  hashLow = (hashLow + mixed(first, key)) ^ (load<u64>(second) + load<u64>(second, 8));
  hashHigh = (hashHigh + mixed(second, key + 16)) ^ (load<u64>(first) + load<u64>(first, 8));
}

function mixed(chunk: u32, key: u32): u64 {
  return foldedProduct(load<u64>(chunk) ^ load<u64>(key), load<u64>(chunk, 8) ^ load<u64>(key, 8));
}

function finishMedium(length: u32): void {
  const low = hashLow + hashHigh;
  hashHigh = 0 - avalanche(hashLow * prime64x1 + hashHigh * prime64x4 + length * prime64x2);
  hashLow = avalanche(low);
}

function hashOver240(input: u32, length: u32): void {
  begin(accumulators);
  let stripes = (length - 1) / stripeBytes;
  let at = input;
  for (; stripes >= stripesPerBlock; stripes -= stripesPerBlock) {
    accumulate(at, stripesPerBlock, secret);
    scramble(accumulators);
    at += stripesPerBlock * stripeBytes;
  }
  accumulate(at, stripes, secret);
  accumulate(input + length - stripeBytes, 1, secret + secretBytes - 71);
  hashLow = merged(accumulators, length * prime64x1, secret + 11);
  hashHigh = merged(accumulators, ~(length * prime64x2), secret + secretBytes - 75);
}

/** Hashes two inputs of `length` > 240 bytes side by side: the processor waits for the memory of both together. */
export function hashTwo(first: u32, second: u32, length: u32): void {
  begin(accumulators);
  begin(otherAccumulators);
  let stripes = (length - 1) / stripeBytes;
  let at: u32 = 0;
  for (; stripes >= stripesPerBlock; stripes -= stripesPerBlock) {
    accumulateTwo(first + at, second + at, stripesPerBlock, secret);
    scramble(accumulators);
    scramble(otherAccumulators);
    at += stripesPerBlock * stripeBytes;
  }
  accumulateTwo(first + at, second + at, stripes, secret);
  const last = length - stripeBytes;
  accumulateTwo(first + last, second + last, 1, secret + secretBytes - 71);
  hashLow = merged(accumulators, length * prime64x1, secret + 11);
  hashHigh = merged(accumulators, ~(length * prime64x2), secret + secretBytes - 75);
  otherLow = merged(otherAccumulators, length * prime64x1, secret + 11);
  otherHigh = merged(otherAccumulators, ~(length * prime64x2), secret + secretBytes - 75);
}

function begin(accumulators: u32): void {
  v128.store(accumulators, i64x2(prime32x3, prime64x1));
  v128.store(accumulators, i64x2(prime64x2, prime64x3), 16);
  v128.store(accumulators, i64x2(prime64x4, prime32x2), 32);
  v128.store(accumulators, i64x2(prime64x5, prime32x1), 48);
}

/** Takes `stripes` consecutive stripes into the accumulators, the first with the secret from `key` on. */
function accumulate(input: u32, stripes: u32, key: u32): void {
  accumulateHalves(input, key, accumulators, input + halfStripe, key + halfStripe, accumulators + halfStripe, stripes);
}

/** The same for two inputs: first the one half of all stripes, then the other, for registers are few. */
function accumulateTwo(first: u32, second: u32, stripes: u32, key: u32): void {
  for (let half: u32 = 0; half <= halfStripe; half += halfStripe) {
    accumulateHalves(
      first + half,
      key + half,
      accumulators + half,
      second + half,
      key + half,
      otherAccumulators + half,
      stripes,
    );
  }
}

/** Takes halves of stripes into four accumulators each; two at a time, whichever they are. */
function accumulateHalves(a: u32, keyA: u32, sumsA: u32, b: u32, keyB: u32, sumsB: u32, stripes: u32): void {
  let a0 = v128.load(sumsA);
  let a1 = v128.load(sumsA, 16);
  let b0 = v128.load(sumsB);
  let b1 = v128.load(sumsB, 16);
  // Each word is also added to its neighbour's accumulator. The sums change sides once, after the loop.
  let s0 = i64x2.splat(0);
  let s1 = i64x2.splat(0);
  let s2 = i64x2.splat(0);
  let s3 = i64x2.splat(0);
  for (; stripes > 0; stripes--) {
    const d0 = v128.load(a);
    const d1 = v128.load(a, 16);
    const d2 = v128.load(b);
    const d3 = v128.load(b, 16);
    s0 = i64x2.add(s0, d0);
    s1 = i64x2.add(s1, d1);
    s2 = i64x2.add(s2, d2);
    s3 = i64x2.add(s3, d3);
    const x0 = v128.xor(d0, v128.load(keyA));
    const x1 = v128.xor(d1, v128.load(keyA, 16));
    const low01 = lowHalves(x0, x1);
    const high01 = highHalves(x0, x1);
    a0 = i64x2.add(a0, i64x2.extmul_low_i32x4_u(low01, high01));
    a1 = i64x2.add(a1, i64x2.extmul_high_i32x4_u(low01, high01));
    const x2 = v128.xor(d2, v128.load(keyB));
    const x3 = v128.xor(d3, v128.load(keyB, 16));
    const low23 = lowHalves(x2, x3);
    const high23 = highHalves(x2, x3);
    b0 = i64x2.add(b0, i64x2.extmul_low_i32x4_u(low23, high23));
    b1 = i64x2.add(b1, i64x2.extmul_high_i32x4_u(low23, high23));
    a += stripeBytes;
    b += stripeBytes;
    keyA += 8;
    keyB += 8;
  }
  v128.store(sumsA, i64x2.add(a0, swapped(s0)));
  v128.store(sumsA, i64x2.add(a1, swapped(s1)), 16);
  v128.store(sumsB, i64x2.add(b0, swapped(s2)));
  v128.store(sumsB, i64x2.add(b1, swapped(s3)), 16);
}

function lowHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u32>(a, b, 0, 2, 4, 6);
}

function highHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u32>(a, b, 1, 3, 5, 7);
}

function swapped(words: v128): v128 {
  return v128.shuffle<u64>(words, words, 1, 0);
}

function scramble(accumulators: u32): void {
  for (let lane: u32 = 0; lane < 64; lane += 8) {
    const word = load<u64>(accumulators + lane);
    const key = load<u64>(secret + lane, 128);
    store<u64>(accumulators + lane, (word ^ (word >> 47) ^ key) * prime32x1);
  }
}

/** One word of all accumulators. */
function merged(accumulators: u32, start: u64, key: u32): u64 {
  for (let lane: u32 = 0; lane < 64; lane += 16) {
    start += mixed(accumulators + lane, key + lane);
  }
  return avalanche(start);
}

function avalanche(word: u64): u64 {
  word = (word ^ (word >> 37)) * primeMix1;
  return word ^ (word >> 32);
}

/** That of XXH64. */
function avalanche64(word: u64): u64 {
  word = (word ^ (word >> 33)) * prime64x2;
  word = (word ^ (word >> 29)) * prime64x3;
  return word ^ (word >> 32);
}
