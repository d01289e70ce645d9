import assert from 'node:assert/strict';
import { openSae } from '../../src/sae/openSae.js';
import type { SaeBlock } from '../../src/sae/sae.js';
import { encodeRow } from '../support/encodeSae.js';
import { readGoldens, uploadSae, type SaeGolden } from '../support/saeFiles.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, type TestBucket } from '../support/testBucket.js';

const goldens = readGoldens();

describe('SAEs of every format', function () {
  let bucket: TestBucket;

  before(async function () {
    this.timeout(stackTimeout);
    bucket = await openTestBucket();
  });
  after(() => {
    bucket.store.close();
  });

  async function open(golden: SaeGolden) {
    const objects = Object.entries(golden.objects).map(([key, data]) => [key, Buffer.from(data, 'base64')] as const);
    const { place, uri } = await uploadSae(bucket, Object.fromEntries(objects));
    const location = golden.location === '' ? uri : `${uri}/${golden.location}`;
    return { place, sae: await openSae(bucket.store, location, golden.options) };
  }

  for (const golden of goldens) {
    it(`give the activations of their authors’ code: ${golden.name}`, async () => {
      const { sae } = await open(golden);
      const { description } = sae;
      for (const [name, expected] of Object.entries(golden.description)) {
        assert.deepEqual(description[name as keyof typeof description], expected, name);
      }
      const block = await sae.readBlock(0, description.features);
      golden.rows.forEach((row, index) => {
        const activations = encodeRow(description, block, row);
        activations.forEach((found, feature) => {
          const expected = golden.activations[index]![feature]!;
          // Weights are exact; only e^r_mag, norms and thresholds are rounded to float32.
          const close = Math.abs(found - expected) <= 1e-5 * Math.abs(expected) && found > 0 === expected > 0;
          assert.ok(close, `row ${index}, feature ${feature}: ${found} in place of ${expected}`);
        });
      });
    });
  }

  it('give the same features in blocks of any cut', async () => {
    for (const golden of goldens) {
      const { sae } = await open(golden);
      const { features } = sae.description;
      const whole = await sae.readBlock(0, features);
      for (const [from, to] of [
        [0, 1],
        [1, 8],
        [8, features],
      ] as const) {
        assert.deepEqual(await sae.readBlock(from, to), cut(whole, from, to), `${golden.name} [${from}, ${to})`);
      }
    }
  });

  it('say which objects they are, and what their files say about model and hook', async () => {
    const nested = await open(goldens.find(({ name }) => name === 'SAELens 6 jumprelu F16')!);
    const { description } = nested.sae;
    assert.deepEqual(description.metadata, {
      model_name: 'gpt2',
      hook_name: 'blocks.1.hook_resid_pre',
      sae_lens_version: '6.54.12',
    });
    const heads = await Promise.all(
      ['cfg.json', 'sae_weights.safetensors'].map(async (name) => {
        const key = `${nested.place.prefix}${name}`;
        return { key, ...(await bucket.store.head({ bucket: nested.place.bucket, key })) };
      }),
    );
    assert.deepEqual(description.objects, heads);
    assert.deepEqual(JSON.parse(JSON.stringify(description)), description);

    const flat = await open(goldens.find(({ name }) => name.startsWith('SAELens 1'))!);
    assert.equal(flat.sae.description.metadata.hook_point, 'blocks.8.attn.hook_z');
    assert.equal(flat.sae.description.metadata.reshape_activations, 'hook_z');
  });

  it('have no other features', async () => {
    const { sae } = await open(goldens[0]!);
    for (const [from, to] of [
      [-1, 2],
      [0, 21],
      [3, 3],
      [0.5, 2],
    ] as const) {
      await assert.rejects(sae.readBlock(from, to), RangeError);
    }
  });
});

/** The features [from, to) of a block. */
function cut(block: SaeBlock, from: number, to: number): SaeBlock {
  const features = block.to - block.from;
  const entries = Object.entries(block).map(([name, value]: [string, unknown]) => {
    if (!(value instanceof Float32Array) || name === 'inputBias') return [name, value];
    const width = value.length / features;
    return [name, value.slice(from * width, to * width)];
  });
  return { ...(Object.fromEntries(entries) as SaeBlock), from, to };
}
