/**
 * The order is a uniformly random one. Few records: all n! orders are equally frequent over many seeds, in several
 * layouts and with 0 to 3 scatter passes. Many records: riffle's own order tests find nothing, over many seeds. The same
 * tests find what is wrong with shuffles that are commonly mistaken for uniform (test/support/badShuffles.ts).
 *
 * Everything runs through the pure functions of the activities; that objects in S3 hold what they should is the
 * workflow tests' matter, that plans agree planIndependence.test.ts's.
 */
import assert from 'node:assert/strict';
import type { ScatterPass } from '../../src/shuffle/plan.js';
import type { Shape } from '../../src/shuffle/shape.js';
import { orderStatistics, testOrder } from '../../src/verify/orderTests.js';
import * as bad from '../support/badShuffles.js';
import type { Shuffle } from '../support/badShuffles.js';
import { type Address, withMergedStreams } from '../support/patchStreams.js';
import { Sfc32 } from '../support/sfc32.js';
import { simulateShuffle } from '../support/simulate.js';
import { chiSquareTest, holm, ksUniformP, normalP } from '../support/statistics.js';

/** Below this a Holm-corrected p-value rejects. */
const rejection = 1e-6;

/** Trials for n records: 100 or more of each order for n ≤ 4, 60 for n = 5, 20 for n = 6. */
const trials: Record<number, number> = { 3: 3000, 4: 4800, 5: 7200, 6: 14_400 };

const noPass: ScatterPass[] = [];
const onePass: ScatterPass[] = [{ depth: 1, fanOut: 2, taskBlocks: 1 }];
const oneDeepPass: ScatterPass[] = [{ depth: 2, fanOut: 3, taskBlocks: 2 }];
const twoPasses: ScatterPass[] = [...onePass, { depth: 2, fanOut: 2, taskBlocks: 2 }];
const threePasses: ScatterPass[] = [...twoPasses, { depth: 3, fanOut: 2, taskBlocks: 4 }];

const few: [rows: number, blockRows: number, shards: number, scatter: ScatterPass[]][] = [
  [3, 1, 1, noPass],
  [3, 1, 2, noPass],
  [3, 1, 3, onePass],
  [3, 2, 2, onePass],
  [3, 1, 3, twoPasses],
  [4, 1, 4, noPass],
  [4, 3, 2, noPass],
  [4, 2, 3, onePass],
  [4, 1, 4, twoPasses],
  [4, 2, 4, oneDeepPass],
  [5, 2, 2, noPass],
  [5, 5, 5, noPass],
  [5, 1, 3, onePass],
  [5, 2, 4, oneDeepPass],
  [5, 2, 5, twoPasses],
  [5, 1, 5, threePasses],
  [6, 4, 4, noPass],
  [6, 1, 2, onePass],
  [6, 4, 3, onePass],
  [6, 2, 4, twoPasses],
  [6, 1, 6, threePasses],
];

