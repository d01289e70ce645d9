/**
 * Whole runs against the brute-force oracle (test/features/oracle): random small cases whose sums are exact in float32, so
 * that every field of every page must be equal, however the work is cut.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RunReader } from '../../src/pages/runReader.js';
import { noToken, states, type ColumnName } from '../../src/pages/table.js';
import { printPage } from '../../src/pages/page.js';
import { storedRunFiles } from '../../src/pages/storedRunFiles.js';
import { formatPrefix } from '../../src/storage/uri.js';
import { exactCases, vocabulary, type CutCase } from '../features/oracle/cases.js';
import { excludedRows } from '../features/oracle/exclusions.js';
import { buildPages } from '../features/oracle/pages.js';
import type { Page } from '../features/oracle/shapes.js';
import { Sfc32 } from '../support/sfc32.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, type TestBucket } from '../support/testBucket.js';
import { carryOutVisualize, uploadCase } from '../support/visualizeCases.js';

describe('visualize, against the oracle', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;

  before(async () => {
    bucket = await openTestBucket();
  });
  after(() => {
    bucket.store.close();
  });

  const cut = fc.record({
    tokenShards: fc.constantFrom(1, 2, 3, 7),
    featureBlocks: fc.constantFrom(1, 2, 5),
    featuresPerPack: fc.integer({ min: 1, max: 7 }),
  });

  it('every field of every page is equal', async () => {
    await fc.assert(
      fc.asyncProperty(exactCases, cut, async (made, how) => {
        // sparsify, whose files hold groupmax SAEs, knows no scale.
        fc.pre(made.sae.inputScale === undefined || made.sae.architecture !== 'groupmax');
        const place = bucket.newPlace();
        const input = { ...(await uploadCase(bucket, made)), ...how, output: formatPrefix(place) };
        let expected;
        try {
          expected = await buildPages(made);
        } catch (error) {
          await assert.rejects(carryOutVisualize(bucket.store, input), String(error));
          return;
        }
        const outcome = carryOutVisualize(bucket.store, input);
        if (expected[0]?.tokens === 0) {
          await assert.rejects(outcome, { name: 'NothingCounted' });
          return;
        }
        const { result } = await outcome;
        const reader = await RunReader.open(storedRunFiles(bucket.store, place), formatPrefix(place));
        for (const page of expected) {
          const found = await reader.page(page.feature);
          assert.deepEqual(JSON.parse(printPage(found)), JSON.parse(JSON.stringify(page)));
        }
        await checkTable(reader, expected);
        await checkSearch(reader, expected);
        await checkStream(reader, made);
        assert.equal(result.features, expected.length);
        assert.equal(result.tokens, expected[0]?.tokens);
        assert.equal(result.dead, expected.filter(({ state }) => state === 'dead').length);
      }),
      { seed: 1, numRuns: Number(process.env.RUNS ?? 60), endOnFailure: true },
    );
  });

  for (const tokenShards of [1, 3]) {
    it(`features that compete, in several batches of rows and ${tokenShards} token shards`, async () => {
      const made = wideCase();
      const place = bucket.newPlace();
      const input = { ...(await uploadCase(bucket, made)), tokenShards, output: formatPrefix(place) };
      await carryOutVisualize(bucket.store, input);
      const reader = await RunReader.open(storedRunFiles(bucket.store, place), formatPrefix(place));
      for (const page of await buildPages(made)) {
        const found = await reader.page(page.feature);
        assert.deepEqual(JSON.parse(printPage(found)), JSON.parse(JSON.stringify(page)));
        assert.ok(page.firing > 100);
      }
    });
  }
});

/** A topk SAE on rows so wide that a task reads several batches of them. */
function wideCase(): CutCase {
  const [rows, width, features] = [600, 8192, 5];
  const numbers = new Sfc32(3);
  const small = (): number => Math.floor(numbers.uniform() * 5) - 1;
  const sparse = (): Float32Array => {
    const row = new Float32Array(width);
    for (let i = 0; i < 4; i++) row[Math.floor(numbers.uniform() * width)] = small();
    row.set(Array.from({ length: features }, small));
    return row;
  };
  return {
    dataset: {
      activations: Array.from({ length: rows }, sparse),
      tokens: Array.from({ length: rows }, (_, row) => row % vocabulary.length),
      context: Array.from({ length: rows }, (_, row) => Math.floor(row / 50)),
      position: Array.from({ length: rows }, (_, row) => row % 50),
    },
    sae: {
      architecture: 'topk',
      k: 2,
      encoder: Array.from({ length: width }, (_, i) => Array.from({ length: features }, (_, f) => Number(i === f))),
      decoder: Array.from({ length: features }, (_, f) => Array.from({ length: width }, (_, i) => Number(i === f))),
      bias: new Array<number>(features).fill(0),
    },
    tokenizer: { bytesOf: (id) => vocabulary[id] ?? new Uint8Array(0), special: [0] },
    settings: { examples: { perInterval: 2 }, exclude: { positions: [7] } },
    activationShards: [250, 350],
    tokenShards: [rows],
  };
}

