/** Cells that are drawn together: each is the one that its own stream gives. The law is hypergeometric.test.ts's matter. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CellDraws, cellDoubles } from '../../src/shuffle/cellDraws.js';
import { Domain, masterKey, RandomStream } from '../../src/shuffle/random.js';
import { hypergeometric } from '../support/sampler.js';

const seed = 'cellDraws.test';

describe('CellDraws', () => {
  const draws = new CellDraws(seed);
  const stream = new RandomStream(masterKey(seed));

  it('draws every cell from the first uniform of its own stream', () => {
    const cell = fc.tuple(fc.nat(2000), fc.nat(2000), fc.double({ min: 0, max: 1, noNaN: true }));
    const level = fc.nat(255);
    const row = fc.oneof(fc.nat(1000), fc.integer({ min: 2 ** 32, max: 2 ** 48 - 1000 }));
    const node = fc.integer({ min: 1, max: 2 ** 32 - 1 });
    const cells = fc.array(cell, { minLength: 1, maxLength: 256 });
    fc.assert(
      fc.property(level, row, node, cells, (rowLevel, firstRow, shardNode, wanted) => {
        const laws = wanted.map(([good, bad, part]) => [good, bad, Math.round(part * (good + bad))] as const);
        laws.length = draws.batch(firstRow, laws.length);
        draws.cells.set(laws.flat());
        draws.draw(rowLevel, firstRow, shardNode, laws.length);
        laws.forEach(([good, bad, count], i) => {
          stream.seek(Domain.table, rowLevel, firstRow + i, shardNode);
          assert.equal(draws.cells[i * cellDoubles], hypergeometric(good, bad, count, uniform(stream)));
        });
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it('draws as docs/formats.md has it', () => {
    const demo = new CellDraws('demo');
    demo.cells.set([8, 4, 6]);
    demo.draw(2, 0, 1, 1);
    assert.equal(demo.cells[0], 4);
    const streams = new RandomStream(masterKey('demo'));
    assert.equal(uniform(streams.seek(Domain.table, 2, 0, 1)), 0.2808029487128082);
    assert.equal(uniform(streams.seek(Domain.order, 0, 0, 8)), 0.8179694417487893);
  });

  it('draws no further together than the low word of the row index counts', () => {
    assert.equal(draws.batch(0, 10), 10);
    assert.equal(draws.batch(0, 100_000), draws.cells.length / cellDoubles);
    assert.equal(draws.batch(2 ** 32 - 3, 10), 3);
    assert.equal(draws.batch(5 * 2 ** 32 - 1, 10), 1);
    assert.equal(draws.batch(2 ** 32, 10), 10);
  });

  it('leaves cells beyond the count alone', () => {
    draws.cells.fill(7);
    draws.draw(1, 0, 1, 3);
    assert.ok(draws.cells.subarray(3 * cellDoubles).every((value) => value === 7));
  });
});

/** The first 21 bits of a word and the whole next word, times 2^-53. */
function uniform(stream: RandomStream): number {
  const high = BigInt(stream.uint32()) >> 11n;
  return Number((high << 32n) | BigInt(stream.uint32())) / 2 ** 53;
}
