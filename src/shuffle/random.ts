import { createHash } from 'node:crypto';
import { bindKernels } from '../memory/kernels.js';

/** What a stream of random bits is used for. Part of the nonce, so that no two uses ever share a stream. */
export const Domain = { table: 1, label: 2, order: 3 } as const;
export type Domain = (typeof Domain)[keyof typeof Domain];

/** 256-bit master key of a seed: SHA-256 of `riffle-shuffle/1`, a zero byte and the seed in UTF-8. */
export function masterKey(seed: string): Uint8Array {
  return createHash('sha256').update('riffle-shuffle/1\0').update(seed, 'utf8').digest();
}

/**
 * The four nonce words of a stream, little-endian like all of ChaCha: word 0 is the block counter (0 at the start),
 * words 1 to 3 hold domain (8 bits), row level (8 bits), row index (48 bits) and shard node (32 bits). Every field has
 * a fixed width, so different streams have different nonces.
 * @throws RangeError when a field does not fit its width
 */
export function nonceWords(
  domain: number,
  rowLevel: number,
  rowIndex: number,
  shardNode: number,
): [number, number, number] {
  if (domain > 0xff || rowLevel > 0xff || rowIndex >= 2 ** 48 || shardNode >= 2 ** 32) {
    throw new RangeError(`No nonce for domain ${domain}, level ${rowLevel}, row ${rowIndex}, node ${shardNode}`);
  }
  const rowHigh = Math.floor(rowIndex / 2 ** 32);
  return [(domain | (rowLevel << 8) | (rowHigh << 16)) >>> 0, rowIndex >>> 0, shardNode >>> 0];
}

/** Words of a ChaCha block, and those that the kernel makes at a time. */
export const blockWords = 16;
export const kernelWords = 4 * blockWords;

/** Rounds of riffle's streams: one more than any published attack reaches, and nobody attacks a shuffle. */
export const streamRounds = 8;

/** The word of a block's input that counts a stream's blocks. */
const blockCounter = 12;

/** Writes the constants and the key into the input of a block. */
export function setKey(state: Uint32Array, key: Uint8Array): void {
  if (key.length !== 32) throw new RangeError('A ChaCha key has 32 bytes');
  const view = new DataView(key.buffer, key.byteOffset, 32);
  state.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
  for (let i = 0; i < 8; i++) state[4 + i] = view.getUint32(4 * i, true);
}

/** The kernel and where it finds its input and leaves its output. All streams of a thread share it. */
interface BlockMaker {
  readonly state: Uint32Array;
  readonly words: Uint32Array;
  make(rounds: number): void;
}

let shared: BlockMaker | undefined;

function blockMaker(): BlockMaker {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const kernels = bindKernels(memory);
  const address = kernels.firstFree();
  const wordsAddress = address + 4 * blockWords;
  return {
    state: new Uint32Array(memory.buffer, address, blockWords),
    words: new Uint32Array(memory.buffer, wordsAddress, kernelWords),
    make: (rounds) => {
      kernels.chachaBlocks(address, rounds, blockCounter, wordsAddress);
    },
  };
}

/**
 * Random bits addressed by what they decide: ChaCha (Bernstein 2008) with few rounds, a 32-bit block counter and the
 * nonce of `nonceWords`. Speed counts, because every record takes one word per level of the shard tree.
 *
 * One object serves many streams, one at a time: `seek` moves it, so that drawing allocates nothing. The first block of a
 * stream is made here, because most streams need no more of it; those that follow by a kernel, four at a time.
 */
export class RandomStream {
  private readonly state = new Uint32Array(blockWords);
  private readonly words = new Uint32Array(kernelWords);
  /** Words that are there, and those of them that have been taken. */
  private made = 0;
  private used = 0;

  constructor(
    key: Uint8Array,
    private readonly rounds = streamRounds,
  ) {
    setKey(this.state, key);
  }

