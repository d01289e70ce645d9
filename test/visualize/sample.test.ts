/** The real sample: against the answers of another program, and the same bytes however the work is cut. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { ObjectMissing, WorkDamaged } from '../../src/errors.js';
import type { FeaturePage } from '../../src/pages/page.js';
import { RunReader } from '../../src/pages/runReader.js';
import { storedRunFiles } from '../../src/pages/storedRunFiles.js';
import type { ObjectStore } from '../../src/storage/objectStore.js';
import { planLocation } from '../../src/runs/planLocation.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import { decodePlanFile, passes } from '../../src/visualize/run.js';
import { writeSections } from '../../src/visualize/sections.js';
import { readFocusSet, readSelections } from '../../src/visualize/selection.js';
import { checkAgainstReference } from '../features/oracle/reference.js';
import { readSafetensors, rowsOf } from '../features/oracle/safetensorsFile.js';
import type { Page, Sae } from '../features/oracle/shapes.js';
import { neighboursOf } from '../features/oracle/weights.js';
import { Sfc32 } from '../support/sfc32.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, override, type TestBucket } from '../support/testBucket.js';
import { carryOutVisualize } from '../support/visualizeCases.js';
import { readReference, uploadSample, type UploadedSample } from '../support/visualizeSample.js';

const reference = readReference();
const features = reference.per_feature.fires.length;

describe('visualize, on the sample', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;
  let sample: UploadedSample;
  const pages: FeaturePage[] = [];

  before(async () => {
    bucket = await openTestBucket();
    sample = await uploadSample(bucket);
    const place = bucket.newPlace();
    await carryOutVisualize(bucket.store, { ...sample.input, output: formatPrefix(place) });
    const reader = await RunReader.open(storedRunFiles(bucket.store, place), formatPrefix(place));
    for await (const page of reader.pages(0, features)) pages.push(page);
  });
  after(() => {
    bucket.store.close();
  });

  /** SHA-256 of every object below a prefix but those that only the work needs. */
  async function digests(place: Prefix): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const key of await bucket.keys(place)) {
      if (key.startsWith('_riffle/')) continue;
      const object = await bucket.store.readWhole({ ...place, key: place.prefix + key }, 2 ** 30);
      found[key] = createHash('sha256').update(object!.data).digest('hex');
    }
    return found;
  }

  it('every listed feature is what the reference says: counts, top 20, windows, logit effects', () => {
    for (const { feature } of reference.features) checkAgainstReference(pages[feature] as Page, reference);
    assert.ok(reference.features.length >= 60);
  });

  it('counts, maxima and sums of all features are those of the reference', () => {
    const { fires, max, sum, near_threshold: flips } = reference.per_feature;
    for (const [feature, page] of pages.entries()) {
      assert.ok(Math.abs(page.firing - fires[feature]!) <= flips[feature]!, `${feature} fires ${page.firing}`);
      assert.ok(Math.abs(page.max - max[feature]!) <= 5e-4 + 1e-5 * max[feature]!, `maximum of ${feature}`);
      const off = Math.abs(page.mean * page.firing - sum[feature]!);
      assert.ok(off <= fires[feature]! * 5e-4 + 1e-5 * sum[feature]! + flips[feature]! * (1 + max[feature]!));
    }
    assert.equal(pages.length, features);
  });

  it('neighbours are the nearest of all decoder rows', () => {
    const weights = readSafetensors('examples/sae/sae_weights.safetensors');
    const decoder = rowsOf(weights.get('W_dec')!).map((row) => Array.from(row));
    for (const feature of [0, 7, 123, 1200, features - 1]) {
      const found = pages[feature]!.neighbours;
      const expected = neighboursOf(feature, { decoder } as Sae, 10);
      assert.equal(found.length, 10);
      for (const [place, { feature: other, cosine }] of expected.entries()) {
        assert.equal(found[place]!.feature, other, `neighbour ${place} of ${feature}`);
        assert.ok(Math.abs(found[place]!.cosine - cosine) < 1e-6);
      }
    }
  });

  it('no example has zero activation at its focus, and intervals show as many as they can', () => {
    for (const { groups, firing } of pages) {
      for (const group of groups) {
        for (const { values, focus, activation } of group.examples) {
          assert.ok(activation > 0 && values[focus] === activation);
        }
        if (group.name !== 'interval') continue;
        // With distinct "none" each token is a key of its own.
        assert.equal(group.examples.length, Math.min(5, Math.round(group.share * firing)));
      }
    }
  });

  it('a focus whose activation comes out different is an error, not a page', async () => {
    const place = bucket.newPlace();
    const { store } = bucket;
    const { signal } = new AbortController();
    let pass = 0;
    const tamper = async (tasks: number[]): Promise<number[]> => {
      if (++pass !== passes.render) return tasks;
      // What was selected says another activation: as if a machine that computes otherwise had collected it.
      const plan = await store.readWhole(planLocation(place), 2 ** 20);
      const run = decodePlanFile(plan!.data, place);
      const [selection] = await readSelections({ run, store, signal }, 0);
      const groups = selection!.groups.map((group) => ({
        ...group,
        examples: group.examples.map((example) => ({ ...example, activation: example.activation * 1.01 })),
      }));
      const focuses = await readFocusSet({ run, store, signal }, 0, 0);
      const line = Buffer.from(`${JSON.stringify({ ...selection, groups })}\n`);
      await writeSections(store, run, passes.select, 0, [[focuses.bytes], [line]], signal);
      return tasks;
    };
    const input = { ...sample.input, features: '7', tokenShards: 1, output: formatPrefix(place) };
    await assert.rejects(carryOutVisualize(store, input, tamper), { name: 'ActivationsDisagree' });
    assert.deepEqual(
      (await bucket.keys(place)).filter((key) => !key.startsWith('_riffle/')),
      [],
    );
  });

  it('a slice that is gone when the run is committed is work to be done again', async () => {
    const lost = override<ObjectStore>(bucket.store, {
      readInto: (object, ...others) =>
        object.key.includes('/slices/')
          ? Promise.reject(new ObjectMissing('gone', {}))
          : bucket.store.readInto(object, ...others),
    });
    const input = { ...sample.input, features: '600-602,2300', featuresPerPack: 512, memory: '1GiB' };
    const outcome = carryOutVisualize(lost, { ...input, featureBlocks: 5, output: formatPrefix(bucket.newPlace()) });
    await assert.rejects(outcome, (error) => {
      assert.ok(error instanceof WorkDamaged);
      assert.deepEqual([error.fields.pass, error.fields.tasks], [passes.render, [1]]);
      return true;
    });
  });

  describe('the same bytes', () => {
    /** Some of each block: all would take minutes. */
    const some = { features: '0-299,1000-1199,2200-2303' };
    let expected: Record<string, string>;

    before(async () => {
      const place = bucket.newPlace();
      await carryOutVisualize(bucket.store, { ...sample.input, ...some, output: formatPrefix(place) });
      expected = await digests(place);
    });

    const random = new Sfc32(7);
    const shuffled = (tasks: readonly number[]): number[] => {
      // Each task twice, in any order.
      const all = [...tasks, ...tasks];
      return all
        .map((task) => ({ task, at: random.uniform() }))
        .sort((a, b) => a.at - b.at)
        .map(({ task }) => task);
    };

    for (const tokenShards of [1, 3, 7, 16]) {
      for (const featureBlocks of [1, 2, 5]) {
        it(`with ${tokenShards} token shards and ${featureBlocks} feature blocks`, async () => {
          const place = bucket.newPlace();
          const input = { ...sample.input, ...some, output: formatPrefix(place), tokenShards, featureBlocks };
          const twice = tokenShards === 3;
          const { run } = await carryOutVisualize(bucket.store, input, twice ? shuffled : undefined);
          assert.equal(run.plan.tokenShards, tokenShards);
          assert.equal(run.blocks.length, featureBlocks);
          assert.deepEqual(await digests(place), expected);
          assert.deepEqual(
            (await bucket.keys(place)).filter((key) => key.startsWith('_riffle/')),
            ['_riffle/plan.json'],
          );
        });
      }
    }
  });
});
