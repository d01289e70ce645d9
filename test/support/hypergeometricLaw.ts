/** Fractional bits of the fixed-point numbers below. */
export const BITS = 220n;
const ONE = 1n << BITS;

/** A fixed-point number as a double. */
export function toNumber(fixed: bigint): number {
  const shift = Math.max(0, (fixed < 0n ? -fixed : fixed).toString(2).length - 60);
  return Number(fixed >> BigInt(shift)) * 2 ** (shift - Number(BITS));
}

/** The exact law, in fixed point rounded down: the probability of each possible number of good items. */
export function exactLaw(good: number, bad: number, draws: number): { first: number; probabilities: bigint[] } {
  const first = Math.max(0, draws - bad);
  const last = Math.min(good, draws);
  let weight = binomial(good, first) * binomial(bad, draws - first);
  const weights = [weight];
  for (let k = first; k < last; k++) {
    weight = (weight * BigInt(good - k) * BigInt(draws - k)) / (BigInt(k + 1) * BigInt(bad - draws + k + 1));
    weights.push(weight);
  }
  const total = weights.reduce((sum, term) => sum + term, 0n);
  return { first, probabilities: weights.map((term) => (term << BITS) / total) };
}

/** One probability of the law, in fixed point, from logarithms of factorials with 60 digits; any population. */
export function exactProbability(good: number, bad: number, draws: number, k: number): bigint {
  const total = good + bad;
  const numerator = [good, bad, draws, total - draws];
  const denominator = [total, k, good - k, draws - k, bad - draws + k];
  const add = (sum: bigint, n: number): bigint => sum + logFactorial(n);
  return exponential(numerator.reduce(add, 0n) - denominator.reduce(add, 0n));
}

/** Standard deviation of the law. */
export function deviation(good: number, bad: number, draws: number): number {
  const total = good + bad;
  if (total < 2) return 0;
  return Math.sqrt(draws * (good / total) * (bad / total) * ((total - draws) / (total - 1)));
}

function binomial(n: number, k: number): bigint {
  let result = 1n;
  for (let i = 1; i <= Math.min(k, n - k); i++) result = (result * BigInt(n - i + 1)) / BigInt(i);
  return result;
}

/** ln n! by Stirling's series, with nine terms: an error below 1e-50 from 1000 on. Smaller n are multiplied out. */
export function logFactorial(n: number): bigint {
  if (n < 1000) {
    let product = 1n;
    for (let i = 2; i <= n; i++) product *= BigInt(i);
    return logarithm(product << BITS);
  }
  const count = BigInt(n);
  let result = count * logarithm(count << BITS) - (count << BITS) + logarithm(2n * PI * count) / 2n;
  let power = count;
  for (const [numerator, denominator] of STIRLING) {
    result += (numerator << BITS) / (denominator * power);
    power *= count * count;
  }
  return result;
}

/** B(2k) / (2k (2k − 1)), the coefficients of Stirling's series. */
const STIRLING = [
  [1n, 12n],
  [-1n, 360n],
  [1n, 1260n],
  [-1n, 1680n],
  [1n, 1188n],
  [-691n, 360360n],
  [1n, 156n],
  [-3617n, 122400n],
  [43867n, 244188n],
] as const;

/** ln x of a fixed-point number: ln 2 per binary digit, and 2 artanh((m − 1) / (m + 1)) of what remains. */
function logarithm(x: bigint): bigint {
  const exponent = BigInt(x.toString(2).length - 1) - BITS;
  const mantissa = exponent >= 0n ? x >> exponent : x << -exponent;
  return exponent * LN2 + 2n * artanh(((mantissa - ONE) << BITS) / (mantissa + ONE));
}

function artanh(z: bigint): bigint {
  const square = (z * z) >> BITS;
  let sum = 0n;
  for (let power = z, odd = 1n; power !== 0n && power !== -1n; power = (power * square) >> BITS, odd += 2n) {
    sum += power / odd;
  }
  return sum;
}

/** e^x of a fixed-point number: the power series of the part below ln 2, and a shift. */
function exponential(x: bigint): bigint {
  const shift = x >= 0n ? x / LN2 : -((-x + LN2 - 1n) / LN2);
  const remainder = x - shift * LN2;
  let sum = ONE;
  for (let term = remainder, i = 2n; term !== 0n; term = (term * remainder) / (i++ << BITS)) sum += term;
  return shift >= 0n ? sum << shift : sum >> -shift;
}

const LN2 = 2n * artanh(ONE / 3n);

/** π by Machin's formula. */
const PI = 16n * arctanOfInverse(5n) - 4n * arctanOfInverse(239n);

function arctanOfInverse(n: bigint): bigint {
  let sum = 0n;
  for (let power = ONE / n, odd = 1n, sign = 1n; power !== 0n; power /= n * n, odd += 2n, sign = -sign) {
    sum += (sign * power) / odd;
  }
  return sum;
}
