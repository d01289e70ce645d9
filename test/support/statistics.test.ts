import assert from 'node:assert/strict';
import { chiSquareP, chiSquareTest, holm, kolmogorovP, ksUniformP, normalCdf, normalP } from './statistics.js';

describe('statistics', () => {
  it('gives the tabulated quantiles of χ²', () => {
    for (const [degrees, quantile] of [
      [1, 3.841458820694124],
      [10, 18.307038053275146],
      [100, 124.34211340400407],
    ] as const) {
      near(chiSquareP(quantile, degrees), 0.05, 1e-12);
    }
    near(chiSquareP(2 * Math.log(1000), 2), 0.001, 1e-14);
    assert.equal(chiSquareP(0, 5), 1);
  });

  it('tests counts against a law', () => {
    // A die thrown 60 times: Σ (o − 10)² / 10 = 2.
    near(chiSquareTest([8, 9, 12, 11, 13, 7], new Array<number>(6).fill(10)), chiSquareP(2.8, 5), 1e-12);
    assert.equal(chiSquareTest([10, 10], [10, 10]), 1);
    assert.ok(chiSquareTest([60, 0], [30, 30]) < 1e-12);
  });

  it('merges cells that expect too little, the last ones into the cell before', () => {
    near(chiSquareTest([1, 9, 20, 0], [3, 7, 17, 3]), chiSquareTest([10, 20], [10, 20]), 1e-12);
  });

  it('refuses counts that do not match', () => {
    assert.throws(() => chiSquareTest([10, 10], [10, 10, 10]), RangeError);
    assert.throws(() => chiSquareTest([10, 10], [10, 20]), RangeError);
    assert.throws(() => chiSquareTest([1, 1], [1, 1]), RangeError);
  });

  it('gives the tabulated quantiles of the normal law', () => {
    near(normalP(1.959963984540054), 0.05, 1e-14);
    near(normalP(-3.2905267314919255), 0.001, 1e-14);
    assert.equal(normalP(0), 1);
    near(normalCdf(-1.6448536269514722), 0.05, 1e-14);
    assert.equal(normalCdf(0), 0.5);
  });

  it('gives the tabulated quantiles of Kolmogorov and tells uniform from not', () => {
    near(kolmogorovP(1.3580986), 0.05, 1e-7);
    near(kolmogorovP(1.6276236), 0.01, 1e-7);
    near(kolmogorovP(0.2), 1, 1e-11);
    const grid = Array.from({ length: 500 }, (_, i) => (i + 0.5) / 500);
    near(ksUniformP(grid), 1, 1e-9);
    assert.ok(ksUniformP(grid.map((value) => value ** 1.5)) < 1e-6);
    // D of one sample at 0.9 … with five samples at 0.9 D = 0.9: far beyond every table.
    assert.ok(ksUniformP([0.9, 0.9, 0.9, 0.9, 0.9]) < 1e-3);
  });

  it('corrects as Holm does, keeping the order', () => {
    // The example of Holm's procedure: sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, never decreasing.
    assertNear(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]);
    assertNear(holm([0.5, 0.9]), [1, 1]);
    assert.deepEqual(holm([]), []);
  });
});

function near(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`);
}

function assertNear(actual: readonly number[], expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) => near(value, expected[i]!, 1e-12));
}
