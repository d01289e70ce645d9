import type { Range } from './filters.js';

/** A logarithmic axis over whole decades, from 10^`from` to 10^`to`. */
export interface LogAxis {
  readonly from: number;
  readonly to: number;
}

/** The decades that hold numbers whose log10 are these: at least one decade. */
export function axisOver(least: number, most: number): LogAxis {
  const from = Math.floor(least);
  // Math.ceil gives -0, too.
  return { from, to: Math.max(from + 1, Math.ceil(most)) + 0 };
}

/** Where log10 of a value stands on the axis: 0 at its beginning, 1 at its end. */
export function placeOf(axis: LogAxis, log: number): number {
  return (log - axis.from) / (axis.to - axis.from);
}

/**
 * The values between two places on the axis, in any order. Bounds have three digits, rounded outward: what is seen inside is
 * inside. Beyond an end of the axis there is no bound.
 */
export function rangeBetween(axis: LogAxis, a: number, b: number): Range {
  const [first, last] = [Math.min(a, b), Math.max(a, b)];
  return {
    ...(first > 0 && { from: rounded(axis, first, Math.floor) }),
    ...(last < 1 && { to: rounded(axis, last, Math.ceil) }),
  };
}

/** Where a range begins and ends on the axis, cut to it. */
export function placesOf(axis: LogAxis, { from, to }: Range): { from: number; to: number } {
  const place = (bound: number | undefined, open: number): number =>
    bound === undefined ? open : Math.min(1, Math.max(0, bound <= 0 ? 0 : placeOf(axis, Math.log10(bound))));
  return { from: place(from, 0), to: place(to, 1) };
}

function rounded(axis: LogAxis, place: number, round: (value: number) => number): number {
  const log = axis.from + place * (axis.to - axis.from);
  const exponent = Math.floor(log);
  // As decimal text: 123 * 10 ** -5 is not the number nearest to 0.00123.
  return Number(`${round(10 ** (log - exponent) * 100)}e${exponent - 2}`);
}
