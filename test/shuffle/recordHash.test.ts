/**
 * The record hash against published vectors and a plain implementation of MurmurHash3 x86_128 in big integers, and the
 * multiset digest made of it. Where digests are checked in a run is the workflow tests' matter.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { sumDigests } from '../../src/digests.js';
import { WorkMemory } from '../../src/memory/workMemory.js';
import { digestOf as hexDigest } from '../../src/shuffle/recordHash.js';

const memory = new WorkMemory();
const anyBytes = fc.uint8Array({ maxLength: 70 });
const mask = 2n ** 128n - 1n;

describe('hashRecord', () => {
  it('gives the published values of MurmurHash3 x86_128 with seed 0', () => {
    const vectors: [text: string, hash: string][] = [
      // murmurHash3.js, README; also the test suites of HashLib4Pascal and many others
      ["I will not buy this tobacconist's, it is scratched.", '9b5b7ba2ef3f7866889adeaf00f3f98e'],
      ['', '00000000000000000000000000000000'],
      ['0', '0ab2409ea5eb34f8a5eb34f8a5eb34f8'],
      // MurmurHash-Swift, tests: all lengths of the tail
      ['H', 'f69feb5df45637a0f45637a0f45637a0'],
      ['He', '47f82b373b8fc7283b8fc7283b8fc728'],
      ['Hel', '7b0cd2cdcc2b995ccc2b995ccc2b995c'],
      ['Hell', '7f771597e65bee6ae65bee6ae65bee6a'],
      ['Hello', '2360ae465e6336c6ad45b3f4ad45b3f4'],
      ['Hello ', '497dc9d9b73bad59a57b7235a57b7235'],
      ['Hello W', '3d021fe8d111dc31b6345ff3b6345ff3'],
      ['Hello Wo', 'db37ce0fe9a99ae0da8c411bda8c411b'],
      ['Hello Wor', '107e2665706ff8b8eb00bf34e910bf63'],
      ['Hello Worl', '2444bd95337fb2193d57dfac56dfdf0c'],
      ['Hello World!', '6bee9883eb1be4f59dfb7172ae3fbea9'],
      ['Hello World! ', 'c85c2fe13e579f88205695c8120178a3'],
      ['Hello World! H', 'aaadb4452b35ce375a481289ecaa84fe'],
      ['Hello World! He', '784f7f08ab145b43cf27d08dc5413b50'],
      ['Hello World! Hel', '82475db0161f88d8850474822a76794a'],
      ['Hello World! Hello World! Hello Wo', 'e63975239102cb333dc5ae42c304eaa7'],
    ];
    for (const [text, hash] of vectors) assert.equal(hashOf(Buffer.from(text)), words(hash), text);
  });

  it('agrees with a plain implementation, which itself passes the verification of SMHasher', () => {
    // SMHasher: keys 0, 1, … of each length below 256, with seed 256 − length; the hash of all hashes begins 0xb3ece62a.
    const key = Uint8Array.from({ length: 256 }, (_, i) => i);
    const hashes = Buffer.alloc(4096);
    for (let length = 0; length < 256; length++)
      writeWords(hashes, 16 * length, plainHash(key.subarray(0, length), 256 - length));
    assert.equal(plainHash(hashes, 0)[0], 0xb3ece62an);

    for (let length = 0; length <= 64; length++)
      assert.equal(hashOf(key.subarray(0, length)), hexOf(plainHash(key.subarray(0, length), 0)));
    fc.assert(
      fc.property(anyBytes, (bytes) => assert.equal(hashOf(bytes), hexOf(plainHash(bytes, 0)))),
      { seed: 1, numRuns: 500 },
    );
  });

  it('hashes records that stand one after the other, each by itself', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 9 }), fc.nat(), (width, count, seed) => {
        const bytes = Uint8Array.from({ length: width * count }, (_, i) => (i * 41 + seed) & 255);
        const address = take(bytes);
        const hashes = memory.take(16 * count);
        memory.hashRecords(address, count, width, hashes);
        const found = Buffer.from(memory.view(hashes, 16 * count));
        for (let record = 0; record < count; record++) {
          const hash = Buffer.from(found.subarray(16 * record, 16 * record + 16))
            .reverse()
            .toString('hex');
          assert.equal(hash, hashOf(bytes.subarray(record * width, (record + 1) * width)));
        }
      }),
      { seed: 2 },
    );
  });
});

describe('MultisetDigest', () => {
  it('is the sum of the hashes modulo 2^128, whatever their order, in one sum or in parts', () => {
    fc.assert(
      fc.property(fc.array(anyBytes), fc.array(anyBytes), (some, others) => {
        const expected = [...some, ...others].reduce((sum, record) => sum + BigInt(`0x${hashOf(record)}`), 0n) & mask;
        const hex = expected.toString(16).padStart(32, '0');
        assert.equal(digestOf([...some, ...others]), hex);
        assert.equal(digestOf([...others, ...some].reverse()), hex);
        assert.equal(sumDigests([digestOf(some), digestOf(others)]), hex);
      }),
      { seed: 3 },
    );
    assert.equal(digestOf([]), '0'.repeat(32));
  });

  it('carries and wraps: so many equal records have so many times the hash', () => {
    const record = Buffer.from('wrap');
    const count = 100_000;
    const expected = (BigInt(`0x${hashOf(record)}`) * BigInt(count)) & mask;
    const address = take(Buffer.concat(Array.from({ length: count }, () => record)));
    assert.equal(hexDigest(memory.sumHashes(address, count, 4)), expected.toString(16).padStart(32, '0'));
  });

  it('notices a lost, a doubled and an altered record, and two equal pairs more', () => {
    const any = fc.array(anyBytes, { minLength: 1 });
    fc.assert(
      fc.property(any, fc.nat(), anyBytes, (records, pick, other) => {
        const at = pick % records.length;
        const whole = digestOf(records);
        // The hash of nothing is 0: only a count shows such a record, and riffle has none.
        const counted = records[at]!.length > 0;
        if (counted) {
          assert.notEqual(digestOf(records.toSpliced(at, 1)), whole, 'lost');
          assert.notEqual(digestOf([...records, records[at]!]), whole, 'doubled');
          assert.notEqual(digestOf([...records, records[at]!, records[at]!]), whole, 'two more');
        }
        if (Buffer.compare(other, records[at]!) === 0) return;
        assert.notEqual(digestOf(records.with(at, other)), whole, 'altered');
      }),
      { seed: 4 },
    );
  });
});

/** The address of these bytes in a memory. */
function take(bytes: Uint8Array): number {
  memory.reset();
  const address = memory.take(bytes.length);
  memory.view(address, bytes.length).set(bytes);
  return address;
}