/** The feature table says what the pages say, and nothing of features that are not in the run. */
async function checkTable(reader: RunReader, pages: readonly Page[]): Promise<void> {
  const column = async (name: ColumnName): Promise<number[]> => [...(await reader.column(name))];
  const rows = { state: [], firing: [], max: [], mean: [], topToken: [], topShare: [] } as Record<ColumnName, number[]>;
  for (const name of Object.keys(rows) as ColumnName[]) rows[name] = await column(name);
  for (let feature = 0; feature < reader.description.features.of; feature++) {
    const found = Object.fromEntries(Object.entries(rows).map(([name, values]) => [name, values[feature]!]));
    const page = pages.find((each) => each.feature === feature);
    const state = page?.reason ? `dead: ${page.reason}` : (page?.state ?? 'not in the run');
    const [top] = page?.topTokens ?? [];
    assert.deepEqual(found, {
      state: states.indexOf(state as (typeof states)[number]),
      firing: page?.firing ?? 0,
      max: Math.fround(page?.max ?? 0),
      mean: Math.fround(page?.mean ?? 0),
      topToken: page ? (top?.id ?? noToken) : 0,
      topShare: Math.fround(top?.share ?? 0),
    });
  }
}

/** A token leads to the features of whose sample it is at least 5 %, as far as pages tell. */
async function checkSearch(reader: RunReader, pages: readonly Page[]): Promise<void> {
  for (const [token] of vocabulary.entries()) {
    const { features, total } = await reader.search(token);
    assert.equal(features.length, total);
    const found = features.map(({ feature, hits, sampled }) => ({ feature, share: hits / sampled }));
    for (const { feature, topTokens } of pages) {
      const listed = topTokens.find(({ id }) => id === token);
      const posted = found.find((each) => each.feature === feature);
      // Beyond the five of the page only that it is no more common than they are can be told.
      if (listed) assert.equal(posted?.share, listed.share >= 0.05 ? listed.share : undefined);
      else assert.ok((posted?.share ?? 0) <= (topTokens[4]?.share ?? 0));
    }
  }
}

/** The token stream holds all tokens, where contexts and documents begin, and what counts for nothing. */
async function checkStream(reader: RunReader, made: CutCase): Promise<void> {
  const { tokens, context, document } = made.dataset;
  const stream = await reader.tokens(0, tokens.length);
  const starts = (column?: ArrayLike<number>): number[] =>
    Array.from(tokens, (_, row) => Number(column !== undefined && (row === 0 || column[row] !== column[row - 1])));
  assert.deepEqual([...stream.ids], Array.from(tokens));
  assert.deepEqual([...stream.startsContext], starts(context));
  assert.deepEqual([...stream.startsDocument], starts(document));
  assert.deepEqual([...stream.excluded], excludedRows(made).map(Number));
}
