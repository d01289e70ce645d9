/** 2π, rounded to the nearest double. */
const twoPi: f64 = 6.283185307179586;

/**
 * 1 / P(table) for a 2 × 2 table under the hypergeometric law of its margins, close to the mode.
 *
 *     in      out
 *     goodIn  goodOut   | good
 *     badIn   badOut    | bad
 *     ------  -------
 *     draws   rest        total
 *
 * P = good! bad! draws! rest! / (total! goodIn! goodOut! badIn! badOut!). With Stirling's formula for each
 * factorial, n! = √(2πn) (n/e)^n e^stirlingError(n), the powers combine to the deviances of the four cells
 * (C. Loader, "Fast and accurate computation of binomial probabilities", 2000; the hypergeometric probability is a
 * quotient of three of his binomials). Nothing large cancels, as it does between logarithms of factorials.
 *
 * The relative error is at most 30 · 2^-53 (docs/uniformity.md, step 5), provided that goodIn is the smallest cell, is
 * at least 64, and lies within 1 (and rounding) of its expectation good · draws / total.
 */
export function inverseProbability(goodIn: f64, goodOut: f64, badIn: f64, badOut: f64): f64 {
  const good = goodIn + goodOut;
  const bad = badIn + badOut;
  const draws = goodIn + badIn;
  const rest = goodOut + badOut;
  const total = good + bad;
  // All four cells are off their expectation by this much, up to its sign. The smallest cell gives it best.
  const excess = goodIn - (good * draws) / total;

  const root = Math.sqrt((twoPi * (goodIn * goodOut * (badIn * badOut) * total)) / (good * bad * (draws * rest)));
  const exponent =
    stirlingError(goodIn) +
    stirlingError(goodOut) +
    stirlingError(badIn) +
    stirlingError(badOut) +
    stirlingError(total) -
    stirlingError(good) -
    stirlingError(bad) -
    stirlingError(draws) -
    stirlingError(rest) +
    deviance(excess, goodIn) +
    deviance(-excess, goodOut) +
    deviance(-excess, badIn) +
    deviance(excess, badOut);
  return root * exponential(exponent);
}

/** ln n! − ln(√(2πn) (n/e)^n): the first terms of Stirling's series; what is left out is below 1 / (1188 n^9). */
function stirlingError(n: f64): f64 {
  const r = 1 / n;
  const s = r * r;
  return r * (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s / 1680)));
}

/** Loader's bd0: cell · ln(cell / expected) − excess, where expected = cell − excess, as a series in excess / expected. */
function deviance(excess: f64, cell: f64): f64 {
  const t = excess / (cell - excess);
  return (
    excess *
    t *
    (1.0 / 2 -
      t * (1.0 / 6 - t * (1.0 / 12 - t * (1.0 / 20 - t * (1.0 / 30 - t * (1.0 / 42 - t * (1.0 / 56 - t / 72)))))))
  );
}

/** e^x for |x| ≤ 0.04 by its power series; what is left out is below 1e-18. */
function exponential(x: f64): f64 {
  return (
    1 + x * (1 + (x / 2) * (1 + (x / 3) * (1 + (x / 4) * (1 + (x / 5) * (1 + (x / 6) * (1 + (x / 7) * (1 + x / 8)))))))
  );
}
