/** What must hold of every page, on random small cases; and that the cases are what they claim to be. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { exactCases } from './cases.js';
import { encode } from './encode.js';
import { excludedRows } from './exclusions.js';
import { buildPages } from './pages.js';
import type { Case, Group, Page, Sae } from './shapes.js';

const runs = { seed: 11, numRuns: 120 };

describe('oracle: every page', () => {
  it('counts each firing token once', () =>
    checkPages((page, { firing, excluded }) => {
      const [counted, left] = [firing.filter((row) => !excluded[row]), firing.filter((row) => excluded[row])];
      assert.deepEqual([page.firing, page.excludedFiring], [counted.length, left.length]);
      assert.equal(page.tokens, excluded.filter((isExcluded) => !isExcluded).length);
      assert.equal(page.state === 'dead', page.firing === 0);
      assert.equal(sum(page.histogram?.counts ?? []), page.firing);
      if (page.histogram) assert.equal(page.histogram.edges.length, page.histogram.counts.length + 1);
      assert.equal(sum(page.groups.map((group) => shareOf(group) * page.firing)).toFixed(6), page.firing.toFixed(6));
    }));

  it('bounds every activation by its histogram, its maximum and its intervals', () =>
    checkPages((page) => {
      if (page.histogram === null) return;
      const { edges, counts } = page.histogram;
      assert.deepEqual(
        edges,
        edges.toSorted((a, b) => a - b),
      );
      assert.ok(edges.at(-2)! <= page.max && page.max < edges.at(-1)!);
      assert.ok(counts[0]! > 0 && counts.at(-1)! > 0);
      const intervals = intervalsOf(page);
      assert.deepEqual([intervals[0]!.to, intervals.at(-1)!.from], [page.max, 0]);
      intervals.slice(1).forEach((interval, i) => assert.equal(interval.to, intervals[i]!.from));
      intervals.forEach(({ from, to, examples }, i) => {
        // An edge may be the maximum itself: only the highest interval holds it.
        for (const { activation } of examples) assert.ok(activation >= from && (activation < to || i === 0));
      });
    }));

  it('shows as many of an interval as may be shown', () =>
    checkPages((page, { input, firing, excluded, values }) => {
      intervalsOf(page).forEach(({ from, to, share, examples }, i) => {
        const inside = firing.filter((row) => {
          const value = values[row]!;
          return !excluded[row] && value >= Math.fround(from) && (value < Math.fround(to) || i === 0);
        });
        const keys = new Set(inside.map((row) => keyOf(input, row)));
        assert.equal(examples.length, Math.min(input.settings.examples?.perInterval ?? 5, keys.size));
        assert.equal(share, inside.length / page.firing);
      });
    }));

  it('shows no key twice in a group, and no token that does not fire or is excluded', () =>
    checkPages((page, { input, excluded }) => {
      for (const { examples } of page.groups) {
        const keys = examples.map(({ row }) => keyOf(input, row));
        assert.equal(new Set(keys).size, keys.length);
        for (const { row, activation } of examples) assert.ok(activation > 0 && !excluded[row]);
      }
    }));

  it('shows the top in order, and nothing better is missing', () =>
    checkPages((page, { input, firing, excluded, values }) => {
      const top = page.groups.find(({ name }) => name === 'top')?.examples ?? [];
      top.slice(1).forEach(({ row, activation }, i) => {
        const before = top[i]!;
        assert.ok(before.activation > activation || (before.activation === activation && before.row < row));
      });
      assert.equal(top[0]?.activation ?? 0, page.max);
      const keys = new Set(top.map(({ row }) => keyOf(input, row)));
      const others = firing.filter((row) => !excluded[row] && !keys.has(keyOf(input, row)));
      const last = top.at(-1);
      if (top.length < (input.settings.examples?.top ?? 20)) assert.deepEqual(others, []);
      else for (const row of others) assert.ok(values[row]! <= last!.activation);
    }));

  it('shows each example with its own tokens and values', () =>
    checkPages((page, { input, excluded, values }) => {
      const { tokens, context } = input.dataset;
      for (const { row, activation, focus, ...example } of page.groups.flatMap(({ examples }) => examples)) {
        const rows = example.ids.map((_, i) => row - focus + i);
        assert.deepEqual(
          example.ids,
          rows.map((each) => tokens[each]),
        );
        assert.deepEqual(
          example.values,
          rows.map((each) => (excluded[each] ? null : values[each])),
        );
        assert.equal(example.values[focus], activation);
        assert.equal(example.tokens.length, example.ids.length);
        assert.ok(rows.every((each) => context === undefined || context[each] === example.context));
        assert.ok(focus <= (input.settings.window?.before ?? 24));
        assert.ok(rows.length - 1 - focus <= (input.settings.window?.after ?? 8));
      }
    }));
});

describe('oracle: cases', () => {
  it('are exact in float32, in any order of summation', () => {
    fc.assert(
      fc.property(exactCases, ({ dataset, sae }) => {
        const { encoder, subtracted } = sae;
        const backwards: Sae = {
          ...sae,
          encoder: encoder.toReversed(),
          ...(subtracted && { subtracted: subtracted.toReversed() }),
        };
        const rows = dataset.activations.map((row) => Array.from(row).reverse());
        assert.deepEqual(encode(rows, backwards), encode(dataset.activations, sae));
        const input = dataset.activations.map((row) =>
          Array.from(row, (x, i) => x * (sae.inputScale ?? 1) - (subtracted?.[i] ?? 0)),
        );
        for (const x of input) {
          for (const feature of sae.decoder.keys()) {
            const products = x.map((value, i) => value * encoder[i]![feature]!);
            assert.equal(
              products.reduce((total, product) => Math.fround(total + Math.fround(product)), 0),
              sum(products),
            );
          }
        }
      }),
      runs,
    );
  });

  it('hold every kind of SAE, of distinctness and of trouble', async () => {
    const seen = new Map<string, number>();
    const see = (...what: string[]) => what.forEach((each) => seen.set(each, (seen.get(each) ?? 0) + 1));
    await fc.assert(
      fc.asyncProperty(exactCases, async (input) => {
        const { dataset, sae, settings, activationShards } = input;
        see(sae.architecture, `distinct ${settings.examples?.distinct ?? 'default'}`);
        see(`intervals ${settings.examples?.intervals === 'quantile' ? 'quantile' : 'width'}`);
        const starts = activationShards.map((_, i) => sum(activationShards.slice(0, i)));
        if (starts.some((row) => row > 0 && dataset.context && dataset.context[row] === dataset.context[row - 1])) {
          see('a context that straddles shards');
        }
        for (const page of await buildPages(input)) {
          see(page.state, page.reason ?? 'fires');
          const top = page.groups[0]?.examples ?? [];
          if (top.some(({ activation }, i) => activation === top[i - 1]?.activation)) see('a tie in the top');
          if (page.groups.some(({ examples }) => examples.some(({ values }) => values.includes(null)))) {
            see('an excluded token in a window');
          }
        }
      }),
      runs,
    );
    const expected = [
      ...['standard', 'gated', 'jumprelu', 'topk', 'groupmax'],
      ...['default', 'context', 'document', 'none'].map((distinct) => `distinct ${distinct}`),
      ...['intervals quantile', 'intervals width', 'alive', 'dense', 'dead', 'never fires'],
      ...['fires only on excluded tokens', 'a tie in the top', 'an excluded token in a window'],
      'a context that straddles shards',
    ];
    for (const what of expected) assert.ok((seen.get(what) ?? 0) >= 5, `${what}: ${seen.get(what) ?? 0}`);
  });
});

interface Facts {
  input: Case;
  /** The feature's activations [n]. */
  values: number[];
  /** Rows where it fires, excluded or not. */
  firing: number[];
  excluded: boolean[];
}

function checkPages(check: (page: Page, facts: Facts) => void): Promise<void> {
  return fc.assert(
    fc.asyncProperty(exactCases, async (input) => {
      const excluded = excludedRows(input);
      const encoded = encode(input.dataset.activations, input.sae);
      for (const page of await buildPages(input)) {
        const values = encoded[page.feature]!;
        const firing = values.flatMap((value, row) => (value > 0 ? [row] : []));
        check(page, { input, values, firing, excluded });
      }
    }),
    runs,
  );
}

function keyOf({ dataset, settings }: Case, row: number): string {
  const { context, document } = dataset;
  switch (settings.examples?.distinct ?? (context ? 'context' : 'none')) {
    case 'context':
      return `context ${context![row]}`;
    case 'document':
      return `document ${document![row]}`;
    case 'none':
      return `row ${row}`;
  }
}

function intervalsOf(page: Page) {
  return page.groups.filter((group) => group.name === 'interval');
}

function shareOf(group: Group): number {
  return group.name === 'interval' ? group.share : 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
