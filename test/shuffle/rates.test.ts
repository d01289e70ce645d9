/** The fit of rates to measured runs, on runs that are made up from known rates. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fitRates, nonNegativeLeastSquares } from '../../src/shuffle/fitRates.js';
import type { MeasuredRun } from '../../src/shuffle/fitRates.js';
import { ratesSchema, secondsOf, secondsThere } from '../../src/shuffle/rates.js';
import type { PassWork, Rates } from '../../src/shuffle/rates.js';

const where = { machine: 'made up', date: '2026-11-22', cores: 2 };

const between = (min: number, max: number): fc.Arbitrary<number> => fc.double({ min, max, noNaN: true });

const anyTerms: fc.Arbitrary<Rates['cpuSeconds']> = fc.record({
  scatter: fc.record({ byte: between(1e-9, 1e-8), record: between(1e-7, 2e-6) }),
  gather: fc.record({ byte: between(1e-9, 1e-8), record: between(1e-7, 2e-6) }),
  request: between(1e-4, 1e-2),
  task: between(1e-3, 0.1),
});

/** Scatter and gather passes of runs that differ in what the terms count. */
const works: readonly PassWork[][] = [
  [1e8, 1e5, 40, 8],
  [3e8, 3e6, 300, 30],
  [5e8, 1e5, 900, 4],
  [2e8, 5e4, 100, 60],
].map(([bytes = 0, records = 0, requests = 0, tasks = 0]) => [
  { kind: 'scatter', bytes, records, requests, tasks },
  { kind: 'gather', bytes: bytes * 1.1, records, requests: requests * 3, tasks: tasks + 3 },
]);

function madeUp(cpu: Rates['cpuSeconds'], seconds: Rates['seconds'], noise = (): number => 1): MeasuredRun[] {
  return works.map((passes) => {
    const measured = passes.map((work) => ({
      ...work,
      cpuSeconds: secondsOf(cpu, work) * noise(),
      seconds: (seconds.pass + secondsOf(seconds, work)) * noise(),
    }));
    return { passes: measured, seconds: seconds.run + measured.reduce((sum, pass) => sum + pass.seconds, 0) };
  });
}

describe('fitRates', () => {
  it('finds the rates of runs that follow the model', () => {
    fc.assert(
      fc.property(anyTerms, anyTerms, between(0, 1), (cpuSeconds, terms, pass) => {
        const seconds = { ...terms, pass, run: 1.5 };
        const fitted = fitRates(madeUp(cpuSeconds, seconds), where);
        ratesSchema.parse(fitted);
        const expected: Rates = { format: 'riffle.rates/1', ...where, cpuSeconds, seconds };
        for (const [found, real] of pairs(fitted, expected)) {
          assert.ok(Math.abs(found - real) <= 1e-3 * real + 1e-10, `${found} in place of ${real}`);
        }
      }),
      { seed: 3, numRuns: 50 },
    );
  });

  it('predicts another run well from noisy ones', () => {
    const other: PassWork[] = [
      { kind: 'scatter', bytes: 8e8, records: 2e6, requests: 200, tasks: 20 },
      { kind: 'gather', bytes: 8e8, records: 2e6, requests: 800, tasks: 20 },
    ];
    fc.assert(
      fc.property(anyTerms, fc.array(between(0.95, 1.05), { minLength: 16, maxLength: 16 }), (terms, by) => {
        const seconds = { ...terms, pass: 0.2, run: 1 };
        let next = 0;
        const fitted = fitRates(
          madeUp(terms, seconds, () => by[next++]!),
          where,
        );
        const real = secondsThere({ format: 'riffle.rates/1', ...where, cpuSeconds: terms, seconds }, other);
        assert.ok(Math.abs(secondsThere(fitted, other) / real - 1) < 0.25);
      }),
      { seed: 4, numRuns: 50 },
    );
  });

  it('refuses to make rates of nothing', () => {
    assert.throws(() => fitRates([], where), RangeError);
  });
});

describe('nonNegativeLeastSquares', () => {
  const anyNumber = fc.double({ min: -10, max: 10, noNaN: true });
  const anySystem = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 6 })).chain(([columns, rows]) =>
    fc.record({
      a: fc.array(fc.array(anyNumber, { minLength: columns, maxLength: columns }), {
        minLength: rows,
        maxLength: rows,
      }),
      b: fc.array(anyNumber, { minLength: rows, maxLength: rows }),
    }),
  );

  it('satisfies the conditions that only the optimum satisfies', () => {
    fc.assert(
      fc.property(anySystem, ({ a, b }) => {
        const x = nonNegativeLeastSquares(a, b);
        const rest = a.map((row, i) => b[i]! - row.reduce((sum, value, j) => sum + value * x[j]!, 0));
        for (const [j, value] of x.entries()) {
          const length = Math.sqrt(a.reduce((sum, row) => sum + row[j]! ** 2, 0));
          const gain = a.reduce((sum, row, i) => sum + row[j]! * rest[i]!, 0) / Math.max(1e-9, length);
          assert.ok(value >= 0);
          // More of a column does not help; nor does less of one that is used.
          assert.ok(gain < 1e-3, `column ${j} would help: ${gain}`);
          if (value > 0) assert.ok(gain > -1e-3, `column ${j} does harm: ${gain}`);
        }
      }),
      { seed: 5, numRuns: 500 },
    );
  });

  it('leaves out a column that another one can stand for', () => {
    const found = nonNegativeLeastSquares(
      [
        [1, 2],
        [2, 4],
        [3, 6],
      ],
      [1, 2, 3],
    );
    assert.ok(Math.abs(found[0]! - 1) < 1e-9);
    assert.equal(found[1], 0);
  });
});

function pairs(found: Rates, expected: Rates): [number, number][] {
  const numbers = (value: unknown): number[] =>
    typeof value === 'number' ? [value] : typeof value === 'object' ? Object.values(value ?? {}).flatMap(numbers) : [];
  // Equal fields in equal order: both are sorted by their names.
  const sorted = (rates: Rates): unknown => JSON.parse(JSON.stringify(rates, keysOf(rates).sort()));
  const real = numbers(sorted(expected));
  return numbers(sorted(found)).map((value, index) => [value, real[index]!]);
}

function keysOf(value: unknown): string[] {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([name, inner]) => [name, ...keysOf(inner)])
    : [];
}
