import assert from 'node:assert/strict';
import type { FeatureExample, FeatureGroup, FeaturePage } from '../../../src/pages/page.js';
import { arrangeGroups } from '../../../web/src/examples/exampleGroups.js';

function exampleAt(row: number, activation: number, ids: readonly number[] = [row]): FeatureExample {
  const tokens = ids.map(String);
  return { row, context: 0, position: 0, document: 0, activation, focus: 0, ids, tokens, values: ids.map(() => 0) };
}

function pageOf(firing: number, groups: readonly FeatureGroup[]): FeaturePage {
  return { firing, groups } as FeaturePage;
}

const [a, b, c, d] = [exampleAt(1, 9), exampleAt(2, 8), exampleAt(3, 2), exampleAt(4, 1)];
const groups: FeatureGroup[] = [
  { name: 'top', examples: [a, b] },
  { name: 'interval', from: 8, to: 9, share: 0.1, examples: [b, a] },
  { name: 'interval', from: 0, to: 8, share: 0.9, examples: [c] },
  { name: 'random', examples: [d, c] },
];

describe('the groups of a page', () => {
  it('show each example once, and refer to it later', () => {
    const [top, high, low, random] = arrangeGroups(pageOf(100, groups), 2, 'context');
    assert.deepEqual(rowsOf(top), [1, 2]);
    assert.deepEqual(rowsOf(high), []);
    assert.deepEqual(
      high!.references.map(({ example, shown }) => [example.row, shown]),
      [
        [2, 2],
        [1, 1],
      ],
    );
    assert.deepEqual(rowsOf(low), [3]);
    assert.deepEqual(rowsOf(random), [4]);
    assert.deepEqual(
      random!.references.map(({ shown }) => shown),
      [3],
    );
    assert.equal(top!.title, 'Strongest examples, one for each context');
    assert.equal(high!.title, '8 to 9');
  });

  it('fold equal windows, and refer to the one that is shown', () => {
    const twin = exampleAt(7, 7, [1]);
    const other = { ...exampleAt(8, 7, [1, 2]), focus: 1 };
    const list: FeatureGroup[] = [
      { name: 'top', examples: [a, twin, other] },
      { name: 'random', examples: [twin] },
    ];
    const [top, random] = arrangeGroups(pageOf(100, list), 2, 'none');
    assert.deepEqual(rowsOf(top), [1, 8]);
    assert.deepEqual(
      top!.examples[0]!.alike.map(({ row }) => row),
      [7],
    );
    assert.deepEqual(
      random!.references.map(({ example, shown }) => [example.row, shown]),
      [[7, 1]],
    );
  });

  it('are one list where the feature fires no more often than the strongest are', () => {
    const [all, ...others] = arrangeGroups(pageOf(4, groups), 4, 'none');
    assert.equal(others.length, 0);
    assert.deepEqual(rowsOf(all), [1, 2, 3, 4]);
    assert.equal(all!.title, 'All 4 firing tokens');
    assert.equal(arrangeGroups(pageOf(5, groups), 4, 'none').length, 4);
    const [some] = arrangeGroups(pageOf(6, groups), 6, 'document');
    assert.equal(some!.title, '4 of its 6 firing tokens, one for each document');
    const [one] = arrangeGroups(pageOf(1, [{ name: 'top', examples: [a] }]), 20, 'context');
    assert.equal(one!.title, 'The one firing token');
  });
});

function rowsOf(shown: { readonly examples: readonly { readonly example: FeatureExample }[] } | undefined): number[] {
  return shown!.examples.map(({ example }) => example.row);
}
