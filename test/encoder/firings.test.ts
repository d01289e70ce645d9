/** The scans in WebAssembly against plain loops, with all that a float can be. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { WorkMemory } from '../../src/memory/workMemory.js';

const f = Math.fround;

/** Few different numbers, so that there are ties, and the odd ones often. */
const special = [0, -0, 1, -1, 1.5, 2 ** -149, -(2 ** -149), 2 ** -126, 2 ** 100, -(2 ** 100)];
const strange = [NaN, Infinity, -Infinity, f(3.4e38), f(-3.4e38)];
const finite = fc.oneof(
  fc.constantFrom(...special),
  fc.float({ noNaN: true, noDefaultInfinity: true, min: -100, max: 100 }),
);
/** Mostly small, for most values of a product are. */
const value = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(-3, -2, 0.25) }, { weight: 3, arbitrary: finite });
const anyValue = fc.oneof({ weight: 60, arbitrary: value }, { weight: 1, arbitrary: fc.constantFrom(...strange) });

interface Table {
  width: number;
  rows: number;
  stride: number;
  product: number[];
  columns: number[][];
}

/** A product, and three numbers for each column. */
function table(element: fc.Arbitrary<number>): fc.Arbitrary<Table> {
  return fc
    .record({ width: fc.integer({ min: 1, max: 70 }), rows: fc.integer({ min: 1, max: 6 }), padding: fc.nat(5) })
    .chain(({ width, rows, padding }) => {
      const stride = width + padding;
      const numbers = (length: number, of: fc.Arbitrary<number>): fc.Arbitrary<number[]> =>
        fc.array(of, { minLength: length, maxLength: length });
      return fc.record({
        width: fc.constant(width),
        rows: fc.constant(rows),
        stride: fc.constant(stride),
        product: numbers(rows * stride, element),
        columns: fc.tuple(numbers(width, finite), numbers(width, finite), numbers(width, finite)),
      });
    });
}

interface Found {
  list: [number, number, number][];
  broken: [number, number] | undefined;
}

const memory = new WorkMemory();
const noRow = 0xffff_ffff;

function place(values: readonly number[]): number {
  const address = memory.take(4 * values.length);
  new Float32Array(memory.view(address, 4 * values.length).buffer, address, values.length).set(values);
  return address;
}

/** Runs a scan with a list of `capacity` until all rows are done. */
function scan(rows: number, capacity: number, call: (firings: number, capacity: number, state: number) => void): Found {
  const firings = memory.take(12 * capacity);
  const stateAt = memory.take(16);
  const { buffer } = memory.view(firings, 1);
  const state = new Uint32Array(buffer, stateAt, 4);
  const found: Found = { list: [], broken: undefined };
  const part = (at: number): Uint32Array => new Uint32Array(buffer, firings + 4 * capacity * at, state[1]);
  const take = (): void => {
    const values = new Float32Array(buffer, firings + 8 * capacity, state[1]);
    part(0).forEach((row, i) => found.list.push([row, part(1)[i]!, values[i]!]));
    state[1] = 0;
  };
  // What the list holds already must stay.
  state.set([0, 1]);
  for (const at of [0, 1, 2]) part(at)[0] = at + 5;
  while (state[0]! < rows) {
    const [before, held] = state as unknown as [number, number];
    call(firings, capacity, stateAt);
    if (state[2] !== noRow) found.broken ??= [state[2]!, state[3]!];
    assert.ok(state[0]! > before || held > 0, 'no row was scanned');
    if (state[0]! < rows) take();
  }
  take();
  assert.deepEqual(found.list.shift(), [5, 6, new Float32Array(Uint32Array.of(7).buffer)[0]]);
  return found;
}

/**
 * The same by the book.
 * @param activation of the row and column; undefined where it does not fire, NaN where that cannot be known
 */
function plain(rows: number, width: number, activation: (row: number, column: number) => number | undefined): Found {
  const found: Found = { list: [], broken: undefined };
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      const a = activation(row, column);
      if (a === undefined) continue;
      found.list.push([row, column, a]);
      if (!Number.isFinite(a)) found.broken ??= [row, column];
    }
  }
  return found;
}

/** Values that are not finite may stand in the list or not, for a caller gives up then. */
function assertSame(actual: Found, expected: Found): void {
  assert.deepEqual(actual.broken, expected.broken);
  if (!expected.broken) assert.deepEqual(actual.list, expected.list);
}

const options = { seed: 5, numRuns: 400 };

