/**
 * The order tests' statistics against brute force: moments over all permutations of few records, the exact laws of the
 * counts, the whole law by simulation. Which shuffles they find out is in test/shuffle/uniformity.test.ts.
 */
import assert from 'node:assert/strict';
import { fewestTestable, orderStatistics, testOrder } from '../../src/verify/orderTests.js';
import { fisherYates } from '../support/badShuffles.js';
import { Sfc32 } from '../support/sfc32.js';
import { holm, ksUniformP } from '../support/statistics.js';

const named = new Map(orderStatistics.map((entry) => [entry.name, entry]));
const deviates = ['rank correlation', 'serial correlation', 'oscillation', 'ascents'];

describe('order tests', () => {
  for (const name of deviates) {
    it(`standardise ${name} exactly: mean 0 and variance 1 over all orders of 3 to 8 records`, () => {
      for (let n = 3; n <= 8; n++) {
        const values = allPermutations(n).map((order) => named.get(name)!.statistic(order));
        const mean = values.reduce((sum, z) => sum + z, 0) / values.length;
        const variance = values.reduce((sum, z) => sum + z * z, 0) / values.length;
        assert.ok(Math.abs(mean) < 1e-12 && Math.abs(variance - 1) < 1e-12, `n = ${n}: ${mean}, ${variance}`);
      }
    });
  }

  it('give the grid the mean of χ² with 81 degrees of freedom, also where tenths are uneven', () => {
    // Each record by itself: E[(count − e)²] of a cell is the hypergeometric variance of its row and column.
    for (const n of [1000, 1009]) {
      const sizes = Array.from({ length: 10 }, (_, t) => Math.ceil(((t + 1) * n) / 10) - Math.ceil((t * n) / 10));
      let expectation = 0;
      for (const row of sizes) {
        for (const column of sizes) {
          const variance = (row * column * (n - row) * (n - column)) / (n * n * (n - 1));
          expectation += variance / ((row * column) / n);
        }
      }
      assert.ok(Math.abs((expectation * (n - 1)) / n - 81) < 1e-9);
      const { statistic } = named.get('grid')!;
      const drawn = Array.from({ length: 2000 }, (_, seed) =>
        statistic(Uint32Array.from(fisherYates(n, new Sfc32(seed)))),
      );
      const mean = drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
      assert.ok(Math.abs(mean - 81) < 6 * Math.sqrt(162 / drawn.length), String(mean));
    }
    // The input order: all records on the diagonal, 9 n before the factor (n − 1) / n.
    const inputOrder = Uint32Array.from({ length: 1000 }, (_, i) => i);
    assert.ok(Math.abs(named.get('grid')!.statistic(inputOrder) - 9 * 999) < 1e-6);
  });

  it('count neighbours and fixed points as their exact laws say', () => {
    for (const n of [5, 7]) {
      const orders = allPermutations(n);
      for (const [name, law] of [
        ['neighbours', neighbourLaw(n)],
        ['fixed points', fixedPointLaw(n)],
      ] as const) {
        const counts = new Array<number>(n + 1).fill(0);
        for (const order of orders) counts[named.get(name)!.statistic(order)]!++;
        counts.forEach((count, k) =>
          assert.ok(Math.abs(count / orders.length - (law[k] ?? 0)) < 1e-12, `${name} ${k}`),
        );
      }
    }
  });

  it("whose upper tails Poisson's law gives within a tenth for the fewest records that are tested", () => {
    for (const [name, law] of [
      ['neighbours', neighbourLaw(fewestTestable)],
      ['fixed points', fixedPointLaw(fewestTestable)],
    ] as const) {
      for (let count = 0; ; count++) {
        const exact = law.slice(count).reduce((sum, p) => sum + p, 0);
        if (exact < 1e-8) break;
        const p = named.get(name)!.p(count);
        assert.ok(p > exact * 0.99 && p < exact * 1.1, `${name} ≥ ${count}: ${p}, exactly ${exact}`);
      }
    }
  });

  it('have uniform p-values in the smallest tested orders', () => {
    const orders = Array.from({ length: 3000 }, (_, seed) =>
      Uint32Array.from(fisherYates(fewestTestable, new Sfc32(seed))),
    );
    const pValues = orderStatistics
      .filter(({ name }) => ['grid', 'rank correlation', 'serial correlation', 'oscillation'].includes(name))
      .map(({ statistic, p }) => ksUniformP(orders.map((order) => p(statistic(order)))));
    assert.ok(Math.min(...holm(pValues)) > 1e-6, String(pValues));
  });

  it('say nothing of fewer records', () => {
    const few = Uint32Array.from({ length: fewestTestable - 1 }, (_, i) => i);
    assert.deepEqual(testOrder(few), { shuffled: null, sampled: fewestTestable - 1, tests: [] });
    const enough = testOrder(Uint32Array.from({ length: fewestTestable }, (_, i) => i));
    assert.equal(enough.shuffled, false);
    assert.equal(enough.sampled, fewestTestable);
    assert.deepEqual(
      enough.tests.map(({ name }) => name),
      [...named.keys()],
    );
  });
});

function allPermutations(n: number): Uint32Array[] {
  const orders: Uint32Array[] = [];
  const visit = (order: number[]): void => {
    if (order.length === n) orders.push(Uint32Array.from(order));
    else for (let next = 0; next < n; next++) if (!order.includes(next)) visit([...order, next]);
  };
  visit([]);
  return orders;
}

/**
 * P(k adjacent pairs of consecutive numbers, in either direction), by inclusion and exclusion: j of the n − 1 links
 * i, i + 1 form r runs in C(j − 1, r − 1) C(n − j, r) ways, and 2^r (n − j)! of the n! orders keep them together.
 */
function neighbourLaw(n: number): number[] {
  return lawOfMoments((j) => {
    if (j === 0) return 1;
    let sum = 0;
    for (let r = 1; r <= Math.min(j, n - j); r++) sum += binomial(j - 1, r - 1) * binomial(n - j, r) * 2 ** r;
    for (let i = 0; i < j; i++) sum /= n - i;
    return sum;
  }, n - 1);
}

/** P(k fixed points): E[C(N, j)] = 1 / j!. */
function fixedPointLaw(n: number): number[] {
  return lawOfMoments((j) => 1 / factorial(j), n);
}

/** P(N = k) = Σ (−1)^(j − k) C(j, k) E[C(N, j)]; the first 40 say enough. */
function lawOfMoments(moment: (j: number) => number, most: number): number[] {
  const last = Math.min(most, 40);
  const moments = Array.from({ length: last + 1 }, (_, j) => moment(j));
  return moments.map((_, k) =>
    moments.reduce((sum, value, j) => (j < k ? sum : sum + ((j - k) % 2 === 0 ? 1 : -1) * binomial(j, k) * value), 0),
  );
}

function binomial(n: number, k: number): number {
  let value = k > n ? 0 : 1;
  for (let i = 1; i <= Math.min(k, n); i++) value = (value * (n - k + i)) / i;
  return value;
}

function factorial(n: number): number {
  return n <= 1 ? 1 : n * factorial(n - 1);
}