function hashOf(bytes: Uint8Array): string {
  const address = take(bytes);
  const hash = memory.take(16);
  memory.hashRecords(address, 1, bytes.length, hash);
  return Buffer.from(memory.view(hash, 16)).reverse().toString('hex');
}

function digestOf(records: readonly Uint8Array[]): string {
  let sum = 0n;
  for (const bytes of records) sum += memory.sumHashes(take(bytes), 1, bytes.length);
  return hexDigest(sum);
}

/** Four words, the first least significant, as one number. */
function hexOf(hash: readonly bigint[]): string {
  return hash
    .map((word) => word.toString(16).padStart(8, '0'))
    .reverse()
    .join('');
}

/** Published values name the first word first. */
function words(hash: string): string {
  return hash.match(/.{8}/g)!.reverse().join('');
}

function writeWords(target: Buffer, offset: number, hash: readonly bigint[]): void {
  hash.forEach((word, i) => target.writeUInt32LE(Number(word), offset + 4 * i));
}

/** MurmurHash3 x86_128 as its author describes it, without tricks. */
function plainHash(bytes: Uint8Array, seed: number): bigint[] {
  const u32 = (value: bigint): bigint => BigInt.asUintN(32, value);
  const rotate = (value: bigint, by: number): bigint => u32((value << BigInt(by)) | (value >> BigInt(32 - by)));
  const c = [0x239b961bn, 0xab0e9789n, 0x38b34ae5n, 0xa1e38b93n];
  const scramble = [15, 16, 17, 18];
  const spin = [19, 17, 15, 13];
  const add = [0x561ccd1bn, 0x0bcaa747n, 0x96cd1c35n, 0x32ac3b17n];
  const mixed = (lane: number, word: bigint): bigint =>
    u32(rotate(u32(word * c[lane]!), scramble[lane]!) * c[(lane + 1) % 4]!);
  const word = (at: number): bigint => {
    let value = 0n;
    for (let i = 3; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i] ?? 0);
    return value;
  };
  const h = [seed, seed, seed, seed].map(BigInt);
  const whole = bytes.length - (bytes.length % 16);
  for (let block = 0; block < whole; block += 16) {
    for (let lane = 0; lane < 4; lane++) {
      h[lane]! ^= mixed(lane, word(block + 4 * lane));
      h[lane] = u32((rotate(h[lane]!, spin[lane]!) + h[(lane + 1) % 4]!) * 5n + add[lane]!);
    }
  }
  // Missing bytes of the tail count as zero, and a zero word mixes to zero.
  for (let lane = 0; lane < 4; lane++) h[lane]! ^= mixed(lane, word(whole + 4 * lane));
  for (let lane = 0; lane < 4; lane++) h[lane]! ^= BigInt(bytes.length);
  const spread = (): void => {
    h[0] = u32(h[0]! + h[1]! + h[2]! + h[3]!);
    for (let lane = 1; lane < 4; lane++) h[lane] = u32(h[lane]! + h[0]);
  };
  spread();
  for (let lane = 0; lane < 4; lane++) {
    let x = h[lane]!;
    x = u32((x ^ (x >> 16n)) * 0x85ebca6bn);
    x = u32((x ^ (x >> 13n)) * 0xc2b2ae35n);
    h[lane] = x ^ (x >> 16n);
  }
  spread();
  return h;
}