describe('uniformity', () => {
  describe('of the orders of few records', () => {
    for (const records of [3, 4, 5, 6]) {
      it(`holds in all layouts and plans (${records} records)`, () => {
        const pValues = few
          .filter(([rows]) => rows === records)
          .map(([rows, blockRows, shards, scatter]) => {
            const label = `${rows} ${blockRows} ${shards} ${scatter.length}`;
            const shape: Shape = { rows, blockRows, shards };
            return frequencyP(rows, (trial) => simulateShuffle(shape, `${label} ${trial}`, scatter));
          });
        assert.ok(Math.min(...holm(pValues)) > rejection, String(pValues));
      });
    }

    const controls: [name: string, rows: number, shuffle: Shuffle][] = [
      ['shard order only', 6, bad.shardOrderOnly(3)],
      ['a buffer of a third', 6, bad.buffer(1 / 3)],
      ['pairs of files', 6, bad.pairwiseFiles(4)],
      ['coin flips trimmed to equal buckets', 4, bad.trimToEqual],
      ['coin flips trimmed to equal buckets', 6, bad.trimToEqual],
      ['a round-robin deal', 4, bad.roundRobinDeal(2)],
      ['a round-robin deal', 6, bad.roundRobinDeal(2)],
      ["Sattolo's algorithm", 3, bad.sattolo],
      ["Sattolo's algorithm", 6, bad.sattolo],
      ['a modulo-biased index', 5, bad.moduloBiased],
      ['a modulo-biased index', 6, bad.moduloBiased],
      ['multinomial counts', 4, bad.multinomialCounts],
      ['multinomial counts', 6, bad.multinomialCounts],
    ];
    for (const [name, rows, shuffle] of controls) {
      it(`rejects ${name} (${rows} records)`, () => {
        const p = frequencyP(rows, (trial) => shuffle(rows, new Sfc32(trial)));
        assert.ok(p < rejection, String(p));
      });
    }

    it('accepts Fisher and Yates', () => {
      const pValues = Object.keys(trials).map((rows) =>
        frequencyP(Number(rows), (trial) => bad.fisherYates(Number(rows), new Sfc32(trial))),
      );
      assert.ok(Math.min(...holm(pValues)) > rejection, String(pValues));
    });

    const merged: [name: string, merge: (...address: Address) => Address][] = [
      ['by node', (domain, level, row) => [domain, level, row, 1]],
      ['by row', (domain, level, _row, node) => [domain, level, 0, node]],
      ['at all', () => [1, 0, 0, 0]],
    ];
    for (const [name, merge] of merged) {
      it(`rejects riffle with streams that are not told apart ${name}`, () => {
        const shape: Shape = { rows: 4, blockRows: 1, shards: 4 };
        const p = withMergedStreams(merge, () =>
          frequencyP(4, (trial) => simulateShuffle(shape, `merged ${trial}`, [])),
        );
        assert.ok(p < rejection, String(p));
      });
    }
  });

  describe('of the order of many records', () => {
    const rows = 10_000;
    const seeds = 250;

    it('leaves the p-values of the order tests uniform over seeds', () => {
      const shape: Shape = { rows, blockRows: 61, shards: 7 };
      const pValues = seedTests((seed) => simulateShuffle(shape, `many ${seed}`, []));
      assert.ok(Math.min(...holm([...pValues.values()])) > rejection, JSON.stringify([...pValues]));
    });

    it('which a round-robin deal does not, being too even', () => {
      const pValues = seedTests((seed) => bad.roundRobinDeal(200)(rows, new Sfc32(seed)));
      assert.ok(Math.min(...holm([...pValues.values()])) < rejection, JSON.stringify([...pValues]));
    });

    it('passes as shuffled, also with scatter passes and other layouts', () => {
      const cases: [Shape, ScatterPass[]][] = [
        [{ rows: 100_000, blockRows: 256, shards: 11 }, noPass],
        [{ rows: 100_000, blockRows: 1000, shards: 3 }, onePass],
        [{ rows: 20_000, blockRows: 100, shards: 64 }, [{ depth: 4, fanOut: 9, taskBlocks: 24 }]],
        [{ rows: 20_000, blockRows: 3000, shards: 6 }, threePasses],
      ];
      for (const [shape, scatter] of cases) {
        const { shuffled, tests } = testOrder(ranks(simulateShuffle(shape, 'verdict', scatter)));
        assert.equal(shuffled, true, JSON.stringify({ shape, tests }));
      }
    });

    const controls: [name: string, Shuffle][] = [
      ['the input order', bad.untouched],
      ['the reverse', bad.reversed],
      ['shard order only', bad.shardOrderOnly(100)],
      ['a buffer of 1 %', bad.buffer(0.01)],
      ['a buffer of 10 %', bad.buffer(0.1)],
      ['pairs of files', bad.pairwiseFiles(40)],
      ['a round-robin deal to many shards', bad.roundRobinDeal(200, 50)],
    ];
    for (const size of [10_000, 100_000]) {
      for (const [name, shuffle] of controls) {
        it(`is not that of ${name} (${size} records)`, () => {
          assert.equal(testOrder(ranks(shuffle(size, new Sfc32(size)))).shuffled, false);
        });
      }

      it(`is that of Fisher and Yates (${size} records)`, () => {
        assert.equal(testOrder(ranks(bad.fisherYates(size, new Sfc32(size)))).shuffled, true);
      });
    }

    /** One p-value for each order test: do its results over the seeds look as they should? */
    function seedTests(orderOf: (seed: number) => number[]): Map<string, number> {
      const results = new Map(orderStatistics.map(({ name }) => [name, [] as number[]]));
      for (let seed = 0; seed < seeds; seed++) {
        const order = ranks(orderOf(seed));
        for (const { name, statistic } of orderStatistics) results.get(name)!.push(statistic(order));
      }
      return new Map(
        orderStatistics.flatMap(({ name, p }): [string, number][] => {
          const values = results.get(name)!;
          if (name === 'neighbours') return [[name, poissonP(values, 2)]];
          if (name === 'fixed points') return [[name, poissonP(values, 1)]];
          if (name === 'grid') return [[name, ksUniformP(values.map(p))]];
          const sum = values.reduce((total, z) => total + z, 0);
          return [
            [name, ksUniformP(values.map(p))],
            [`mean ${name}`, normalP(sum / Math.sqrt(values.length))],
          ];
        }),
      );
    }
  });
});

/** χ² of the frequencies of all orders of `rows` records. */
function frequencyP(rows: number, orderOf: (trial: number) => number[]): number {
  const orders = allOrders(rows);
  const counts = new Map(orders.map((order) => [order.join(), 0]));
  const total = trials[rows]!;
  for (let trial = 0; trial < total; trial++) {
    const order = orderOf(trial).join();
    const count = counts.get(order);
    assert.ok(count !== undefined, `${order} is no order of ${rows} records`);
    counts.set(order, count + 1);
  }
  return chiSquareTest([...counts.values()], new Array<number>(orders.length).fill(total / orders.length));
}

function allOrders(rows: number): number[][] {
  if (rows === 0) return [[]];
  return allOrders(rows - 1).flatMap((order) =>
    Array.from({ length: rows }, (_, place) => [...order.slice(0, place), rows - 1, ...order.slice(place)]),
  );
}

/** `order[position]` is the record there, which is its rank in the input. */
function ranks(order: readonly number[]): Uint32Array {
  return Uint32Array.from(order);
}

/** χ² of counts against Poisson's law. */
function poissonP(counts: readonly number[], mean: number): number {
  const cells = 10;
  const observed = new Array<number>(cells).fill(0);
  for (const count of counts) observed[Math.min(count, cells - 1)]!++;
  const expected: number[] = [];
  let term = Math.exp(-mean) * counts.length;
  for (let k = 0; k < cells - 1; term *= mean / ++k) expected.push(term);
  expected.push(counts.length - expected.reduce((sum, value) => sum + value, 0));
  return chiSquareTest(observed, expected);
}
