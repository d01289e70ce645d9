/**
 * The collector, the merge and the selection against an oracle that keeps everything, for any cut of the rows into token
 * shards and tiles and any order of work.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeBlock } from '../../src/features/collectedFormat.js';
import type { FeatureState } from '../../src/features/featureState.js';
import { mergeBlocks, mergeStates } from '../../src/features/merge.js';
import { RowHash, hashSeed } from '../../src/features/rowHash.js';
import { selectFeature } from '../../src/features/select.js';
import type { ExampleSettings } from '../../src/features/settings.js';
import { Sfc32 } from '../support/sfc32.js';
import { bytesOf, collectRows, tokensOf } from './collecting.js';
import type { Row } from './collecting.js';
import { oraclePage } from './oracle.js';

const seed = hashSeed('tests');
const rowHash = new RowHash(seed);
const block = { first: 4_000_000_000, count: 4 };
/** Rows beyond 2^32 have 64-bit numbers. */
const firstRow = 2 ** 32 + 1000;

const largest = Math.fround(3.4028234663852886e38);
/** Bin edges and their neighbours, denormal and huge numbers. */
const anyActivation = fc.oneof(
  fc.constantFrom(1, 1.125, Math.fround(1.2499999), 2, Math.fround(1.9999999), 8, 16, Math.fround(0.001)),
  fc.constantFrom(2 ** -149, 2 ** -140, 2 ** -129, 2 ** -126, Math.fround(1e-38), 2 ** 127, largest),
  fc.integer({ min: 1, max: 0x7f7f_ffff }).map((bits) => new Float32Array(Uint32Array.of(bits).buffer)[0]!),
  fc.integer({ min: 1, max: 160 }).map((eighths) => eighths / 8),
);

/** Rows with few different activations, so that ties are common. */
const anyRows: fc.Arbitrary<Row[]> = fc
  .array(anyActivation, { minLength: 1, maxLength: 12 })
  .chain((values) => fc.array(rowWith(fc.constantFrom(...values)), { maxLength: 60 }));

function rowWith(activation: fc.Arbitrary<number>): fc.Arbitrary<Row> {
  return fc.record({
    key: fc.constantFrom(0, 1, 2, 3, 0xffff_ffff),
    id: fc.constantFrom(0, 5, 6, 7, 49_151, 0xffff_ffff),
    excluded: fc.oneof({ arbitrary: fc.constant(false), weight: 6 }, fc.constant(true)),
    activations: fc
      .tuple(...Array.from({ length: block.count }, () => fc.option(activation, { freq: 3 })))
      .map(
        (values) => new Map(values.flatMap((value, feature) => (value === null ? [] : [[feature, value] as const]))),
      ),
  });
}

const anySettings: fc.Arbitrary<ExampleSettings> = fc.record({
  top: fc.integer({ min: 1, max: 5 }),
  sample: fc.integer({ min: 1, max: 12 }),
  shownRandom: fc.integer({ min: 0, max: 6 }),
  intervals: fc.integer({ min: 1, max: 20 }),
  intervalEdges: fc.constantFrom('equalWidth', 'quantile'),
  perInterval: fc.integer({ min: 0, max: 4 }),
  distinct: fc.constantFrom('context', 'document', 'none'),
});

/** Consecutive ranges of rows, in any order. */
function cut(rows: number, random: Sfc32): [number, number][] {
  const edges = [0, rows, ...Array.from({ length: random.uint32() % 5 }, () => random.uint32() % (rows + 1))];
  edges.sort((a, b) => a - b);
  const ranges = edges.slice(1).map((to, i): [number, number] => [edges[i]!, to]);
  return shuffled(ranges, random);
}

