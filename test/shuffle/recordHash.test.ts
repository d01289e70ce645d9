/**
 * The record hash against xxHash itself, and the multiset digest made of it. Where digests are checked in a run is the
 * workflow tests' matter.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { sumDigests } from '../../src/digests.js';
import { Bank, largestBank } from '../../src/memory/bank.js';
import { WorkMemory } from '../../src/memory/workMemory.js';
import { digestOf as hexDigest } from '../../src/shuffle/recordHash.js';
import { findPython, runPython } from '../support/python.js';

const memory = new WorkMemory();
/** All classes of length that the hash distinguishes. */
const anyLength = fc.oneof(fc.nat(20), fc.nat(300), fc.integer({ min: 1000, max: 2100 }));
const anyBytes = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ maxLength: 300 }));
const mask = 2n ** 128n - 1n;

/** XXH3_128bits of the first bytes of xxHash's test buffer, by length, as xxh3.py prints it. */
const vectors = JSON.parse(readText('xxh3.json')) as Record<string, string>;
const stream = testBuffer(20_000);

describe('record hash', () => {
  it('is XXH3_128bits: the values that xxHash checks itself with', () => {
    const published: [number, string][] = [
      [0, '99aa06d3014798d86001c324468d497f'],
      [1, 'a6cd5e9392000f6ac44bdff4074eecdb'],
      [6, '082afe0b8162d12a3e7039bdda43cfc6'],
      [12, '6e3efd8fc7802b18061a192713f69ad9'],
      [24, '0ce966e4678d37611e7044d28b1b901d'],
      [48, 'a002ac4e5478227ef942219aed80f67b'],
      [81, '4952f58181ab00425e8bafb9f95fb803'],
      [222, '337e09641b948717f1aebd597cec6b3a'],
      [403, '1b6de21e332dd73dcdeb804d65c6dea4'],
      [512, '18d2d110dcc9bca1617e49599013cb6b'],
      [2048, 'f736557fd47073a5dd59e2c3a5f038e0'],
      [2240, 'ccb134fbfa7ce49d6e73a90539cf2948'],
      [2367, 'e89c0f6ff369b427cb37aeb9e5d361ed'],
    ];
    for (const [length, hash] of published) assert.equal(hashOf(stream.subarray(0, length)), hash, `${length} bytes`);
  });

  it('agrees with xxHash on every length to 300 and around the ends of stripes and blocks', () => {
    const hashes = Object.entries(vectors);
    assert.ok(hashes.length > 350);
    for (const [length, hash] of hashes)
      assert.equal(hashOf(stream.subarray(0, Number(length))), hash, `${length} bytes`);
  });

  it('has vectors that xxHash still gives', function () {
    const python = findPython('xxhash');
    if (!python) return this.skip();
    assert.equal(runPython(python, readText('xxh3.py')), readText('xxh3.json'));
  });

  it('hashes records that stand one after the other, each by itself', () => {
    fc.assert(
      fc.property(anyLength, fc.integer({ min: 1, max: 9 }), fc.nat(15), (width, count, shift) => {
        const bytes = stream.subarray(0, shift + width * count);
        // Records begin anywhere.
        const address = take(bytes) + shift;
        const hashes = memory.take(16 * count);
        memory.hashRecords(address, count, width, hashes);
        const found = Uint8Array.from(memory.view(hashes, 16 * count));
        for (let record = 0; record < count; record++) {
          const start = shift + record * width;
          assert.equal(
            hexOf(found.subarray(16 * record, 16 * record + 16)),
            hashOf(bytes.subarray(start, start + width)),
          );
        }
      }),
      { seed: 2 },
    );
  });

  it('keeps its own data out of the memory that is handed out', () => {
    const bank = new Bank(largestBank);
    const address = bank.take(4096)!;
    bank.view(address, 4096).fill(255).set(stream.subarray(0, 300));
    assert.equal(hexDigest(bank.addHashes(0n, address, 1, 300)), vectors['300']);
    assert.ok(bank.view(address + 300, 3796).every((byte) => byte === 255));
  });
});

describe('multiset digest', () => {
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
    assert.equal(digestOf([stream.subarray(0, 100)]), vectors['100'], 'that of one record is its hash');
  });

  it('is the same of records that stand together, few or many, short or long', () => {
    const anyRecords = anyLength
      .filter((width) => width > 0)
      .chain((width) => fc.array(fc.uint8Array({ minLength: width, maxLength: width }), { maxLength: 9 }));
    fc.assert(
      fc.property(anyRecords, (records) => {
        const width = records[0]?.length ?? 1;
        const sum = memory.addHashes(0n, take(Buffer.concat(records)), records.length, width);
        assert.equal(hexDigest(sum), digestOf(records));
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('carries and wraps: so many equal records have so many times the hash', () => {
    const record = Buffer.from('wrap');
    const count = 100_000;
    const expected = (BigInt(`0x${hashOf(record)}`) * BigInt(count)) & mask;
    const address = take(Buffer.concat(Array.from({ length: count }, () => record)));
    assert.equal(hexDigest(memory.addHashes(0n, address, count, 4)), expected.toString(16).padStart(32, '0'));
  });

  it('notices a lost, a doubled and an altered record, and two equal pairs more', () => {
    const any = fc.array(anyBytes, { minLength: 1 });
    fc.assert(
      fc.property(any, fc.nat(), anyBytes, (records, pick, other) => {
        const at = pick % records.length;
        const whole = digestOf(records);
        assert.notEqual(digestOf(records.toSpliced(at, 1)), whole, 'lost');
        assert.notEqual(digestOf([...records, records[at]!]), whole, 'doubled');
        assert.notEqual(digestOf([...records, records[at]!, records[at]!]), whole, 'two more');
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
  return hexOf(memory.view(hash, 16));
}

/** A little-endian integer, most significant digit first. */
function hexOf(hash: Uint8Array): string {
  return Buffer.from(hash).reverse().toString('hex');
}

function digestOf(records: readonly Uint8Array[]): string {
  return hexDigest(records.reduce((sum, bytes) => memory.addHashes(sum, take(bytes), 1, bytes.length), 0n));
}

/** xxHash's test buffer: the highest bytes of a geometric sequence modulo 2^64. */
function testBuffer(length: number): Uint8Array {
  let word = 0x9e3779b1n;
  return Uint8Array.from({ length }, () => {
    const byte = Number(word >> 56n);
    word = BigInt.asUintN(64, word * 0x9e3779b185ebca8dn);
    return byte;
  });
}

function readText(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8');
}
