import { inverseProbability, SMALLEST_SADDLE_CELL } from './saddlePoint.js';

/** A walk ends where the next terms, as fractions of the first, add up to less than this. */
const NEGLIGIBLE = 1e-20;

/**
 * Draws how many good items there are among `draws` items taken without replacement from `good + bad`.
 *
 * One uniform is consumed; none where only one value is possible (good, bad, draws or good + bad − draws is 0).
 *
 * The uniform is inverted along the order mode, mode + 1, mode − 1, mode + 2, …, so that about 1.6 standard deviations
 * of terms are computed, whatever the population. Counts stay exact integers; only + − × ÷ √ are used, which IEEE 754
 * rounds in one way only: the same uniform gives the same result on every engine and processor.
 *
 * The law is within `drawBound(standard deviation)` of the hypergeometric one in total variation
 * (docs/uniformity.md has the derivation).
 *
 * @param good number of good items, an integer ≥ 0
 * @param bad number of bad items, an integer ≥ 0, good + bad ≤ 2^53 − 1
 * @param draws number of items drawn, an integer from 0 to good + bad
 * @param stream gives uniformly distributed multiples of 2^-53 in [0, 1)
 * @throws RangeError where the counts are not as above
 */
export function hypergeometric(good: number, bad: number, draws: number, stream: { uniform(): number }): number {
  const total = good + bad;
  const rest = total - draws;
  const integers = Number.isSafeInteger(good) && Number.isSafeInteger(draws) && Number.isSafeInteger(total);
  if (!(integers && good >= 0 && bad >= 0 && draws >= 0 && rest >= 0)) {
    throw new RangeError(`No hypergeometric law has ${good} good and ${bad} bad items and ${draws} draws.`);
  }
  // The law is that of a 2 × 2 table, good and bad items by drawn and left. Its corner of the smaller row and the
  // smaller column is the cell of least expectation, where the numerics are best; one cell gives the other three.
  const row = Math.min(good, bad);
  const column = Math.min(draws, rest);
  const corner = row === 0 || column === 0 ? 0 : smallestCell(row, column, total, stream.uniform());
  if (good <= bad) return draws <= rest ? corner : good - corner;
  return draws <= rest ? draws - corner : draws - bad + corner;
}

/** The cell in the row `row` ≤ total / 2 and the column `column` ≤ total / 2, both at least 1, of the table above. */
function smallestCell(row: number, column: number, total: number, uniform: number): number {
  const mode = Math.floor(((row + 1) * (column + 1)) / (total + 2));
  const right = row - mode;
  const below = column - mode;
  const opposite = total - row - below;
  const scale =
    mode < SMALLEST_SADDLE_CELL
      ? weightSum(mode, right, below, opposite)
      : inverseProbability(mode, right, below, opposite);
  return mode + step(mode, right, below, opposite, uniform * scale);
}

/**
 * Walks outward from the mode, whose term is 1, until the sum of the terms exceeds `target`: +1, −1, +2, −2, …
 * The terms follow from p(k+1) / p(k) = right · below / ((corner + 1)(opposite + 1)). They reach zero by themselves at
 * the ends of the support.
 *
 * Where the terms run out first (a `scale` above their sum, by rounding), the outcome is the mode: it gains at most
 * that excess, which the bound on the law counts.
 */
function step(corner: number, right: number, below: number, opposite: number, target: number): number {
  let up = 1;
  let down = 1;
  let sum = 1;
  if (target < sum) return 0;
  for (let i = 1; up + down > NEGLIGIBLE; i++) {
    up *= ((right - i + 1) * (below - i + 1)) / ((corner + i) * (opposite + i));
    sum += up;
    if (target < sum) return i;
    down *= ((corner - i + 1) * (opposite - i + 1)) / ((right + i) * (below + i));
    sum += down;
    if (target < sum) return -i;
  }
  return 0;
}

/** The sum of all terms of `step`, added in its order, so that no target below it runs out of terms. */
function weightSum(corner: number, right: number, below: number, opposite: number): number {
  let up = 1;
  let down = 1;
  let sum = 1;
  for (let i = 1; up + down > NEGLIGIBLE; i++) {
    up *= ((right - i + 1) * (below - i + 1)) / ((corner + i) * (opposite + i));
    sum += up;
    down *= ((corner - i + 1) * (opposite - i + 1)) / ((right + i) * (below + i));
    sum += down;
  }
  return sum;
}
