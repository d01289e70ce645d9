/**
 * The number whose decimal (as ECMAScript prints it) is the shortest that reads back as a float32; of several equally
 * short ones, the nearest to it; of two equally near ones, that with an even last digit. (As numpy prints them.)
 * @param given the float32, or already its shortest decimal
 * @throws RangeError for what is neither, or not finite
 */
export function shortestFloat32(given: number): number {
  const value = Math.fround(given);
  if (value === 0) return 0;
  if (!Number.isFinite(value)) throw new RangeError(`${given} is not a finite float32`);
  // Nine digits name every float32. What fits in fewer digits fits in all numbers of digits above that.
  let [digits, shortest] = [9, Number(value.toPrecision(9))];
  for (; digits > 1; digits--) {
    const shorter = readsBack(value, digits - 1);
    if (shorter === undefined) break;
    shortest = shorter;
  }
  shortest = evenOfTwo(value, digits, shortest);
  if (given !== value && given !== shortest) throw new RangeError(`${given} is not a float32`);
  return shortest;
}

/** A decimal of so many digits that reads back as `value`, if there is one. */
function readsBack(value: number, digits: number): number | undefined {
  const nearest = Number(value.toPrecision(digits));
  if (Math.fround(nearest) === value) return nearest;
  if (!isPowerOfTwo(value)) return undefined;
  // Below a power of two float32 numbers are twice as dense as above: the nearest decimal may miss on that side,
  // where the next one away from zero still hits.
  const next = neighbour(nearest, digits, 1);
  return Math.fround(next) === value ? next : undefined;
}

/** `toPrecision` rounds away from zero where two decimals are equally near. */
function evenOfTwo(value: number, digits: number, decimal: number): number {
  const between = Number(value.toPrecision(digits + 1));
  if (between !== value || lastDigit(between, digits + 1) !== 5 || lastDigit(decimal, digits) % 2 === 0) return decimal;
  const even = neighbour(decimal, digits, -1);
  return Math.fround(even) === value ? even : decimal;
}

/** The decimal of so many digits next to `decimal`, further from zero or nearer to it. */
function neighbour(decimal: number, digits: number, step: 1 | -1): number {
  const [mantissa = '', exponent = ''] = Math.abs(decimal)
    .toExponential(digits - 1)
    .split('e');
  return Number(`${Number(mantissa.replace('.', '')) + step}e${Number(exponent) - digits + 1}`) * Math.sign(decimal);
}

function lastDigit(decimal: number, digits: number): number {
  return Number(
    decimal
      .toExponential(digits - 1)
      .split('e')[0]!
      .at(-1),
  );
}

const bits = new DataView(new ArrayBuffer(4));

function isPowerOfTwo(value: number): boolean {
  bits.setFloat32(0, value);
  return (bits.getUint32(0) & 0x7fffff) === 0;
}
