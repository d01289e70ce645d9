/** The oracle's pages against pages that were worked out by hand, and its parts against answers computed elsewhere. */
import assert from 'node:assert/strict';
import { vocabulary } from './cases.js';
import { buildPages } from './pages.js';
import type { Case, Dataset, Page, Sae, Settings } from './shapes.js';

const words = [' the', ' caf', '\xc3', '\xa9', '<|end|>', ' in'].map((text) => Buffer.from(text, 'latin1'));

/** Two contexts of five rows, and three documents that begin and end elsewhere. Position 0 does not count. */
const small: Case = {
  dataset: {
    activations: [
      [0, 5],
      [1, -1],
      [2, -1],
      [4, -1],
      [-3, -1],
      [3, -1],
      [8, -1],
      [2, -1],
      [0, -1],
      [1, -1],
    ],
    tokens: [4, 0, 1, 2, 3, 0, 5, 3, 2, 0],
    context: [7, 7, 7, 7, 7, 3, 3, 3, 3, 3],
    position: [0, 1, 2, 3, 4, 0, 1, 2, 3, 4],
    document: [0, 0, 0, 1, 1, 1, 1, 1, 2, 2],
  },
  sae: {
    architecture: 'standard',
    encoder: [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
    ],
    bias: [0, 0, -1, -1],
    decoder: [
      [3, 4],
      [0, 0],
      [6, 8],
      [-3, 0],
    ],
  },
  tokenizer: { bytesOf: (id) => words[id]!, special: [4] },
  unembedding: {
    weights: [
      [1, 0, 1],
      [0, 1, 0],
    ],
    tokenIds: [5, 0, 4],
    finalNormWeight: [2, 1],
  },
  settings: {
    features: '3,0-1',
    examples: { top: 2, random: 4, shownRandom: 3, intervals: 4, perInterval: 1 },
    window: { before: 1, after: 2 },
    exclude: { positions: [0] },
    logits: 2,
    labels: [{ feature: 0, label: 'first' }],
  },
};

/** By goldens.json the hashes of feature 0 order the rows 8, 9, 3, 6, 4, 7, 0, 5, 2, 1. */
const row3 = {
  row: 3,
  context: 7,
  position: 3,
  document: 1,
  activation: 4,
  focus: 1,
  ids: [1, 2, 3],
  tokens: [' caf', 'é', ''],
  values: [2, 4, 0],
};
const row6 = {
  row: 6,
  context: 3,
  position: 1,
  document: 1,
  activation: 8,
  focus: 1,
  ids: [0, 5, 3, 2],
  tokens: [' the', ' in', '\\xa9', '\\xc3'],
  values: [null, 8, 2, 0],
};
const row7 = {
  row: 7,
  context: 3,
  position: 2,
  document: 1,
  activation: 2,
  focus: 1,
  ids: [5, 3, 2, 0],
  tokens: [' in', '\\xa9', '\\xc3', ' the'],
  values: [8, 2, 0, 1],
};
const row9 = {
  row: 9,
  context: 3,
  position: 4,
  document: 2,
  activation: 1,
  focus: 1,
  ids: [2, 0],
  tokens: ['\\xc3', ' the'],
  values: [0, 1],
};

