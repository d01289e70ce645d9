/** Half the distance from 1 to the next double: the relative error of one rounding, and the grain of a uniform. */
const UNIT = 2 ** -53;

/**
 * Upper bound on the total-variation distance between one draw of `hypergeometric` and the exact law.
 *
 * (47 σ + 190) · 2^-53; docs/uniformity.md derives the two constants.
 *
 * @param deviation σ, the standard deviation of the law, or anything above it
 */
export function drawBound(deviation: number): number {
  return (47 * deviation + 190) * UNIT;
}

/**
 * Upper bound on the total-variation distance between the permutation that a layout draws and a uniformly random one,
 * taking the streams as uniform random bits: the sum of `drawBound` over all draws of the table, in expectation over
 * the populations that the draws meet (docs/uniformity.md). Labels and the order inside a shard add nothing.
 *
 * @param rows number of records, at least 1
 * @param blockRows records per block, at least 1
 * @param shards number of output shards, from 1 to rows
 * @returns a probability, at most 1; about rows · log2(shards) / blockRows · 7e-14
 * @throws RangeError where a number is not a positive integer
 */
export function uniformityBound(rows: number, blockRows: number, shards: number): number {
  if (![rows, blockRows, shards].every((count) => Number.isSafeInteger(count) && count > 0)) {
    throw new RangeError(`No layout has ${rows} rows in blocks of ${blockRows} and ${shards} shards.`);
  }
  const blocks = Math.ceil(rows / blockRows);
  let bound = 0;
  for (let depth = 0; 2 ** depth < shards; depth++) {
    // The ranges of output shards at this depth hold ⌊shards / 2^depth⌋ or one more; only those of two or more split.
    const nodes = Math.min(2 ** depth, shards - 2 ** depth);
    const share = Math.min(1, Math.ceil(shards / 2 ** depth) / shards + 1 / rows);
    for (let level = depth + 1; 2 ** (level - 1) < blocks; level++) {
      // A row node draws if it has two children.
      const splits = Math.floor(Math.ceil(blocks / 2 ** (level - 1)) / 2);
      const population = Math.min(rows, blockRows * 2 ** level) * share;
      // σ² ≤ (population + 2) / 16, and the root is concave: the mean of the population bounds the mean of σ.
      bound += nodes * splits * drawBound(Math.sqrt(population + 2) / 4);
    }
  }
  return Math.min(1, bound);
}