describe('scans of a product', () => {
  for (const [name, element] of [
    ['finite numbers', value],
    ['numbers of all kinds', anyValue],
  ] as const) {
    it(`find what is above its bound: ${name}`, () => {
      let fired = 0;
      let broken = 0;
      fc.assert(
        fc.property(table(element), fc.nat(100), fc.nat(9), (input, first, room) => {
          memory.reset();
          const { width, rows, stride, product, columns } = input;
          const [bias, thresholds] = columns as [number[], number[]];
          const bound = thresholds.map((threshold) => Math.max(threshold, 0));
          const at = { product: place(product), bias: place(bias), bound: place(bound) };
          const found = scan(rows, width + room, (firings, capacity, state) => {
            const kernels = memory.kernelsAt(firings);
            const { product, bias, bound } = at;
            kernels.scanFirings(product, 4 * stride, width, first, 7, rows, 0, bias, bound, firings, capacity, state);
          });
          const expected = plain(rows, width, (row, column) => {
            const p = f(product[row * stride + column]! + bias[column]!);
            if (Number.isNaN(p) || p === -Infinity) return NaN;
            return p > bound[column]! ? p : undefined;
          });
          fired += expected.list.length;
          broken += expected.broken ? 1 : 0;
          assertSame(found, numbered(expected, 7, first));
        }),
        options,
      );
      assert.ok(fired > 1000 && (element === value || broken > 50), `${fired} fired, ${broken} broken`);
    });

    it(`find what passes its gate: ${name}`, () => {
      let fired = 0;
      fc.assert(
        fc.property(table(element), fc.nat(9), (input, room) => {
          memory.reset();
          const { width, rows, stride, product, columns } = input;
          const [gateBias, factors, bias] = columns as [number[], number[], number[]];
          const scale = factors.map(Math.abs);
          const at = { product: place(product), gate: place(gateBias), scale: place(scale), bias: place(bias) };
          const found = scan(rows, width + room, (firings, capacity, state) => {
            const kernels = memory.kernelsAt(firings);
            const { product, gate, scale, bias } = at;
            kernels.scanGated(product, 4 * stride, width, 0, 0, rows, 0, gate, scale, bias, firings, capacity, state);
          });
          const expected = plain(rows, width, (row, column) => {
            const dot = product[row * stride + column]!;
            const gate = f(dot + gateBias[column]!);
            const a = f(f(dot * scale[column]!) + bias[column]!);
            if (!Number.isFinite(dot)) return NaN;
            return gate > 0 && a > 0 ? a : undefined;
          });
          fired += expected.list.length;
          assertSame(found, expected);
        }),
        options,
      );
      assert.ok(fired > 1000, `${fired} fired`);
    });
  }

  it('find the k largest of groups, of equal ones the first, whatever the order of blocks', () => {
    let fired = 0;
    let tied = 0;
    fc.assert(
      fc.property(
        table(value),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 20 }),
        (input, kept, groupSize, blockSize, shift) => {
          memory.reset();
          const { width, rows, stride, product, columns } = input;
          const [bias, factors] = columns as [number[], number[]];
          const norm = factors.map((factor) => Math.abs(f(factor % 4)));
          const groups = Math.ceil(width / groupSize);
          const at = { product: place(product), bias: place(bias), norm: place(norm) };
          const lists = rows * groups;
          const sizes = memory.take(4 * lists);
          memory.view(sizes, 4 * lists).fill(0);
          const heaps = memory.take(8 * lists * kept);
          const cutoffs = memory.take(8 * lists);
          const kernels = memory.kernelsAt(heaps);
          const starts = Array.from({ length: Math.ceil(width / blockSize) }, (_, i) => i * blockSize);
          const blocks = starts.map((_, i) => starts[(i * 7 + shift) % starts.length]!);
          for (const start of new Set([...blocks, ...starts])) {
            const count = Math.min(blockSize, width - start);
            const [p, b, n] = [at.product + 4 * start, at.bias + 4 * start, at.norm + 4 * start];
            const broken = kernels.offerTop(
              ...([p, 4 * stride, count, start, rows, 0, b, n, groupSize, groups, kept, sizes, heaps] as const),
            );
            assert.equal(broken, -1);
          }
          kernels.cutoffsOfTop(lists, kept, sizes, heaps, cutoffs);
          const found = scan(rows, width + 3, (firings, capacity, state) => {
            const { product, bias, norm } = at;
            kernels.scanTop(
              ...([product, 4 * stride, width, 0, 0, rows, 0, bias, norm, 0, groupSize, groups, cutoffs] as const),
              firings,
              capacity,
              state,
            );
          });
          const p = (row: number, column: number): number =>
            f(f(product[row * stride + column]! + bias[column]!) * norm[column]!);
          const expected = plain(rows, width, (row, column) => {
            const a = p(row, column);
            const group = Math.floor(column / groupSize);
            let before = 0;
            for (let other = group * groupSize; other < Math.min(width, (group + 1) * groupSize); other++) {
              const b = p(row, other);
              if (b > a || (b === a && other < column)) before++;
              if (b === a && other !== column && a > 0) tied++;
            }
            return a > 0 && before < kept ? a : undefined;
          });
          fired += expected.list.length;
          assertSame(found, expected);
        },
      ),
      options,
    );
    assert.ok(fired > 1000 && tied > 200, `${fired} fired, ${tied} tied`);
  });

  it('tell where the first candidate is not finite', () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      memory.reset();
      const product = Array.from({ length: 3 * 21 }, () => -1);
      product[2 * 21 + 18] = bad;
      product[2 * 21 + 20] = bad;
      const at = place(product);
      const [bias, norm] = [place(new Array<number>(21).fill(0)), place(new Array<number>(21).fill(1))];
      const sizes = memory.take(12);
      memory.view(sizes, 12).fill(0);
      const heaps = memory.take(8 * 3 * 2);
      const kernels = memory.kernelsAt(heaps);
      assert.equal(kernels.offerTop(at, 84, 21, 0, 3, 0, bias, norm, 21, 1, 2, sizes, heaps), 2 * 2 ** 32 + 18);
    }
  });
});

function numbered({ list, broken }: Found, firstRow: number, first: number): Found {
  return {
    list: list.map(([row, column, a]) => [row + firstRow, column + first, a]),
    broken: broken && [broken[0] + firstRow, broken[1] + first],
  };
}
