import erfc from '@stdlib/math-base-special-erfc';

/** A number of records that is random, roughly normal: its mean and standard deviation. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number;
}

/** Standard deviations beyond which nothing is expected. */
const farDeviations = 9;

/** P(X > limit) for a whole number X. */
export function exceeds({ mean, deviation }: Spread, limit: number): number {
  if (deviation === 0) return mean > limit ? 1 : 0;
  return erfc((limit + 0.5 - mean) / (deviation * Math.SQRT2)) / 2;
}

/** Mean of ⌈X / step⌉ − 1 where X > 0: the pieces beside the first into which X is cut. */
export function furtherPieces(spread: Spread, step: number): number {
  const reach = farDeviations * spread.deviation;
  const sure = Math.max(0, Math.ceil((spread.mean - reach) / step) - 1);
  let pieces = sure;
  for (let count = sure + 1; count * step <= spread.mean + reach; count++) pieces += exceeds(spread, count * step);
  return pieces;
}

/**
 * The records of a row range that fall into a bucket: hypergeometric.
 * @param rows records of the row range
 * @param share share of all records in the bucket
 * @param all records of the dataset
 */
export function spreadOf(rows: number, share: number, all: number): Spread {
  const mean = rows * share;
  return { mean, deviation: Math.sqrt(Math.max(0, mean * (1 - share) * (1 - rows / all))) };
}

/** P(no record of the row range falls into the bucket), with replacement, which is as good for small shares. */
export function emptiness(rows: number, share: number): number {
  return share >= 1 ? 0 : (1 - share) ** rows;
}
