import erfc from '@stdlib/math-base-special-erfc';
import gammainc from '@stdlib/math-base-special-gammainc';

/** P(χ² with `degrees` degrees of freedom ≥ `statistic`). */
export function chiSquareP(statistic: number, degrees: number): number {
  return gammainc(statistic / 2, degrees / 2, true, true);
}

/**
 * Two-sided p-value of a χ² statistic: small where counts differ from what is expected by more, or by less, than chance
 * makes them. A stratified order is too even.
 */
export function chiSquareTwoSidedP(statistic: number, degrees: number): number {
  const upper = chiSquareP(statistic, degrees);
  const lower = gammainc(statistic / 2, degrees / 2, true, false);
  return Math.min(1, 2 * Math.min(upper, lower));
}

/** Two-sided p-value of a standard normal deviate: P(|Z| ≥ |z|). */
export function normalP(z: number): number {
  return erfc(Math.abs(z) / Math.SQRT2);
}

/** P(N ≥ count) for a Poisson variable. */
export function poissonUpperP(count: number, mean: number): number {
  return count === 0 ? 1 : gammainc(mean, count, true, false);
}

/**
 * Holm's step-down correction: adjusted p-values, in the given order. Rejecting those below α keeps the chance of any
 * false rejection below α, however the tests depend on each other.
 */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((_, i) => i).sort((a, b) => pValues[a]! - pValues[b]!);
  const adjusted = new Array<number>(pValues.length).fill(1);
  let largest = 0;
  order.forEach((index, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * pValues[index]!));
    adjusted[index] = largest;
  });
  return adjusted;
}
