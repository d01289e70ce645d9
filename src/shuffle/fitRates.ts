import { ratesFormat } from './rates.js';
import type { PassWork, Rates } from './rates.js';

export interface MeasuredPass extends PassWork {
  /** Wall-clock seconds. */
  readonly seconds: number;
  /** Seconds of processor time of all workers. */
  readonly cpuSeconds: number;
}

export interface MeasuredRun {
  readonly passes: readonly MeasuredPass[];
  /** Wall-clock seconds of the whole run. */
  readonly seconds: number;
}

/**
 * The rates with which the model comes closest to measured runs, in relative terms.
 * @throws RangeError without a measured pass
 */
export function fitRates(runs: readonly MeasuredRun[], where: Pick<Rates, 'machine' | 'date' | 'cores'>): Rates {
  const passes = runs.flatMap((run) => run.passes);
  if (passes.length === 0) throw new RangeError('No pass was measured');
  const rest = runs.map((run) => run.seconds - run.passes.reduce((sum, { seconds }) => sum + seconds, 0));
  const { terms } = fitTerms(passes, ({ cpuSeconds }) => cpuSeconds, false);
  const wall = fitTerms(passes, ({ seconds }) => seconds, true);
  return {
    format: ratesFormat,
    ...where,
    cpuSeconds: terms,
    seconds: {
      ...wall.terms,
      pass: wall.pass,
      run: Math.max(0, rest.reduce((sum, seconds) => sum + seconds, 0) / runs.length),
    },
  };
}

/** @param withPass whether each pass takes some time of its own */
function fitTerms(
  passes: readonly MeasuredPass[],
  measured: (pass: MeasuredPass) => number,
  withPass: boolean,
): { terms: Rates['cpuSeconds']; pass: number } {
  const only = (pass: MeasuredPass, kind: PassWork['kind'], value: number): number => (pass.kind === kind ? value : 0);
  // What took no measurable time tells nothing; the others count by their relative error.
  const used = passes.filter((pass) => measured(pass) > 0);
  const rows = used.map((pass) =>
    [
      only(pass, 'scatter', pass.bytes),
      only(pass, 'scatter', pass.records),
      only(pass, 'gather', pass.bytes),
      only(pass, 'gather', pass.records),
      pass.requests,
      pass.tasks,
      withPass ? 1 : 0,
    ].map((value) => value / measured(pass)),
  );
  const found = nonNegativeLeastSquares(
    rows,
    used.map(() => 1),
  );
  const [scatterByte = 0, scatterRecord = 0, gatherByte = 0, gatherRecord = 0, request = 0, task = 0, pass = 0] = found;
  return {
    terms: {
      scatter: { byte: scatterByte, record: scatterRecord },
      gather: { byte: gatherByte, record: gatherRecord },
      request,
      task,
    },
    pass,
  };
}

/**
 * The vector x ≥ 0 that minimizes |A x − b|, for a few columns: some set of linearly independent columns gives it as
 * their plain least-squares solution, and all sets are tried.
 */
export function nonNegativeLeastSquares(a: readonly (readonly number[])[], b: readonly number[]): number[] {
  const columns = a[0]?.length ?? 0;
  if (columns > 12) throw new RangeError(`${columns} columns have too many subsets`);
  // Columns of length 1, so that one bound tells dependent ones.
  const lengths = Array.from({ length: columns }, (_, j) => Math.sqrt(a.reduce((sum, row) => sum + row[j]! ** 2, 0)));
  const unit = a.map((row) => row.map((value, j) => (lengths[j]! > 0 ? value / lengths[j]! : 0)));
  const residual = (x: readonly number[]): number =>
    unit.reduce((sum, row, i) => sum + (row.reduce((dot, value, j) => dot + value * x[j]!, 0) - b[i]!) ** 2, 0);

  let best = new Array<number>(columns).fill(0);
  let least = residual(best);
  for (let set = 1; set < 2 ** columns; set++) {
    const chosen = lengths.flatMap((length, j) => (set & (1 << j) && length > 0 ? [j] : []));
    const part = leastSquares(
      unit.map((row) => chosen.map((j) => row[j]!)),
      b,
    );
    if (!part?.every((value) => value >= 0)) continue;
    const x = new Array<number>(columns).fill(0);
    for (const [index, j] of chosen.entries()) x[j] = part[index]!;
    const found = residual(x);
    // Smaller sets come first among equals: less is made of noise.
    if (found < least - 1e-12) [best, least] = [x, found];
  }
  return best.map((value, j) => (lengths[j]! > 0 ? value / lengths[j]! : 0));
}

/** Below this a pivot of columns of length 1 is taken for a linear dependence. */
const smallestPivot = 1e-10;

/** Solves the normal equations by Gauss–Jordan elimination; undefined where the columns depend on each other. */
function leastSquares(a: readonly (readonly number[])[], b: readonly number[]): number[] | undefined {
  const size = a[0]?.length ?? 0;
  const system = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (_, j) => a.reduce((sum, row) => sum + row[i]! * row[j]!, 0)),
    a.reduce((sum, row, k) => sum + row[i]! * b[k]!, 0),
  ]);
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let i = column + 1; i < size; i++) {
      if (Math.abs(system[i]![column]!) > Math.abs(system[pivot]![column]!)) pivot = i;
    }
    if (Math.abs(system[pivot]![column]!) < smallestPivot) return undefined;
    [system[column], system[pivot]] = [system[pivot]!, system[column]!];
    const top = system[column]!;
    for (const [i, row] of system.entries()) {
      if (i === column) continue;
      const factor = row[column]! / top[column]!;
      for (let j = column; j <= size; j++) row[j]! -= factor * top[j]!;
    }
  }
  return system.map((row, i) => row[size]! / row[i]!);
}
