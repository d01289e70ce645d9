import { chiSquareTwoSidedP, holm, normalP, poissonUpperP } from './statistics.js';

export interface OrderTest {
  readonly name: string;
  /** Without correction. */
  readonly p: number;
}

export interface OrderVerdict {
  /** Whether no test rejects a uniformly random order; null when there are too few records to tell. */
  readonly shuffled: boolean | null;
  readonly sampled: number;
  readonly tests: readonly OrderTest[];
}

/** Fewer records tell nothing. */
export const fewestTestable = 1000;

/** An order is rejected when a Holm-corrected p-value is below this. */
const rejection = 1e-6;

/** A number that an order has, and the p-value that goes with it. */
export interface OrderStatistic {
  readonly name: string;
  /** Of a permutation of 0 … n − 1. */
  readonly statistic: (ranks: Uint32Array) => number;
  readonly p: (statistic: number) => number;
}

/** Deviates have mean 0 and variance 1 in a uniformly random order. */
export const orderStatistics: readonly OrderStatistic[] = [
  { name: 'grid', statistic: gridChiSquare, p: (statistic) => chiSquareTwoSidedP(statistic, 81) },
  { name: 'rank correlation', statistic: rankCorrelationDeviate, p: normalP },
  { name: 'serial correlation', statistic: serialCorrelationDeviate, p: normalP },
  { name: 'oscillation', statistic: oscillationDeviate, p: normalP },
  { name: 'ascents', statistic: ascentsDeviate, p: normalP },
  { name: 'neighbours', statistic: neighbours, p: (count) => poissonUpperP(count, 2) },
  { name: 'fixed points', statistic: fixedPoints, p: (count) => poissonUpperP(count, 1) },
];

/**
 * Tests whether an order looks like a uniformly random permutation.
 * @param ranks for each output position, the rank of its record in the input: a permutation of 0 … n − 1
 */
export function testOrder(ranks: Uint32Array): OrderVerdict {
  if (ranks.length < fewestTestable) return { shuffled: null, sampled: ranks.length, tests: [] };
  const tests = orderStatistics.map(({ name, statistic, p }) => ({ name, p: p(statistic(ranks)) }));
  const smallest = Math.min(...holm(tests.map(({ p }) => p)));
  return { shuffled: smallest >= rejection, sampled: ranks.length, tests };
}

/** χ² of input tenth against output tenth; both margins are fixed, which leaves 81 degrees of freedom. */
function gridChiSquare(ranks: Uint32Array): number {
  const n = ranks.length;
  const counts = new Float64Array(100);
  const tenth = (position: number): number => Math.floor((position * 10) / n);
  const sizes = new Float64Array(10);
  ranks.forEach((rank, position) => {
    counts[tenth(position) * 10 + tenth(rank)]!++;
    sizes[tenth(position)]!++;
  });
  let statistic = 0;
  counts.forEach((count, cell) => {
    const expected = (sizes[Math.floor(cell / 10)]! * sizes[cell % 10]!) / n;
    statistic += (count - expected) ** 2 / expected;
  });
  return (statistic * (n - 1)) / n;
}

/** Spearman's correlation of input and output position: mean 0, variance 1 / (n − 1). */
function rankCorrelationDeviate(ranks: Uint32Array): number {
  const n = ranks.length;
  const mean = (n - 1) / 2;
  let product = 0;
  ranks.forEach((rank, position) => (product += (rank - mean) * (position - mean)));
  return (product / ((n * (n * n - 1)) / 12)) * Math.sqrt(n - 1);
}

/**
 * Correlation of the input positions of neighbours in the output: mean −1 / n,
 * variance (n − 2)(5n² − 9n − 8) / (5n²(n − 1)²), about 1 / n.
 */
function serialCorrelationDeviate(ranks: Uint32Array): number {
  const n = ranks.length;
  const mean = (n - 1) / 2;
  let product = 0;
  for (let i = 0; i + 1 < n; i++) product += (ranks[i]! - mean) * (ranks[i + 1]! - mean);
  const variance = ((n - 2) * (5 * n * n - 9 * n - 8)) / (5 * n * n * (n - 1) * (n - 1));
  return (product / ((n * (n * n - 1)) / 12) + 1 / n) / Math.sqrt(variance);
}

/** Σ |π(i + 1) − π(i)|: mean (n² − 1) / 3, variance (n − 2)(n + 1)(4n − 7) / 90. */
function oscillationDeviate(ranks: Uint32Array): number {
  const n = ranks.length;
  let total = 0;
  for (let i = 0; i + 1 < n; i++) total += Math.abs(ranks[i + 1]! - ranks[i]!);
  return (total - (n * n - 1) / 3) / Math.sqrt(((n - 2) * (n + 1) * (4 * n - 7)) / 90);
}

/** Number of i with π(i) < π(i + 1): mean (n − 1) / 2, variance (n + 1) / 12. */
function ascentsDeviate(ranks: Uint32Array): number {
  const n = ranks.length;
  let ascents = 0;
  for (let i = 0; i + 1 < n; i++) if (ranks[i]! < ranks[i + 1]!) ascents++;
  return (ascents - (n - 1) / 2) / Math.sqrt((n + 1) / 12);
}

/** Records that still stand beside a neighbour of the input: about Poisson(2); too many are suspect. */
function neighbours(ranks: Uint32Array): number {
  let count = 0;
  for (let i = 0; i + 1 < ranks.length; i++) if (Math.abs(ranks[i + 1]! - ranks[i]!) === 1) count++;
  return count;
}

/** Records that stand where they stood: about Poisson(1); too many are suspect. */
function fixedPoints(ranks: Uint32Array): number {
  let fixed = 0;
  ranks.forEach((rank, position) => {
    if (rank === position) fixed++;
  });
  return fixed;
}
