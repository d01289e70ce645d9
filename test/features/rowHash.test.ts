/** The row hash against xxHash itself, and the order that it makes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { RowHash, hashSeed } from '../../src/features/rowHash.js';
import { findPython, runPython } from '../support/python.js';
import { oracleHash } from './oracle.js';

interface Vector {
  readonly seed: string;
  readonly key: string;
  readonly feature: number;
  readonly row: number;
  readonly hash: string;
}

const vectors = JSON.parse(readText('rowHash.json')) as Vector[];

describe('row hash', () => {
  it('is XXH3_64bits of feature and row, with a seed from SHA-256', () => {
    assert.equal(vectors.length, 140);
    for (const { seed, key, feature, row, hash } of vectors) {
      assert.equal(hashSeed(seed).toString(16).padStart(16, '0'), key);
      assert.equal(hexOf(new RowHash(hashSeed(seed)).hashes(feature, Float64Array.of(row)), 0), hash);
    }
  });

  it('has vectors that xxHash still gives', function () {
    const python = findPython('xxhash');
    if (!python) return this.skip();
    assert.equal(runPython(python, readText('rowHash.py')), readText('rowHash.json'));
  });

  it('agrees with whole-number arithmetic on any feature, row and seed', () => {
    fc.assert(
      fc.property(
        fc.nat(0xffff_ffff),
        fc.array(fc.nat(2 ** 48 - 1), { minLength: 1 }),
        fc.bigInt(0n, 2n ** 64n - 1n),
        (feature, rows, seed) => {
          const hashes = new RowHash(seed).hashes(feature, Float64Array.from(rows));
          rows.forEach((row, i) => {
            const expected = oracleHash(feature, row, seed).toString(16).padStart(16, '0');
            assert.equal(hexOf(hashes, i), expected);
          });
        },
      ),
      { seed: 1 },
    );
  });

  it('orders rows by all 64 bits, also more rows than are hashed at once', () => {
    const seed = hashSeed('order');
    const rowHash = new RowHash(seed);
    const all = Float64Array.from({ length: 400_000 }, (_, i) => 2 ** 40 + 3 * i);
    const hashes = rowHash.hashes(7, all);
    const high = (i: number): number => hashes.high[i]!;
    const byHigh = Array.from(all.keys()).sort((a, b) => high(a) - high(b));
    // Some hashes have equal high halves.
    const close = byHigh.filter((i, at) =>
      [byHigh[at - 1], byHigh[at + 1]].some((j) => j !== undefined && high(j) === high(i)),
    );
    assert.ok(close.length >= 20);
    const rows = Float64Array.from([...all.subarray(0, 6000), ...close.map((i) => all[i]!)]).sort();
    const order = rowHash.order(7, rows);
    assert.equal(new Set(order).size, rows.length);
    const inOrder = Array.from(order, (index) => oracleHash(7, rows[index]!, seed));
    inOrder.forEach((hash, i) => assert.ok(i === 0 || inOrder[i - 1]! <= hash));
  });
});

function hexOf({ low, high }: ReturnType<RowHash['hashes']>, index: number): string {
  return ((BigInt(high[index]!) << 32n) + BigInt(low[index]!)).toString(16).padStart(16, '0');
}

function readText(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8');
}