function shuffled<T>(items: readonly T[], random: Sfc32): T[] {
  return items
    .map((item) => ({ item, at: random.uint32() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** States of all rows, by way of token shards that are merged two or three at a time in any order. */
async function mergedAnyhow(
  rows: readonly Row[],
  settings: ExampleSettings,
  random: Sfc32,
): Promise<readonly FeatureState[]> {
  const waiting: FeatureState[][] = [];
  for (const [from, to] of cut(rows.length, random)) {
    const shard = rows.slice(from, to);
    const tiles = cut(shard.length, random);
    const states = collectRows(shard, firstRow + from, block, settings, seed, tiles, 1 + (random.uint32() % 40));
    waiting.push(states);
  }
  while (waiting.length > 1) {
    const some = shuffled(waiting.splice(0, 2 + (random.uint32() % 2)), random);
    const blocks = some.map(async function* (states) {
      const bytes = await bytesOf(block, states, settings, seed);
      const half = random.uint32() % (bytes.length + 1);
      yield* decodeBlock(pieces(bytes.subarray(0, half), bytes.subarray(half)), block, settings, seed, 'test');
    });
    const merged: FeatureState[] = [];
    for await (const state of mergeBlocks(blocks, settings, rowHash)) merged.push(state);
    waiting.splice(random.uint32() % (waiting.length + 1), 0, merged);
  }
  return waiting[0]!;
}

// eslint-disable-next-line @typescript-eslint/require-await -- pieces come from somewhere, asynchronously
async function* pieces(...all: Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* all;
}

function checkPages(states: readonly FeatureState[], rows: readonly Row[], settings: ExampleSettings): void {
  const tokens = rows.filter(({ excluded }) => !excluded).length;
  states.forEach((state, index) => {
    const expected = oraclePage(block.first + index, tokensOf(rows, firstRow, index), tokens, settings, seed);
    assert.deepEqual(selectFeature(state, tokens, settings, rowHash), expected);
  });
}

describe('collected statistics', () => {
  it('give the pages of the definitions, and the same bytes for any cut and order', async () => {
    const property = fc.asyncProperty(anyRows, anySettings, fc.integer(), async (rows, settings, cutSeed) => {
      const whole = collectRows(rows, firstRow, block, settings, seed);
      checkPages(whole, rows, settings);
      const merged = await mergedAnyhow(rows, settings, new Sfc32(cutSeed));
      assert.deepEqual(await bytesOf(block, merged, settings, seed), await bytesOf(block, whole, settings, seed));
    });
    await fc.assert(property, { seed: 1, numRuns: 400 });
  });

  for (const intervalEdges of ['equalWidth', 'quantile'] as const) {
    it(`do so for features that fire often, too (${intervalEdges})`, async () => {
      const random = new Sfc32(7);
      const rows = Array.from({ length: 3000 }, (_, row): Row => {
        const activations = [0.5, 0.1, 0.02, 0.9].flatMap((density, feature) =>
          random.uniform() < density
            ? [[feature, Math.fround(-Math.log(1 - random.uniform()) * 3 + 2 ** -20)] as const]
            : [],
        );
        return { key: row >>> 5, id: random.uint32() % 9, excluded: row % 32 === 0, activations: new Map(activations) };
      });
      const settings = {
        top: 20,
        sample: 200,
        shownRandom: 10,
        intervals: 10,
        intervalEdges,
        perInterval: 5,
        distinct: 'context',
      } as const;
      const merged = await mergedAnyhow(rows, settings, random);
      checkPages(merged, rows, settings);
      assert.deepEqual(
        await bytesOf(block, merged, settings, seed),
        await bytesOf(block, collectRows(rows, firstRow, block, settings, seed), settings, seed),
      );
    });
  }

  it('hold enough below the maximum for the lowest interval edge, however many intervals there are', () => {
    // Tokens lie close around max/N, and nothing but the lists of bins can tell which of them to show.
    const property = fc.property(fc.integer({ min: 2, max: 70 }), fc.integer(), (intervals, drawSeed) => {
      const random = new Sfc32(drawSeed);
      const max = 16 + 16 * random.uniform();
      const rows = Array.from({ length: 150 }, (_, index) =>
        row(Math.fround(index === 75 ? max : (max / intervals) * 2 ** (2 * random.uniform() - 1)), index),
      );
      const settings = { ...typical, top: 1, sample: 1, intervals };
      checkPages(collectRows(rows, firstRow, block, settings, seed), rows, settings);
    });
    fc.assert(property, { seed: 2, numRuns: 100 });
  });

  it('grow where features fire in all octaves', () => {
    const rows = Array.from({ length: 3 * 255 }, (_, index): Row => {
      const exponent = (index * 101) % 255;
      const activation = new Float32Array(Uint32Array.of((exponent << 23) + 1 + index).buffer)[0]!;
      const activations = new Map(Array.from({ length: block.count }, (_, feature) => [feature, activation]));
      return { key: index % 7, id: index, excluded: false, activations };
    });
    for (const intervalEdges of ['equalWidth', 'quantile'] as const) {
      const settings = { ...typical, intervalEdges };
      const tiles = Array.from({ length: 51 }, (_, tile) => [15 * tile, 15 * tile + 15] as const);
      checkPages(collectRows(rows, firstRow, block, settings, seed, tiles), rows, settings);
    }
  });

  it('take a state in again without a change of its tokens', () => {
    fc.assert(
      fc.property(anyRows, anySettings, fc.boolean(), (rows, some, manyIntervals) => {
        const settings = { ...some, intervals: manyIntervals ? 2 ** 16 : some.intervals };
        for (const state of collectRows(rows, firstRow, block, settings, seed)) {
          assert.deepEqual(mergeStates([state], settings, rowHash), state);
          assert.deepEqual(mergeStates([state, state], settings, rowHash).tokens, state.tokens);
        }
      }),
      { seed: 3, numRuns: 100 },
    );
  });

  it('count exactly beyond 2^32', () => {
    const rows = [row(1.5), row(3)];
    const [state] = collectRows(rows, firstRow, block, typical, seed);
    let sum = state!;
    for (let i = 0; i < 40; i++) sum = mergeStates([sum, sum], typical, rowHash);
    const page = selectFeature(sum, 2 ** 45, typical, rowHash);
    assert.equal(page.firing, 2 ** 41);
    assert.equal(page.mean, 2.25);
    assert.deepEqual(sum.octaves[0]?.significands, BigInt(3 * 2 ** 22) * 2n ** 40n);
  });

  it('are merged of equal features only', async () => {
    const states = collectRows([row(1)], firstRow, block, typical, seed);
    const blocks = [arriving(states), arriving(states.slice(1))];
    await assert.rejects(async () => {
      for await (const state of mergeBlocks(blocks, typical, rowHash)) void state;
    }, RangeError);
  });

  it('refuse rows of another shard, and settings that keep nothing or too much', () => {
    assert.throws(() => collectRows([row(1)], firstRow, block, typical, seed, [[-1, 0]]), RangeError);
    for (const bad of [{ top: 0 }, { sample: 0 }, { intervals: 0 }, { sample: 2 ** 21 }]) {
      assert.throws(() => collectRows([row(1)], firstRow, block, { ...typical, ...bad }, seed), RangeError);
    }
  });
});

const typical: ExampleSettings = {
  top: 3,
  sample: 10,
  shownRandom: 3,
  intervals: 10,
  intervalEdges: 'equalWidth',
  perInterval: 2,
  distinct: 'context',
};

function row(activation: number, key = 1): Row {
  return { key, id: 2, excluded: false, activations: new Map([[0, activation]]) };
}

// eslint-disable-next-line @typescript-eslint/require-await -- states come from somewhere, asynchronously
async function* arriving(states: readonly FeatureState[]): AsyncGenerator<FeatureState, void> {
  yield* states;
}
