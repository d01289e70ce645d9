import erfc from '@stdlib/math-base-special-erfc';
import { chiSquareP } from '../../src/verify/statistics.js';

export { chiSquareP, holm, normalP } from '../../src/verify/statistics.js';

/** Cells whose expectation is below this are merged with their neighbours before a χ² test. */
const SMALLEST_EXPECTATION = 5;

/**
 * p-value of Pearson's χ² test of counts against a law that is known in full (cells − 1 degrees of freedom).
 *
 * Neighbouring cells are merged, in the given order, until each expects at least 5.
 *
 * @param observed counts, one per cell
 * @param expected expected counts, one per cell, with the same total
 * @throws RangeError where lengths or totals differ, or where fewer than two cells remain
 */
export function chiSquareTest(observed: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (observed.length !== expected.length) {
    throw new RangeError(`${observed.length} observed and ${expected.length} expected counts`);
  }
  const cells: { observed: number; expected: number }[] = [];
  let open = { observed: 0, expected: 0 };
  for (let i = 0; i < observed.length; i++) {
    open.observed += observed[i]!;
    open.expected += expected[i]!;
    if (open.expected < SMALLEST_EXPECTATION) continue;
    cells.push(open);
    open = { observed: 0, expected: 0 };
  }
  const last = cells.at(-1);
  if (last === undefined || cells.length < 2) throw new RangeError('A χ² test needs two cells that expect 5 or more.');
  last.observed += open.observed;
  last.expected += open.expected;

  const difference = sum(cells, (cell) => cell.observed) - sum(cells, (cell) => cell.expected);
  if (!(Math.abs(difference) <= 1e-6 * sum(cells, (cell) => cell.expected))) {
    throw new RangeError(`The observed and expected totals differ by ${difference}.`);
  }
  const statistic = sum(cells, (cell) => (cell.observed - cell.expected) ** 2 / cell.expected);
  return chiSquareP(statistic, cells.length - 1);
}

/** P(Z ≤ z) of the standard normal law. */
export function normalCdf(z: number): number {
  return erfc(-z / Math.SQRT2) / 2;
}

/**
 * p-value of the two-sided Kolmogorov–Smirnov test of samples against the uniform law on [0, 1].
 *
 * Kolmogorov's limit law with Stephens's correction for a finite sample, (√n + 0.12 + 0.11 / √n) D; good from 5 samples.
 */
export function ksUniformP(samples: readonly number[]): number {
  const count = samples.length;
  const sorted = [...samples].sort((a, b) => a - b);
  let distance = 0;
  sorted.forEach((value, i) => {
    distance = Math.max(distance, value - i / count, (i + 1) / count - value);
  });
  return kolmogorovP((Math.sqrt(count) + 0.12 + 0.11 / Math.sqrt(count)) * distance);
}

/** P(K ≥ x) of Kolmogorov's law: 2 Σ (−1)^(k−1) e^(−2k²x²). */
export function kolmogorovP(x: number): number {
  // Below this the sum is 1 to twelve digits and converges slowly.
  if (x < 0.2) return 1;
  let p = 0;
  for (let k = 1; k <= 40; k++) p += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * x * x);
  return Math.min(1, Math.max(0, p));
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
