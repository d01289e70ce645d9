import assert from 'node:assert/strict';
import { BITS, exactLaw, exactProbability, toNumber } from '../support/hypergeometricLaw.js';
import { inverseProbability, smallestSaddleCell } from '../support/sampler.js';
import { Sfc32 } from '../support/sfc32.js';

type Cells = readonly [goodIn: number, goodOut: number, badIn: number, badOut: number];

/** The relative error that inverseProbability promises. */
const PROMISE = 30 * 2 ** -53;

describe('inverseProbability', () => {
  it('keeps its promise at the mode of any law', () => {
    const stream = new Sfc32(1);
    for (let i = 0; i < 1000; i++) {
      const total = Math.floor(2 ** (9 + 44 * stream.uniform()));
      const row = Math.ceil((total / 2) * stream.uniform() ** 2);
      const column = Math.ceil((total / 2) * stream.uniform() ** 2);
      const cells = modeOf(row, column, total);
      if (cells[0] < smallestSaddleCell) continue;
      assertPromise(cells);
    }
  });

  it('keeps its promise at the smallest cells and the largest population', () => {
    assertPromise(modeOf(129, 129, 258));
    assertPromise(modeOf(130, 130, 260));
    assertPromise(modeOf(1e8, 6.5e7, 1e14));
    assertPromise(modeOf(2 ** 52 - 1, 2 ** 52 - 1, 2 ** 53 - 1));
  });

  it('gives p(mode) to 1e-12 where logarithms of factorials do not', () => {
    for (const total of [1e9, 1e11, 1e14]) {
      const cells = modeOf(total / 2, total / 2, total);
      assert.ok(relativeError(inverseProbability(...cells), cells) <= 1e-12);
      assert.ok(relativeError(byLogFactorials(...cells), cells) > 1e-12);
    }
  });
});

describe('the high-precision reference', () => {
  it('agrees with exact binomial coefficients', () => {
    for (const [good, bad, draws] of [
      [3000, 3000, 2500],
      [1000, 5000, 1200],
      [30, 40, 20],
    ] as const) {
      const { first, probabilities } = exactLaw(good, bad, draws);
      for (let i = 0; i < probabilities.length; i += 37) {
        const difference = exactProbability(good, bad, draws, first + i) - probabilities[i]!;
        assert.ok(Math.abs(toNumber(difference)) < 1e-45);
      }
    }
  });
});

/** The table at the mode as the sampler meets it: row and column at most half of the total. */
function modeOf(row: number, column: number, total: number): Cells {
  const mode = Math.floor(((row + 1) * (column + 1)) / (total + 2));
  return [mode, row - mode, column - mode, total - row - column + mode];
}

function assertPromise(cells: Cells): void {
  const error = relativeError(inverseProbability(...cells), cells);
  assert.ok(error <= PROMISE, `${cells.join(', ')}: ${error}`);
}

/** |inverse · P(cells) − 1|, in fixed point: the double `inverse` is a fraction with a power of two below. */
function relativeError(inverse: number, [goodIn, goodOut, badIn, badOut]: Cells): number {
  let numerator = inverse;
  let power = 0n;
  for (; !Number.isInteger(numerator); power++) numerator *= 2;
  const exact = exactProbability(goodIn + goodOut, badIn + badOut, goodIn + badIn, goodIn);
  return Math.abs(toNumber(((BigInt(numerator) * exact) >> power) - (1n << BITS)));
}

/** What most libraries do: differences of ln Γ in doubles. */
function byLogFactorials(goodIn: number, goodOut: number, badIn: number, badOut: number): number {
  const logFactorial = (n: number): number =>
    (n + 0.5) * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * n) - 1 / (360 * n ** 3);
  const sum = (counts: number[]): number => counts.reduce((total, n) => total + logFactorial(n), 0);
  const total = goodIn + goodOut + badIn + badOut;
  const margins = [goodIn + goodOut, badIn + badOut, goodIn + badIn, goodOut + badOut];
  return Math.exp(sum([total, goodIn, goodOut, badIn, badOut]) - sum(margins));
}
