/** Filters of the feature table: the same features as by looking at each one. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { shortestFloat32 } from '../../../src/pages/float32.js';
import { noToken, states } from '../../../src/pages/table.js';
import {
  countFilters,
  type Filters,
  noFilters,
  rangeNames,
  readFilters,
  stateNames,
  writeFilters,
} from '../../../web/src/overview/filters.js';
import { columnsOf, folded, matchFeatures, pickMatches } from '../../../web/src/overview/matches.js';
import { reports } from '../../../web/src/overview/reports.js';

const tokens = 1000;
const texts = [' the', 'The', ' cat', 'x', 'Ä'];

/** A feature as its row says. */
const row = fc.record({
  state: fc.nat(states.length - 1),
  firing: fc.nat(tokens),
  max: fc.float({ min: 0, max: 20, noNaN: true }),
  mean: fc.float({ min: 0, max: 20, noNaN: true }),
  topToken: fc.constantFrom(0, 1, 2, 3, 4, noToken),
  topShare: fc.constantFrom(0, 0.05, 0.35, 0.95, 1).map(Math.fround),
  label: fc.option(fc.constantFrom('Names of Cats', 'cats', 'äpfel', '<b>')),
});

const bound = fc.option(fc.oneof(fc.constantFrom(0, 0.01, 0.95, 5, 0.1), fc.double({ min: 0, max: 20, noNaN: true })), {
  nil: undefined,
});
const range = fc
  .record({ from: bound, to: bound })
  .map(({ from, to }) => ({ ...(from !== undefined && { from }), ...(to !== undefined && { to }) }))
  .filter((each) => Object.keys(each).length > 0);
const filters: fc.Arbitrary<Filters> = fc
  .record(
    {
      ranges: fc.record(Object.fromEntries(rangeNames.map((name) => [name, range])), {
        requiredKeys: [],
        noNullPrototype: true,
      }),
      states: fc.subarray([...stateNames]),
      tokenId: fc.constantFrom(0, 2, 77),
      tokenText: fc.constantFrom('the', 'THE', ' ', 'ä', 'none'),
      label: fc.constantFrom('cat', 'CATS', 'ÄPF', '<'),
    },
    { requiredKeys: ['ranges', 'states'], noNullPrototype: true },
  )
  .map((given) => given as Filters);

describe('filters of features', () => {
  it('let through what passes each of them, in the order given', () => {
    fc.assert(
      fc.property(fc.array(row), filters, (rows, wanted) => {
        const columns = {
          state: Uint8Array.from(rows, (each) => each.state),
          firing: Uint32Array.from(rows, (each) => each.firing),
          max: Float32Array.from(rows, (each) => each.max),
          mean: Float32Array.from(rows, (each) => each.mean),
          topToken: Uint32Array.from(rows, (each) => each.topToken),
          topShare: Float32Array.from(rows, (each) => each.topShare),
        };
        const labels = new Map(rows.flatMap(({ label }, n) => (label === null ? [] : [[n, folded(label)] as const])));
        const matches = matchFeatures(wanted, { columns, tokens, tokenTexts: texts.map(folded), labels });
        const order = Uint32Array.from(rows.keys()).reverse();
        const passes = (each: (typeof rows)[number]): boolean => {
          const values = {
            density: each.firing / tokens,
            firing: each.firing,
            max: each.max,
            mean: each.mean,
            share: each.topShare,
          };
          const { ranges, states: names, tokenId, tokenText, label } = wanted;
          const contains = (text: string | null | undefined, part: string): boolean =>
            (text ?? '').toLowerCase().includes(part.toLowerCase());
          return (
            each.state > 0 &&
            (names.length === 0 || names.some((name) => states[each.state]!.startsWith(name))) &&
            rangeNames.every((name) => {
              const exact = name === 'density' || name === 'firing';
              const rounded = exact ? Number : Math.fround;
              const { from = -Infinity, to = Infinity } = ranges[name] ?? {};
              return values[name] >= rounded(from) && values[name] <= rounded(to);
            }) &&
            (tokenId === undefined || each.topToken === tokenId) &&
            (tokenText === undefined || contains(texts[each.topToken], tokenText)) &&
            (label === undefined || contains(each.label, label))
          );
        };
        assert.deepEqual(
          [...pickMatches(order, matches)],
          rows.flatMap((each, n) => (passes(each) ? [n] : [])).reverse(),
        );
      }),
      { seed: 2, numRuns: 1000 },
    );
  });

  it('let a value pass the bound that it is printed as', () => {
    fc.assert(
      fc.property(fc.float({ min: 0, noNaN: true, noDefaultInfinity: true }), (value) => {
        const printed = shortestFloat32(value);
        const columns = { state: Uint8Array.of(3), max: Float32Array.of(value) };
        const ranges = { max: { from: printed, to: printed } };
        assert.deepEqual([...matchFeatures({ ranges, states: [] }, { columns, tokens })], [1]);
      }),
      { seed: 3 },
    );
  });

  it('name the columns that they look at', () => {
    assert.deepEqual(columnsOf(noFilters), []);
    const wanted = { ranges: { density: { from: 1 }, firing: { to: 1 }, share: {} }, states: [], tokenText: 'x' };
    assert.deepEqual(columnsOf(wanted), ['firing', 'topShare', 'topToken']);
    assert.throws(() => matchFeatures(wanted, { columns: { state: Uint8Array.of(3) }, tokens }), /firing/);
  });

  it('stand in the link, and come back as they were', () => {
    fc.assert(
      fc.property(filters, (wanted) => {
        const query = new URLSearchParams(writeFilters(wanted).toString());
        assert.deepEqual(readFilters(query), wanted);
        assert.equal(countFilters(wanted), [...query.keys()].length);
      }),
      { seed: 4 },
    );
  });

  it('leave out what a link says wrongly', () => {
    const query = new URLSearchParams('max=a..b&mean=5&density=1..x&state=evil,dead&tokenId=-1&token=&firing=1..2..3');
    assert.deepEqual(readFilters(query), { ranges: { density: { from: 1 } }, states: ['dead'] });
    fc.assert(
      fc.property(fc.webQueryParameters(), (text) => void readFilters(new URLSearchParams(text))),
      { seed: 5 },
    );
  });

  it('make the reports', () => {
    const columns = {
      state: Uint8Array.of(0, 1, 2, 3, 4, 3, 3, 3),
      firing: Uint32Array.of(0, 0, 0, 500, 500, 10, 9, 10),
      topShare: Float32Array.of(1, 0, 0, 0.5, 0.5, 0.95, 1, 0.9),
    };
    const found = reports.map(({ title, filters: wanted }) => {
      const matches = matchFeatures(wanted, { columns, tokens });
      return [title, [...matches.keys()].filter((feature) => matches[feature] === 1)];
    });
    assert.deepEqual(found, [
      ['Dead', [1, 2]],
      ['Dense', [4]],
      ['Single-token', [5]],
    ]);
  });
});
