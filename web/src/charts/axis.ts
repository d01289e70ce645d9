/** A place on an axis, from 0 at its start to 1 at its end. */
export type Place = (value: number) => number;

export function linear(from: number, to: number): Place {
  return (value) => (to > from ? (value - from) / (to - from) : 0);
}

/** @param from above 0 */
export function logarithmic(from: number, to: number): Place {
  const place = linear(Math.log(from), Math.log(to));
  return (value) => place(Math.log(value));
}

/** Round numbers 1, 2, 5 · 10^n in [from, to], thinned out to at most `most`; the ends where there are fewer than two. */
export function logTicks(from: number, to: number, most: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.log10(to); power++) {
    for (const digit of [1, 2, 5]) {
      // As a decimal, which has no rounding error: 5e-7 and not 4.9999999999999998e-7.
      const tick = Number(`${digit}e${power}`);
      if (tick >= from && tick <= to) ticks.push(tick);
    }
  }
  if (ticks.length < 2) return [...new Set([from, to])];
  const step = Math.ceil(ticks.length / most);
  return ticks.filter((_, n) => n % step === 0);
}

/** About `most` round numbers in [from, to]. */
export function linearTicks(from: number, to: number, most: number): number[] {
  if (!(to > from)) return [from];
  const rough = (to - from) / most;
  const power = Math.floor(Math.log10(rough));
  const digit = [1, 2, 5, 10].find((each) => Number(`${each}e${power}`) >= rough) ?? 10;
  const first = Math.ceil(from / Number(`${digit}e${power}`));
  const last = Math.floor(to / Number(`${digit}e${power}`));
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => Number(`${(first + n) * digit}e${power}`));
}
