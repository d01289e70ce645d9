/** A page's text: equal pages have equal bytes, it reads back the same, and it stays small. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RunDamaged } from '../../src/errors.js';
import { shortestFloat32 } from '../../src/pages/float32.js';
import { packItem } from '../../src/pages/packWriter.js';
import { type FeatureExample, type FeaturePage, printPage } from '../../src/pages/page.js';
import { decodeStoredPage, encodeStoredPage } from '../../src/pages/storedPage.js';
import { makeDeadPage, makePage } from '../support/featurePages.js';

const float32 = fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => shortestFloat32(value) + 0);
const float64 = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const count = fc.nat();
const column = fc.option(fc.integer());
const token = fc.string({ unit: 'grapheme' });
const histogram = fc
  .array(fc.tuple(float32, count))
  .map((bins) => ({ edges: [0, ...bins.map(([edge]) => edge)], counts: bins.map(([, n]) => n) }));
const logit = fc.record({ id: count, token, value: float32 });

const example: fc.Arbitrary<FeatureExample> = fc
  .array(fc.tuple(count, token, fc.option(float32)), { minLength: 1, maxLength: 8 })
  .chain((window) =>
    fc.record({
      row: count,
      context: column,
      position: column,
      document: column,
      activation: float32,
      focus: fc.nat(window.length - 1),
      ids: fc.constant(window.map(([id]) => id)),
      tokens: fc.constant(window.map(([, text]) => text)),
      values: fc.constant(window.map(([, , value]) => value)),
    }),
  );
const examples = fc.array(example, { maxLength: 4 });

const page: fc.Arbitrary<FeaturePage> = fc.record({
  format: fc.constant('riffle.feature/1' as const),
  feature: count,
  label: fc.option(token),
  state: fc.constantFrom('alive', 'dense', 'dead'),
  reason: fc.option(fc.constantFrom('never fires', 'fires only on excluded tokens')),
  tokens: count,
  firing: count,
  excludedFiring: count,
  density: float64,
  max: float32,
  mean: float64,
  histogram: fc.option(histogram),
  topTokens: fc.array(fc.record({ id: count, token, share: float64 }), { maxLength: 5 }),
  logits: fc.option(fc.record({ top: fc.array(logit), bottom: fc.array(logit), histogram })),
  neighbours: fc.array(fc.record({ feature: count, cosine: float32 })),
  groups: fc.array(
    fc.oneof(
      fc.record({ name: fc.constantFrom('top', 'random'), examples }),
      fc.record({ name: fc.constant('interval' as const), from: float32, to: float32, share: float64, examples }),
    ),
    { maxLength: 4 },
  ),
});

describe('a feature page', () => {
  it('reads back the same', () => {
    fc.assert(
      fc.property(page, (given) => {
        const bytes = encodeStoredPage(given);
        // fast-check's objects have no prototype.
        assert.deepEqual(decodeStoredPage(bytes, given.feature, 'pages/00000.bin'), structuredClone(given));
        assert.deepEqual(encodeStoredPage(decodeStoredPage(bytes, given.feature, '')), bytes);
        assert.deepEqual(JSON.parse(printPage(given)), structuredClone(given));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('has the same bytes whatever the order of its fields, and is one line', () => {
    const given = makePage(3);
    const shuffled = JSON.parse(JSON.stringify(given), (_, value: unknown) =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).reverse())
        : value,
    ) as FeaturePage;
    assert.notEqual(JSON.stringify(shuffled), JSON.stringify(given));
    const text = printPage(shuffled);
    assert.equal(text, printPage(given));
    assert.deepEqual(encodeStoredPage(shuffled), encodeStoredPage(given));
    assert.equal(text.indexOf('\n'), text.length - 1);
    assert.match(
      text,
      /^\{"format":"riffle.feature\/1","feature":3,"label":null,"state":"alive","reason":null,"tokens"/,
    );
  });

  it('prints float32 numbers by their own digits, float64 numbers by theirs', () => {
    const given = { ...makeDeadPage(1), max: Math.fround(0.1), mean: 0.1 + 0.2 };
    assert.match(printPage(given), /"max":0.1,"mean":0.30000000000000004,/);
  });

  it('refuses numbers that JSON cannot hold', () => {
    for (const wrong of [{ mean: NaN }, { density: Infinity }, { max: NaN }, { max: 0.1 + 0.2 }]) {
      assert.throws(() => printPage({ ...makeDeadPage(1), ...wrong }), RangeError);
      assert.throws(() => encodeStoredPage({ ...makeDeadPage(1), ...wrong }), RangeError);
    }
  });

  it('stores an example once that stands in several groups, and a token once', () => {
    const [once] = makePage(4, { top: 20, intervals: 0, random: 0 }).groups;
    const given = {
      ...makePage(4),
      groups: [once!, { name: 'random' as const, examples: once!.examples.slice(3, 5) }],
    };
    const { examples, vocabulary, groups } = JSON.parse(Buffer.from(encodeStoredPage(given)).toString()) as {
      examples: { row: number[] };
      vocabulary: { ids: number[] };
      groups: { examples: number[] }[];
    };
    assert.equal(examples.row.length, 20);
    assert.deepEqual(groups[1]!.examples, [3, 4]);
    assert.equal(vocabulary.ids.length, new Set(once!.examples.flatMap(({ ids }) => ids)).size);
    assert.deepEqual(decodeStoredPage(encodeStoredPage(given), 4, ''), given);
  });

  const whole = JSON.parse(
    Buffer.from(encodeStoredPage(makePage(5, { top: 1, intervals: 0, random: 0 }))).toString(),
  ) as { examples: object; vocabulary: object; format: string };
  const withExample = (change: object): unknown => ({ ...whole, examples: { ...whole.examples, ...change } });
  const faults: [string, unknown, RegExp][] = [
    ['no JSON', '{"format":', /is not JSON/],
    ['another version', { ...whole, format: 'riffle.stored-feature/2' }, /at format/],
    ['another feature', { ...whole, feature: 6 }, /is that of feature 6/],
    ['a count that is none', { ...whole, firing: -1 }, /at firing/],
    ['text for a number', { ...whole, mean: '1' }, /at mean/],
    ['an unknown group', { ...whole, groups: [{ name: 'best', examples: [] }] }, /at groups\.0/],
    ['an example that is not there', { ...whole, groups: [{ name: 'top', examples: [1] }] }, /refers to an example/],
    ['lists of unequal lengths', withExample({ row: [] }), /has lists of 0, 1, 1, /],
    ['too few values', withExample({ values: [[1]] }), /has not one value for each token at row/],
    ['a focus outside the window', withExample({ focus: [33] }), /focus outside the window at row/],
    ['a token without text', { ...whole, vocabulary: { ids: [], texts: [] } }, /has a token without text at row/],
    ['an id without text', { ...whole, vocabulary: { ids: [1], texts: [] } }, /has 1 token ids and 0 texts/],
    ['edges that do not fit', { ...whole, histogram: { edges: [1], counts: [1] } }, /1 counts between 1 edges/],
  ];
  for (const [what, value, says] of faults) {
    it(`names the file when a page has ${what}`, () => {
      const bytes = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
      assert.throws(
        () => decodeStoredPage(bytes, 5, 'pages/00007.bin'),
        (error) => {
          assert.ok(error instanceof RunDamaged);
          assert.match(error.message, /^pages\/00007\.bin of the run is damaged: the page of feature 5 /);
          assert.match(error.message, says);
          assert.equal(error.fields.file, 'pages/00007.bin');
          return true;
        },
      );
    });
  }

  it('of 80 different examples of 33 tokens packs into 15 KB, with values at every third token, too', () => {
    for (const density of [0.02, 0.3]) {
      const sizes = Array.from({ length: 20 }, (_, n) => packItem(encodeStoredPage(makePage(n, { density }))).length);
      assert.ok(Math.max(...sizes) <= 15 * 1024, `${Math.max(...sizes)} bytes at ${density}`);
    }
  });
});
