/**
 * Whole runs against the brute-force oracle (test/features/oracle): random small cases whose sums are exact in float32, so
 * that every field of every page must be equal, however the work is cut.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RunReader } from '../../src/pages/runReader.js';
import { printPage } from '../../src/pages/page.js';
import { storedRunFiles } from '../../src/pages/storedRunFiles.js';
import { formatPrefix } from '../../src/storage/uri.js';
import { exactCases } from '../features/oracle/cases.js';
import { buildPages } from '../features/oracle/pages.js';
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
        fc.pre(made.sae.inputScale === undefined || made.sae.inputScale === 1);
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
        assert.equal(result.features, expected.length);
        assert.equal(result.tokens, expected[0]?.tokens);
        assert.equal(result.dead, expected.filter(({ state }) => state === 'dead').length);
      }),
      { seed: 1, numRuns: Number(process.env.RUNS ?? 60), endOnFailure: true },
    );
  });
});
