/** What a page says of a few tokens, by hand. Against the definitions at large: collect.test.ts. */
import assert from 'node:assert/strict';
import { RowHash, hashSeed } from '../../src/features/rowHash.js';
import { selectFeature } from '../../src/features/select.js';
import type { FeatureSelection } from '../../src/features/select.js';
import type { ExampleSettings } from '../../src/features/settings.js';
import { collectRows } from './collecting.js';
import type { Row } from './collecting.js';

const seed = hashSeed('riffle');
const typical: ExampleSettings = {
  top: 20,
  sample: 200,
  shownRandom: 10,
  intervals: 10,
  intervalEdges: 'equalWidth',
  perInterval: 5,
  distinct: 'context',
};

/** A page of feature 123, with a token for each activation; 0 where it does not fire. */
function pageOf(
  activations: readonly number[],
  settings: Partial<ExampleSettings> = {},
  more: Partial<Row> = {},
): FeatureSelection {
  const used = { ...typical, ...settings };
  const rows = activations.map((activation, row): Row => {
    const firing = new Map(activation > 0 ? [[0, Math.fround(activation)]] : []);
    return { key: row, id: 284, excluded: false, activations: firing, ...more };
  });
  const [state] = collectRows(rows, 0, { first: 123, count: 1 }, used, seed);
  return selectFeature(state!, more.excluded ? 0 : activations.length, used, new RowHash(seed));
}

function intervalsOf(page: FeatureSelection): [number, number, number, number][] {
  return page.groups.flatMap((group) =>
    group.name === 'interval' ? [[group.from, group.to, group.share, group.examples.length]] : [],
  );
}

describe('selection', () => {
  it('says of a feature that never fires why it is dead', () => {
    const sample = { tokens: 0, ids: [] };
    const nothing = { histogram: null, topTokens: [], sample, groups: [] };
    const dead = { state: 'dead', firing: 0, density: 0, max: 0, mean: 0, ...nothing };
    const never = { ...dead, feature: 123, reason: 'never fires', tokens: 3, excludedFiring: 0 };
    assert.deepEqual(pageOf([0, 0, 0]), never);
    const excluded = { ...never, reason: 'fires only on excluded tokens', tokens: 0, excludedFiring: 2 };
    assert.deepEqual(pageOf([1, 2, 0], {}, { excluded: true }), excluded);
  });

  it('shows one token in all groups', () => {
    const page = pageOf([0, 0, 12.5, 0, 0, 0, 0, 0, 0, 0]);
    const examples = [{ row: 2, key: 2, activation: 12.5 }];
    assert.equal(page.state, 'alive', 'a tenth is not above a tenth');
    assert.deepEqual([page.density, page.max, page.mean], [0.1, 12.5, 12.5]);
    assert.deepEqual(page.histogram, { edges: [12, 13], counts: [1] });
    assert.deepEqual(page.topTokens, [{ id: 284, share: 1 }]);
    assert.deepEqual(page.groups[0], { name: 'top', examples });
    assert.deepEqual(page.groups.at(-1), { name: 'random', examples });
    // Edges near 1.25, 2.5 … 11.25, where bins are 0.125 to 1 wide; 11.25 snaps to 11.
    assert.deepEqual(intervalsOf(page), [
      [11, 12.5, 1, 1],
      ...[10, 9, 7.5, 6, 5, 3.75, 2.5, 1.25, 0].map((from, i) => [
        from,
        [11, 10, 9, 7.5, 6, 5, 3.75, 2.5, 1.25][i],
        0,
        0,
      ]),
    ]);
  });

  it('is dense above a tenth', () => {
    assert.equal(pageOf([1, 1, 0, 0, 0, 0, 0, 0, 0, 0]).state, 'dense');
  });

  it('keeps the maximum on a bin edge in an interval of its own', () => {
    const page = pageOf([8, 7.9, 1], { intervals: 100 });
    // 99 % of 8 is 7.92, nearer to 8 than to 7.5.
    assert.deepEqual(intervalsOf(page).slice(0, 2), [
      [8, 8, 1 / 3, 1],
      [7.5, 8, 1 / 3, 1],
    ]);
  });

  it('drops duplicate edges: there are no more intervals than bins', () => {
    const starts = intervalsOf(pageOf([1], { intervals: 1000 })).map(([from]) => from);
    // From 1/8 on a bin holds several of the 999 values; all edges from there to the maximum are found, once.
    assert.deepEqual(
      starts.slice(0, 25),
      Array.from({ length: 25 }, (_, i) => (i <= 8 ? 16 - i : i <= 16 ? 12 - i / 2 : 8 - i / 4) / 16),
    );
    assert.equal(new Set(starts).size, starts.length);
    assert.ok(starts.length < 80);
  });

  it('has one interval for N = 1', () => {
    assert.deepEqual(intervalsOf(pageOf([3, 1, 2], { intervals: 1, perInterval: 2 })), [[0, 3, 1, 2]]);
  });

  it('has quantile intervals of about equal shares', () => {
    const page = pageOf(
      Array.from({ length: 1000 }, (_, i) => 2 ** (i / 10 - 50)),
      { intervals: 4, intervalEdges: 'quantile' },
    );
    const intervals = intervalsOf(page);
    assert.equal(intervals.length, 4);
    for (const [, , share, examples] of intervals) {
      assert.ok(Math.abs(share - 0.25) < 0.003, `${share}`);
      assert.equal(examples, 5);
    }
    // All quantiles lie in the maximum's bin: its lower edge is one, its upper edge none.
    assert.deepEqual(intervalsOf(pageOf([5, 5, 5], { intervalEdges: 'quantile' })), [
      [5, 5, 1, 3],
      [0, 5, 0, 0],
    ]);
  });

  it('takes the smallest and the greatest floats', () => {
    const [smallest, greatest] = [2 ** -149, 3.4028234663852886e38];
    const page = pageOf([smallest, greatest]);
    assert.equal(page.max, greatest);
    assert.equal(page.mean, greatest / 2);
    assert.equal(page.histogram!.edges[0], 0);
    assert.equal(page.histogram!.edges.at(-1), 2 ** 128);
    assert.equal(page.histogram!.counts.length, 2040);
    assert.deepEqual(intervalsOf(pageOf([smallest])), [[0, smallest, 1, 1]]);
  });

  it('shows the best token of each key, and each token without keys', () => {
    const rows = [5, 6, 6, 4];
    const top = (distinct: ExampleSettings['distinct']): unknown =>
      pageOf(rows, { distinct, top: 3 }, { key: 9 }).groups[0]!.examples.map(({ row, key }) => [row, key]);
    assert.deepEqual(top('document'), [[1, 9]]);
    assert.deepEqual(top('none'), [
      [1, 1],
      [2, 2],
      [0, 0],
    ]);
  });

  it('leaves groups empty where nothing is to be shown', () => {
    const page = pageOf([1, 2], { perInterval: 0, shownRandom: 0 });
    assert.deepEqual(page.groups.at(-1), { name: 'random', examples: [] });
    assert.ok(intervalsOf(page).every(([, , , examples]) => examples === 0));
  });
});
