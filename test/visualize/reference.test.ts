/**
 * The larger set from which the sample was cut, where it is at hand (RIFFLE_REFERENCE_DATA names its folder): two SAEs, tokens
 * and activations in datasets of their own.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe as describeDataset } from '../../src/formats/describe.js';
import { putDirectory } from '../../src/formats/put.js';
import { writeDataset } from '../../src/formats/writeDataset.js';
import { RunReader } from '../../src/pages/runReader.js';
import { storedRunFiles } from '../../src/pages/storedRunFiles.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import { checkAgainstReference, type Reference } from '../features/oracle/reference.js';
import type { Page } from '../features/oracle/shapes.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, type TestBucket } from '../support/testBucket.js';
import { carryOutVisualize } from '../support/visualizeCases.js';

const folder = process.env.RIFFLE_REFERENCE_DATA;

describe('visualize, on the larger reference set', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;
  let place: Prefix;

  before(async function () {
    if (folder === undefined) return this.skip();
    bucket = await openTestBucket();
    place = bucket.newPlace();
    await putDirectory(bucket.store, folder, place);
    for (const name of ['activations', 'tokens']) {
      const dataset = { ...place, prefix: `${place.prefix}${name}/` };
      await writeDataset(bucket.store, dataset, (await describeDataset(bucket.store, dataset)).dataset);
    }
  });
  after(() => {
    bucket?.store.close();
  });

  for (const [sae, answers] of [
    ['jumprelu', 'reference.json'],
    ['standard', 'reference-standard.json'],
  ] as const) {
    it(`${sae}: listed features in full, counts, maxima and sums of all`, async () => {
      const reference = JSON.parse(readFileSync(join(folder!, answers), 'utf8')) as Reference;
      const output = bucket.newPlace();
      const at = (name: string): string => `${formatPrefix(place)}/${name}`;
      const { run } = await carryOutVisualize(bucket.store, {
        activations: at('activations'),
        tokens: at('tokens'),
        sae: at(`sae/${sae}`),
        tokenizer: at('tokenizer.json'),
        unembedding: at('unembed.safetensors'),
        output: formatPrefix(output),
        window: { before: 16, after: 16 },
        examples: { distinct: 'none' },
      });
      const reader = await RunReader.open(storedRunFiles(bucket.store, output), formatPrefix(output));
      const { fires, max, sum, near_threshold: flips } = reference.per_feature;
      const listed = new Set(reference.features.map(({ feature }) => feature));
      for await (const page of reader.pages(0, run.featureCount)) {
        const { feature } = page;
        if (listed.has(feature)) checkAgainstReference(page as Page, reference);
        assert.ok(Math.abs(page.firing - fires[feature]!) <= flips[feature]!, `${feature} fires ${page.firing}`);
        assert.ok(Math.abs(page.max - max[feature]!) <= 5e-4 + 1e-5 * max[feature]!, `maximum of ${feature}`);
        const off = Math.abs(page.mean * page.firing - sum[feature]!);
        assert.ok(off <= fires[feature]! * 5e-4 + 1e-5 * sum[feature]! + flips[feature]! * (1 + max[feature]!));
      }
      assert.equal(run.featureCount, fires.length);
    });
  }
});