  /** Moves to the start of the stream that belongs to these four numbers. */
  seek(domain: Domain, rowLevel: number, rowIndex: number, shardNode: number): this {
    const nonce = nonceWords(domain, rowLevel, rowIndex, shardNode);
    return this.seekNonce(0, nonce[0], nonce[1], nonce[2]);
  }

  /** Moves to a block of the stream of a raw nonce (the form in which ChaCha's published test vectors are given). */
  seekNonce(counter: number, word1: number, word2: number, word3: number): this {
    this.state[12] = counter;
    this.state[13] = word1;
    this.state[14] = word2;
    this.state[15] = word3;
    this.made = this.used = 0;
    return this;
  }

  /** The next 32 bits. */
  uint32(): number {
    if (this.used === this.made) this.refill();
    return this.words[this.used++]!;
  }

  /**
   * An integer in [0, bound), exactly uniform, for 1 ≤ bound ≤ 2^53: Lemire's multiply-and-reject (arXiv 1805.10941)
   * on one word where the product is exact in a double, plain rejection on 53 bits above.
   */
  below(bound: number): number {
    if (bound <= 2 ** 21) {
      let product = this.uint32() * bound;
      let high = (product * 2 ** -32) | 0;
      let low = product - high * 2 ** 32;
      if (low < bound) {
        const threshold = 2 ** 32 % bound;
        while (low < threshold) {
          product = this.uint32() * bound;
          high = (product * 2 ** -32) | 0;
          low = product - high * 2 ** 32;
        }
      }
      return high;
    }
    const limit = 2 ** 53 - (2 ** 53 % bound);
    for (;;) {
      const high = this.uint32() >>> 11;
      const value = high * 2 ** 32 + this.uint32();
      if (value < limit) return remainder(value, bound);
    }
  }

  private refill(): void {
    this.used = 0;
    if (this.made === 0) {
      this.firstBlock();
      this.made = blockWords;
      return;
    }
    shared ??= blockMaker();
    shared.state.set(this.state);
    shared.make(this.rounds);
    this.words.set(shared.words);
    this.state[12]! += 4;
    this.made = kernelWords;
  }