describe('oracle: pages', () => {
  it('has every field of a page as worked out by hand', async () => {
    const [page] = await buildPages(small);
    assert.deepEqual(page, {
      format: 'riffle.feature/1',
      feature: 0,
      label: 'first',
      state: 'dense',
      reason: null,
      tokens: 8,
      firing: 6,
      excludedFiring: 1,
      density: 0.75,
      max: 8,
      mean: 3,
      histogram: {
        edges: [
          ...[1, 1.125, 1.25, 1.375, 1.5, 1.625, 1.75, 1.875],
          ...[2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 3.75],
          ...[4, 4.5, 5, 5.5, 6, 6.5, 7, 7.5, 8, 9],
        ],
        counts: [2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
      },
      topTokens: [
        { id: 0, token: ' the', share: 0.25 },
        { id: 2, token: '\\xc3', share: 0.25 },
        { id: 3, token: '\\xa9', share: 0.25 },
        { id: 5, token: ' in', share: 0.25 },
      ],
      logits: {
        top: [
          { id: 4, token: '<|end|>', value: 6 },
          { id: 5, token: ' in', value: 6 },
        ],
        bottom: [
          { id: 0, token: ' the', value: 4 },
          { id: 4, token: '<|end|>', value: 6 },
        ],
        histogram: {
          edges: [
            ...[4, 4.04, 4.08, 4.12, 4.16, 4.2, 4.24, 4.28, 4.32, 4.36, 4.4, 4.44, 4.48, 4.52, 4.56, 4.6, 4.64],
            ...[4.68, 4.72, 4.76, 4.8, 4.84, 4.88, 4.92, 4.96, 5, 5.04, 5.08, 5.12, 5.16, 5.2, 5.24, 5.28, 5.32],
            ...[5.36, 5.4, 5.44, 5.48, 5.52, 5.56, 5.6, 5.64, 5.68, 5.72, 5.76, 5.8, 5.84, 5.88, 5.92, 5.96, 6],
          ],
          counts: [1, ...Array.from({ length: 48 }, () => 0), 2],
        },
      },
      neighbours: [
        { feature: 2, cosine: 1 },
        { feature: 3, cosine: -0.6 },
      ],
      groups: [
        { name: 'top', examples: [row6, row3] },
        { name: 'interval', from: 6, to: 8, share: 1 / 6, examples: [row6] },
        { name: 'interval', from: 4, to: 6, share: 1 / 6, examples: [row3] },
        { name: 'interval', from: 2, to: 4, share: 1 / 3, examples: [row7] },
        { name: 'interval', from: 0, to: 2, share: 1 / 3, examples: [row9] },
        { name: 'random', examples: [row9, row3] },
      ],
    });
  });

  it('says why a feature is dead, and still what follows from its weights', async () => {
    const [, onlyExcluded, never] = await buildPages(small);
    const dead = {
      ...{ format: 'riffle.feature/1', label: null, state: 'dead', tokens: 8, firing: 0, density: 0, max: 0, mean: 0 },
      ...{ histogram: null, topTokens: [], groups: [] },
    };
    const { logits: zeroEffects, ...first } = onlyExcluded!;
    const { logits: effects, ...second } = never!;
    assert.deepEqual(first, {
      ...dead,
      ...{ feature: 1, excludedFiring: 1, reason: 'fires only on excluded tokens', neighbours: [] },
    });
    assert.deepEqual(second, {
      ...dead,
      ...{ feature: 3, excludedFiring: 0, reason: 'never fires' },
      neighbours: [
        { feature: 0, cosine: -0.6 },
        { feature: 2, cosine: -0.6 },
      ],
    });
    assert.deepEqual(
      zeroEffects!.top.map(({ id, value }) => [id, value]),
      [
        [0, 0],
        [4, 0],
      ],
    );
    assert.deepEqual(zeroEffects!.histogram, {
      edges: Array.from({ length: 51 }, () => 0),
      counts: [...Array.from({ length: 49 }, () => 0), 3],
    });
    assert.deepEqual(
      effects!.bottom.map(({ id, value }) => [id, value]),
      [
        [4, -6],
        [5, -6],
      ],
    );
  });

  it('takes the best row of each document where documents are distinct, and the lower row of two equal ones', async () => {
    const tied = withDataset({ activations: [0, 5, 5, 4, 4, 4, 8, 8, 1, 2].map((x) => [x, -1]) });
    assert.deepEqual(await rowsOf(tied, 'top', { distinct: 'document', top: 3 }), [6, 1, 9]);
    assert.deepEqual(await rowsOf(tied, 'top', { distinct: 'context', top: 3 }), [6, 1]);
    assert.deepEqual(await rowsOf(tied, 'top', { distinct: 'none', top: 7 }), [6, 7, 1, 2, 3, 4, 9]);
  });

  it('draws without distinctness, and skips keys that were used only when it shows', async () => {
    assert.deepEqual(
      await rowsOf(small, 'random', { random: 20, shownRandom: 20, distinct: 'none' }),
      [9, 3, 6, 7, 2, 1],
    );
    assert.deepEqual(await rowsOf(small, 'random', { random: 20, shownRandom: 20, distinct: 'document' }), [9, 3, 2]);
    assert.deepEqual(await rowsOf(small, 'random', { random: 1, shownRandom: 20, distinct: 'none' }), [9]);
  });

  it('ends windows at the context, else at the document, else at the dataset', async () => {
    const wide: Settings = { ...small.settings, window: { before: 20, after: 20 }, exclude: {} };
    const columns = ['context', 'document', undefined] as const;
    const found = await Promise.all(
      columns.map(async (column) => {
        const { activations, tokens } = small.dataset;
        const dataset: Dataset = { activations, tokens, ...(column && { [column]: small.dataset[column] }) };
        const [page] = await buildPages({ ...small, dataset, settings: wide });
        const { row, context, document, position, focus, ids } = page!.groups[0]!.examples[0]!;
        return { row, context, document, position, focus, length: ids.length };
      }),
    );
    assert.deepEqual(found, [
      { row: 6, context: 3, document: null, position: null, focus: 1, length: 5 },
      { row: 6, context: null, document: 1, position: null, focus: 3, length: 5 },
      { row: 6, context: null, document: null, position: null, focus: 6, length: 10 },
    ]);
  });

  it('counts no excluded row, whatever excludes it', async () => {
    const counts = async (exclude: Settings['exclude'], input = small) => {
      const [page] = await buildPages({ ...input, settings: { ...small.settings, nonFinite: 'exclude', exclude } });
      return [page!.tokens, page!.firing, page!.excludedFiring];
    };
    assert.deepEqual(await counts({}), [10, 7, 0]);
    assert.deepEqual(await counts({ tokens: [0] }), [7, 4, 3]);
    assert.deepEqual(await counts({ tokens: 'special' }), [9, 7, 0]);
    // The norm of row 0 is 5, not more; only row 6 has more.
    assert.deepEqual(await counts({ normAbove: 5 }), [9, 6, 1]);
    assert.deepEqual(await counts({ positions: [0, 1], tokens: [0] }), [5, 3, 4]);
    assert.deepEqual(await counts({ positions: [0, 1, 2, 3, 4] }), [0, 0, 7]);
    const broken = withDataset({ activations: small.dataset.activations.with(3, [Infinity, 0]) });
    assert.deepEqual(await counts({}, broken), [9, 6, 0]);
    await assert.rejects(buildPages(broken), /row 3/);
  });

  it('refuses rows that are not in reading order', async () => {
    await assert.rejects(
      buildPages(withDataset({ position: [0, 1, 3, 2, 4, 0, 1, 2, 3, 4] })),
      /row 2 is not in reading order/,
    );
  });

  it('calls a feature dense from more than one token in ten', async () => {
    const state = async (firing: number) => {
      const activations = Array.from({ length: 30 }, (_, row) => [row < firing ? 1 : 0, 0]);
      const dataset = { activations, tokens: activations.map(() => 0) };
      const [page] = await buildPages({ ...small, dataset, settings: {} });
      return page!.state;
    };
    assert.deepEqual([await state(0), await state(3), await state(4)], ['dead', 'alive', 'dense']);
  });

  it('has the defaults of the design', async () => {
    const rows = Array.from({ length: 400 }, (_, row) => row);
    const sae: Sae = {
      ...{ architecture: 'standard', bias: [0], encoder: [[1]] },
      decoder: Array.from({ length: 12 }, (_, i) => [i + 1]),
    };
    const [page] = await buildPages({
      dataset: { activations: rows.map((row) => [row + 1]), tokens: rows.map((row) => row % 12) },
      tokenizer: { bytesOf: (id) => vocabulary[id]!, special: [] },
      unembedding: { weights: [vocabulary.map((_, id) => id)] },
      sae,
      settings: {},
    });
    const shown = page!.groups.map(({ name, examples }) => `${name} ${examples.length}`);
    assert.deepEqual(shown, ['top 20', ...Array.from({ length: 10 }, () => 'interval 5'), 'random 10']);
    assert.equal(page!.groups[0]!.examples[19]!.ids.length, 24 + 1 + 8);
    assert.deepEqual([page!.logits!.top.length, page!.logits!.bottom.length, page!.neighbours.length], [10, 10, 10]);
    // 200 rows are drawn, of which a share need not be a multiple of one in 20 or 100.
    const outOf = (count: number) =>
      page!.topTokens.every(({ share }) => Number.isInteger(+(share * count).toFixed(9)));
    assert.deepEqual([outOf(200), outOf(100), outOf(20)], [true, false, false]);
  });
});

function withDataset(changes: Partial<Dataset>): Case {
  return { ...small, dataset: { ...small.dataset, ...changes } };
}

async function rowsOf(input: Case, name: string, examples: Settings['examples']): Promise<number[]> {
  const settings = { ...small.settings, examples: { ...small.settings.examples, ...examples } };
  const [page] = await buildPages({ ...input, settings });
  return group(page!, name).map(({ row }) => row);
}

function group(page: Page, name: string) {
  return page.groups.find((each) => each.name === name)!.examples;
}
