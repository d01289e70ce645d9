import assert from 'node:assert/strict';
import fc from 'fast-check';
import { drawBound } from '../../src/shuffle/uniformityBound.js';
import { BITS, deviation, exactLaw, exactProbability, toNumber } from '../support/hypergeometricLaw.js';
import { ImpliedLaw, UNIFORMS } from '../support/impliedLaw.js';
import { hypergeometric, smallestSaddleCell } from '../support/sampler.js';
import { Sfc32 } from '../support/sfc32.js';
import { chiSquareTest, holm, ksUniformP, normalCdf, normalP } from '../support/statistics.js';

type Law = readonly [good: number, bad: number, draws: number];

describe('hypergeometric', () => {
  describe('its implied law is within the derived bounds of the exact one', () => {
    it('for every law of at most 12 items', () => {
      for (let total = 1; total <= 12; total++) {
        for (let good = 0; good <= total; good++) {
          for (let draws = 0; draws <= total; draws++) assertExact([good, total - good, draws]);
        }
      }
    });

    const medium: Law[] = [
      [128, 128, 128],
      [120, 120, 120],
      [100, 300, 170],
      [256, 256, 256],
      [255, 257, 253],
      [200, 312, 250],
      [312, 200, 250],
      [200, 312, 262],
      [312, 200, 262],
      [40, 472, 256],
      [3, 2000, 1001],
      [900, 4000, 64],
      [2000, 3000, 2500],
      [3500, 2500, 700],
      [6000, 6000, 6000],
    ];
    for (const law of medium) it(`for ${law.join(', ')}`, () => assertExact(law));

    it('and the check rejects the binomial law and a law that is one part in 10^12 off', () => {
      const law: Law = [256, 256, 256];
      const { first, probabilities } = exactLaw(...law);
      const bound = drawBound(deviation(...law));
      const scaled = probabilities.map((p, i) => p + (i % 2 === 0 ? p : -p) / 10n ** 12n);
      assert.ok(distance(new Map(scaled.map((p, i) => [first + i, p])), probabilities, first) > bound);
      const binomial = exactLaw(2 ** 20, 2 ** 20, 256).probabilities;
      assert.ok(distance(new Map(binomial.map((p, k) => [k, p])), probabilities, first) > bound);
    });
  });

  describe('at large populations', () => {
    const large: Law[] = [
      [5e8, 5e8, 5e8],
      [2e8, 8e8, 3e8],
      [5e10, 5e10, 5e10],
      [7e10, 3e10, 1e10],
      [5e13, 5e13, 5e13],
      [6e13, 4e13, 7e13],
      [1e8, 1e14, 5e11],
    ];
    for (const law of large) {
      it(`gives the quantiles of ${law.join(', ')}`, () => {
        const implied = new ImpliedLaw(...law);
        const start = implied.outcome(0);
        const sigma = deviation(...law);
        for (const width of [0.25, 1, 2.5]) {
          const stride = Math.ceil((width * sigma) / 100);
          const radius = 100 * stride;
          const exact = centralMass(law, start, stride);
          const found = implied.upTo(2 * radius) / UNIFORMS;
          assert.ok(Math.abs(found - exact) <= drawBound(sigma), `±${radius}: ${found} instead of ${exact}`);
        }
      });
    }

    it('has the moments and the shape of the law over seeded draws', () => {
      const pValues = [
        ...goodnessOfFit([256, 256, 256], 100_000, 1),
        ...goodnessOfFit([5e8, 5e8, 5e8], 20_000, 2),
        ...goodnessOfFit([2e8, 8e8, 3e8], 20_000, 3),
        ...goodnessOfFit([5e10, 5e10, 5e10], 2_000, 4),
        ...goodnessOfFit([7e10, 3e10, 1e10], 2_000, 5),
        ...goodnessOfFit([5e13, 5e13, 5e13], 150, 6),
      ];
      assert.ok(Math.min(...holm(pValues)) > 0.001, String(holm(pValues)));
    });

    it('where a sampler that is 10 % too wide is rejected', () => {
      const law: Law = [5e10, 5e10, 5e10];
      const wide = (stream: Sfc32): number => 2.5e10 + 1.1 * (hypergeometric(...law, stream.uniform()) - 2.5e10);
      assert.ok(Math.min(...holm(goodnessOfFit(law, 2_000, 7, wide))) < 0.001);
    });
  });

  describe('for any law', () => {
    const anyLaw = fc
      .tuple(
        fc.maxSafeNat(),
        fc.maxSafeNat(),
        fc.integer({ min: 0, max: 53 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
      )
      .map(([a, b, shift, part]): Law => {
        const total = Math.floor(Math.min(a, 1e12) / 2 ** Math.min(shift, 40));
        return [b % (total + 1), total - (b % (total + 1)), Math.floor(part * total)];
      });
    const index = fc.integer({ min: 0, max: UNIFORMS - 1 });

    it('stays in the support', () => {
      fc.assert(
        fc.property(anyLaw, index, ([good, bad, draws], i) => {
          const outcome = hypergeometric(good, bad, draws, i / UNIFORMS);
          const [least, most] = [Math.max(0, draws - bad), Math.min(good, draws)];
          assert.ok(Number.isSafeInteger(outcome) && outcome >= least && outcome <= most);
        }),
      );
    });

    it('moves outward on each side as the uniform rises', () => {
      fc.assert(
        fc.property(anyLaw, index, index, (law, i, j) => {
          const implied = new ImpliedLaw(...law);
          assert.ok(implied.rank(Math.min(i, j)) <= implied.rank(Math.max(i, j)));
        }),
      );
    });

    it('counts good and bad, drawn and left consistently', () => {
      fc.assert(
        fc.property(anyLaw, index, ([good, bad, draws], i) => {
          const at = (g: number, b: number, d: number): number => new ImpliedLaw(g, b, d).outcome(i);
          if (good !== bad) assert.equal(at(good, bad, draws) + at(bad, good, draws), draws);
          const rest = good + bad - draws;
          if (draws !== rest) assert.equal(at(good, bad, draws) + at(good, bad, rest), good);
        }),
      );
    });
  });

  it('works up to 2^53 - 1 items and on the smallest supports', () => {
    const stream = new Sfc32(8);
    const most = Number.MAX_SAFE_INTEGER;
    assert.equal(hypergeometric(most, 0, 12345, stream.uniform()), 12345);
    assert.equal(hypergeometric(0, most, 12345, stream.uniform()), 0);
    assert.equal(hypergeometric(1, most - 1, most, stream.uniform()), 1);
    assert.equal(hypergeometric(most - 3, 3, most, stream.uniform()), most - 3);
    assert.equal(hypergeometric(0, 0, 0, stream.uniform()), 0);
    assert.ok([0, 1].includes(hypergeometric(1, most - 1, 2 ** 52, stream.uniform())));
    const half = 2 ** 52 - 1;
    const sigma = Math.sqrt(most) / 4;
    assert.ok(Math.abs(hypergeometric(half, most - half, half, stream.uniform()) - 2 ** 51) < 8 * sigma);
  });
});

/** Holds the sampler, all 2^53 uniforms counted, against the bounds on the whole law and on each of its outcomes. */
function assertExact(law: Law): void {
  const { first, probabilities } = exactLaw(...law);
  const sampler = new ImpliedLaw(...law);
  const implied = new Map([...sampler.counts()].map(([outcome, count]) => [outcome, BigInt(count) << (BITS - 53n)]));
  const sigma = deviation(...law);
  const difference = distance(implied, probabilities, first);
  assert.ok(difference <= drawBound(sigma), `${law.join(', ')}: ${difference} exceeds ${drawBound(sigma)}`);

  const start = sampler.outcome(0);
  probabilities.forEach((exact, i) => {
    const outcome = first + i;
    const error = Math.abs(toNumber((implied.get(outcome) ?? 0n) - exact));
    const bound = outcomeBound(toNumber(exact), Math.abs(outcome - start), sigma, usesSaddlePoint(law));
    assert.ok(error <= bound, `${law.join(', ')}: p(${outcome}) is off by ${error}, more than ${bound}`);
  });
}

/** docs/uniformity.md, "One outcome". */
function outcomeBound(probability: number, steps: number, sigma: number, saddlePoint: boolean): number {
  const scale = 21 * sigma + 100;
  return (4 + probability * (4 * steps + scale) + (saddlePoint ? scale : 0)) / UNIFORMS;
}

function usesSaddlePoint([good, bad, draws]: Law): boolean {
  const total = good + bad;
  const [row, column] = [Math.min(good, bad), Math.min(draws, total - draws)];
  return Math.floor(((row + 1) * (column + 1)) / (total + 2)) >= smallestSaddleCell;
}

/** Total variation between two laws in fixed point. The sum over all outcomes includes any outside the support. */
function distance(implied: Map<number, bigint>, probabilities: readonly bigint[], first: number): number {
  let sum = 0n;
  const outside = new Map(implied);
  probabilities.forEach((p, i) => {
    const difference = (implied.get(first + i) ?? 0n) - p;
    outside.delete(first + i);
    sum += difference < 0n ? -difference : difference;
  });
  for (const p of outside.values()) sum += p;
  return toNumber(sum) / 2;
}

/**
 * P(|outcome − start| ≤ 100 strides): Boole's rule on 200 strides of the exact probabilities, and the ends by
 * Euler and Maclaurin. The error is below 1e-13 as long as 100 strides are at most 2.5 standard deviations.
 */
function centralMass(law: Law, start: number, stride: number): number {
  const p = (offset: number): number => toNumber(exactProbability(...law, start + offset));
  let integral = 0;
  for (let i = -100; i <= 100; i++) {
    const weight = i % 4 === 0 ? (Math.abs(i) === 100 ? 7 : 14) : i % 2 === 0 ? 12 : 32;
    integral += weight * p(i * stride);
  }
  integral *= (2 * stride) / 45;
  const end = 100 * stride;
  const slope = (offset: number): number => (p(offset + 1) - p(offset - 1)) / 2;
  return integral + (p(-end) + p(end)) / 2 + (slope(end) - slope(-end)) / 12;
}

/** p-values of mean, variance and shape (χ² of the cells where they are few, else against the normal law). */
function goodnessOfFit(
  law: Law,
  draws: number,
  seed: number,
  sample = (stream: Sfc32): number => hypergeometric(...law, stream.uniform()),
): number[] {
  const [good, bad, drawn] = law;
  const stream = new Sfc32(seed);
  const mean = drawn * (good / (good + bad));
  const sigma = deviation(...law);
  const deviates = Array.from({ length: draws }, () => (sample(stream) - mean) / sigma);
  const average = deviates.reduce((sum, z) => sum + z, 0) / draws;
  const variance = deviates.reduce((sum, z) => sum + z * z, 0) / draws;
  return [
    normalP(average * Math.sqrt(draws)),
    normalP((variance - 1) * Math.sqrt(draws / 2)),
    sigma < 100 ? cellTest(law, deviates) : ksUniformP(deviates.map(normalCdf)),
  ];
}

function cellTest(law: Law, deviates: readonly number[]): number {
  const { first, probabilities } = exactLaw(...law);
  const mean = law[2] * (law[0] / (law[0] + law[1]));
  const observed = new Array<number>(probabilities.length).fill(0);
  for (const z of deviates) observed[Math.round(mean + z * deviation(...law)) - first]!++;
  return chiSquareTest(
    observed,
    probabilities.map((p) => toNumber(p) * deviates.length),
  );
}
