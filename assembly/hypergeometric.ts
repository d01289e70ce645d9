import { chachaBlocks, rowIndex } from './chacha';
import { inverseProbability } from './saddlePoint';

/** A walk ends where the next terms, as fractions of the first, add up to less than this. */
const negligible: f64 = 1e-20;

/** From this smallest cell on the saddle point's truncated series are good enough. */
export const smallestSaddleCell: f64 = 64;

/**
 * Draws how many good items there are among `draws` items taken without replacement from `good + bad`.
 *
 * The uniform is inverted along the order mode, mode + 1, mode − 1, mode + 2, …, so that about 1.6 standard deviations
 * of terms are computed, whatever the population. Counts stay exact integers; only + − × ÷ √ are used, which IEEE 754
 * and WebAssembly round in one way only: the same uniform gives the same result on every engine and processor.
 *
 * The law is within `drawBound(standard deviation)` of the hypergeometric one in total variation
 * (docs/uniformity.md has the derivation).
 *
 * @param good number of good items, an integer ≥ 0
 * @param bad number of bad items, an integer ≥ 0, good + bad ≤ 2^53 − 1
 * @param draws number of items drawn, an integer from 0 to good + bad
 * @param uniform uniformly distributed multiple of 2^-53 in [0, 1)
 */
export function hypergeometric(good: f64, bad: f64, draws: f64, uniform: f64): f64 {
  const total = good + bad;
  const rest = total - draws;
  // The law is that of a 2 × 2 table, good and bad items by drawn and left. Its corner of the smaller row and the
  // smaller column is the cell of least expectation, where the numerics are best; one cell gives the other three.
  const row = min(good, bad);
  const column = min(draws, rest);
  const corner = row == 0 || column == 0 ? 0.0 : smallestCell(row, column, total, uniform);
  if (good <= bad) return draws <= rest ? corner : good - corner;
  return draws <= rest ? draws - corner : draws - bad + corner;
}

/**
 * Draws one level of the table: a hypergeometric number for each of successive row nodes, with the first two words of
 * the node's own stream.
 * @param state address of the 16 words of the first node's stream; they are overwritten
 * @param rounds of ChaCha, an even number
 * @param cells address of `count` triples of doubles (good, bad, draws); the number drawn takes the place of `good`
 * @param blocks address of 256 bytes of scratch
 */
export function drawCells(state: u32, rounds: u32, cells: u32, count: u32, blocks: u32): void {
  const end = cells + count * 24;
  for (; cells < end; store<u32>(state, load<u32>(state, 56) + 4, 56)) {
    chachaBlocks(state, rounds, rowIndex, blocks);
    for (let block = blocks; block < blocks + 256 && cells < end; block += 64, cells += 24) {
      const uniform = (<f64>(load<u32>(block) >>> 11) * 4294967296.0 + <f64>load<u32>(block, 4)) / 9007199254740992.0;
      store<f64>(cells, hypergeometric(load<f64>(cells), load<f64>(cells, 8), load<f64>(cells, 16), uniform));
    }
  }
}

/** The cell in the row `row` ≤ total / 2 and the column `column` ≤ total / 2, both at least 1, of the table above. */
function smallestCell(row: f64, column: f64, total: f64, uniform: f64): f64 {
  const mode = Math.floor(((row + 1) * (column + 1)) / (total + 2));
  const right = row - mode;
  const below = column - mode;
  const opposite = total - row - below;
  const scale =
    mode < smallestSaddleCell
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
function step(corner: f64, right: f64, below: f64, opposite: f64, target: f64): f64 {
  let sum: f64 = 1;
  if (target < sum) return 0;
  // Of every vector the first lane belongs to the terms above the mode, the second to those below it.
  let factors = f64x2(right, corner);
  let others = f64x2(below, opposite);
  let divisors = f64x2(corner + 1, right + 1);
  let otherDivisors = f64x2(opposite + 1, below + 1);
  let terms = f64x2.splat(1);
  let next: f64 = 2;
  for (let i: f64 = 1; next > negligible; i++) {
    terms = f64x2.mul(terms, ratios(factors, others, divisors, otherDivisors));
    const up = f64x2.extract_lane(terms, 0);
    const down = f64x2.extract_lane(terms, 1);
    const above = sum + up;
    sum = above + down;
    if (target < sum) return target < above ? i : -i;
    next = up + down;
    factors = f64x2.sub(factors, f64x2.splat(1));
    others = f64x2.sub(others, f64x2.splat(1));
    divisors = f64x2.add(divisors, f64x2.splat(1));
    otherDivisors = f64x2.add(otherDivisors, f64x2.splat(1));
  }
  return 0;
}

/** The sum of all terms of `step`, added in its order, so that no target below it runs out of terms. */
function weightSum(corner: f64, right: f64, below: f64, opposite: f64): f64 {
  let sum: f64 = 1;
  let factors = f64x2(right, corner);
  let others = f64x2(below, opposite);
  let divisors = f64x2(corner + 1, right + 1);
  let otherDivisors = f64x2(opposite + 1, below + 1);
  let terms = f64x2.splat(1);
  for (let next: f64 = 2; next > negligible;) {
    terms = f64x2.mul(terms, ratios(factors, others, divisors, otherDivisors));
    const up = f64x2.extract_lane(terms, 0);
    const down = f64x2.extract_lane(terms, 1);
    sum = sum + up + down;
    next = up + down;
    factors = f64x2.sub(factors, f64x2.splat(1));
    others = f64x2.sub(others, f64x2.splat(1));
    divisors = f64x2.add(divisors, f64x2.splat(1));
    otherDivisors = f64x2.add(otherDivisors, f64x2.splat(1));
  }
  return sum;
}

function ratios(factors: v128, others: v128, divisors: v128, otherDivisors: v128): v128 {
  return f64x2.div(f64x2.mul(factors, others), f64x2.mul(divisors, otherDivisors));
}
