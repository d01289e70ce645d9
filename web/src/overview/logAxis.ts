import type { Range } from './filters.js';

/** A logarithmic axis, from 10^`from` to 10^`to`. */
export interface LogAxis {
  readonly from: number;
  readonly to: number;
}

/** More marks than this crowd an axis. */
const mostTicks = 7;

/** The least axis that holds numbers whose log10 are these, and whose ends are 1, 2 or 5 times a power of ten. */
export function axisOver(least: number, most: number): LogAxis {
  // Numbers are float32: an end that is hit is not passed by the last bit.
  const slack = 1e-6;
  const marks = marksBetween(Math.floor(least) - 1, Math.ceil(most) + 1);
  const from = marks.findLast((mark) => mark <= least + slack)!;
  const to = marks.find((mark) => mark >= most - slack && mark > from)!;
  return { from, to };
}

/** Values at which an axis is marked: 1, 2, 5, 10 …, or powers of ten alone, or some of them. */
export function ticksOf({ from, to }: LogAxis): number[] {
  const slack = 1e-9;
  const inside = (mark: number): boolean => mark >= from - slack && mark <= to + slack;
  const marks = marksBetween(Math.floor(from), Math.ceil(to)).filter(inside);
  if (marks.length <= mostTicks) return marks.map(valueOf);
  const decades = marks.filter((mark) => Number.isInteger(mark));
  const step = Math.ceil(decades.length / mostTicks);
  return decades.filter((_, n) => (decades.length - 1 - n) % step === 0).map(valueOf);
}

/** log10 of 1, 2 and 5 times each power of ten between two decades. */
function marksBetween(from: number, to: number): number[] {
  const marks: number[] = [];
  for (let decade = from; decade <= to; decade++) marks.push(decade, decade + Math.log10(2), decade + Math.log10(5));
  return marks;
}

function valueOf(mark: number): number {
  return Number((10 ** mark).toPrecision(1));
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