  /** One ChaCha block. The state lives in local variables, which V8 keeps in registers. */
  private firstBlock(): void {
    const input = this.state;
    // prettier-ignore
    let x0 = input[0]!, x1 = input[1]!, x2 = input[2]!, x3 = input[3]!, x4 = input[4]!, x5 = input[5]!,
      x6 = input[6]!, x7 = input[7]!, x8 = input[8]!, x9 = input[9]!, x10 = input[10]!, x11 = input[11]!,
      x12 = input[12]!, x13 = input[13]!, x14 = input[14]!, x15 = input[15]!;
    // Quarter rounds, two lines each: four columns, then four diagonals.
    // prettier-ignore
    for (let round = 0; round < this.rounds; round += 2) {
      x0 = (x0 + x4) | 0; x12 ^= x0; x12 = (x12 << 16) | (x12 >>> 16); x8 = (x8 + x12) | 0; x4 ^= x8; x4 = (x4 << 12) | (x4 >>> 20);
      x0 = (x0 + x4) | 0; x12 ^= x0; x12 = (x12 << 8) | (x12 >>> 24); x8 = (x8 + x12) | 0; x4 ^= x8; x4 = (x4 << 7) | (x4 >>> 25);
      x1 = (x1 + x5) | 0; x13 ^= x1; x13 = (x13 << 16) | (x13 >>> 16); x9 = (x9 + x13) | 0; x5 ^= x9; x5 = (x5 << 12) | (x5 >>> 20);
      x1 = (x1 + x5) | 0; x13 ^= x1; x13 = (x13 << 8) | (x13 >>> 24); x9 = (x9 + x13) | 0; x5 ^= x9; x5 = (x5 << 7) | (x5 >>> 25);
      x2 = (x2 + x6) | 0; x14 ^= x2; x14 = (x14 << 16) | (x14 >>> 16); x10 = (x10 + x14) | 0; x6 ^= x10; x6 = (x6 << 12) | (x6 >>> 20);
      x2 = (x2 + x6) | 0; x14 ^= x2; x14 = (x14 << 8) | (x14 >>> 24); x10 = (x10 + x14) | 0; x6 ^= x10; x6 = (x6 << 7) | (x6 >>> 25);
      x3 = (x3 + x7) | 0; x15 ^= x3; x15 = (x15 << 16) | (x15 >>> 16); x11 = (x11 + x15) | 0; x7 ^= x11; x7 = (x7 << 12) | (x7 >>> 20);
      x3 = (x3 + x7) | 0; x15 ^= x3; x15 = (x15 << 8) | (x15 >>> 24); x11 = (x11 + x15) | 0; x7 ^= x11; x7 = (x7 << 7) | (x7 >>> 25);
      x0 = (x0 + x5) | 0; x15 ^= x0; x15 = (x15 << 16) | (x15 >>> 16); x10 = (x10 + x15) | 0; x5 ^= x10; x5 = (x5 << 12) | (x5 >>> 20);
      x0 = (x0 + x5) | 0; x15 ^= x0; x15 = (x15 << 8) | (x15 >>> 24); x10 = (x10 + x15) | 0; x5 ^= x10; x5 = (x5 << 7) | (x5 >>> 25);
      x1 = (x1 + x6) | 0; x12 ^= x1; x12 = (x12 << 16) | (x12 >>> 16); x11 = (x11 + x12) | 0; x6 ^= x11; x6 = (x6 << 12) | (x6 >>> 20);
      x1 = (x1 + x6) | 0; x12 ^= x1; x12 = (x12 << 8) | (x12 >>> 24); x11 = (x11 + x12) | 0; x6 ^= x11; x6 = (x6 << 7) | (x6 >>> 25);
      x2 = (x2 + x7) | 0; x13 ^= x2; x13 = (x13 << 16) | (x13 >>> 16); x8 = (x8 + x13) | 0; x7 ^= x8; x7 = (x7 << 12) | (x7 >>> 20);
      x2 = (x2 + x7) | 0; x13 ^= x2; x13 = (x13 << 8) | (x13 >>> 24); x8 = (x8 + x13) | 0; x7 ^= x8; x7 = (x7 << 7) | (x7 >>> 25);
      x3 = (x3 + x4) | 0; x14 ^= x3; x14 = (x14 << 16) | (x14 >>> 16); x9 = (x9 + x14) | 0; x4 ^= x9; x4 = (x4 << 12) | (x4 >>> 20);
      x3 = (x3 + x4) | 0; x14 ^= x3; x14 = (x14 << 8) | (x14 >>> 24); x9 = (x9 + x14) | 0; x4 ^= x9; x4 = (x4 << 7) | (x4 >>> 25);
    }
    const output = this.words;
    // prettier-ignore
    {
      output[0] = x0 + input[0]!; output[1] = x1 + input[1]!; output[2] = x2 + input[2]!; output[3] = x3 + input[3]!;
      output[4] = x4 + input[4]!; output[5] = x5 + input[5]!; output[6] = x6 + input[6]!; output[7] = x7 + input[7]!;
      output[8] = x8 + input[8]!; output[9] = x9 + input[9]!; output[10] = x10 + input[10]!; output[11] = x11 + input[11]!;
      output[12] = x12 + input[12]!; output[13] = x13 + input[13]!; output[14] = x14 + input[14]!; output[15] = x15 + input[15]!;
    }
    input[12]!++;
  }
}

/**
 * value mod bound for integers 0 ≤ value < 2^53 and bound ≥ 1, several times faster than `%` of doubles: the rounded
 * quotient is the true one or one above it, and value less a true multiple of bound is exact.
 */
function remainder(value: number, bound: number): number {
  const quotient = Math.floor(value / bound);
  const rest = value - quotient * bound;
  return rest >= 0 ? rest : value - (quotient - 1) * bound;
}
