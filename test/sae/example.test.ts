import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { parseSafetensorsTensors } from '../../src/formats/safetensors.js';
import { toFloat32 } from '../../src/formats/float32.js';
import { openSae } from '../../src/sae/openSae.js';
import type { Sae, SaeBlock } from '../../src/sae/sae.js';
import { uploadSae } from '../support/saeFiles.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, type TestBucket } from '../support/testBucket.js';

const examples = new URL('../../examples/', import.meta.url);
const width = 576;

interface Reference {
  readonly per_feature: { readonly near_threshold: readonly number[] };
  readonly features: readonly {
    readonly feature: number;
    readonly fires: number;
    readonly sum: number;
    /** Token and activation. */
    readonly top: readonly (readonly [number, number])[];
  }[];
}

describe('The SAE in examples/', function () {
  let bucket: TestBucket;
  let sae: Sae;
  let block: SaeBlock;
  let reference: Reference;
  let rows: Float32Array;

  before(async function () {
    this.timeout(stackTimeout);
    bucket = await openTestBucket();
    const names = ['cfg.json', 'sae_weights.safetensors'];
    const files = await Promise.all(names.map((name) => readFile(new URL(`sae/${name}`, examples))));
    const { uri } = await uploadSae(bucket, Object.fromEntries(names.map((name, index) => [name, files[index]!])));
    sae = await openSae(bucket.store, uri);
    block = await sae.readBlock(0, sae.description.features);
    reference = JSON.parse(await readFile(new URL('reference.json', examples), 'utf8')) as Reference;
    rows = await readRows();
  });
  after(() => {
    bucket.store.close();
  });

  it('is what its cfg.json says', () => {
    const { format, architecture, inputWidth, outputWidth, features, metadata } = sae.description;
    assert.deepEqual(
      { format, architecture, inputWidth, outputWidth, features, hook: metadata.hook_name },
      {
        format: 'saelens',
        architecture: 'jumprelu',
        inputWidth: 576,
        outputWidth: 576,
        features: 2304,
        hook: 'blocks.15.hook_resid_post',
      },
    );
  });

  it('fires on real activations as the reference says', () => {
    assert.ok(reference.features.length >= 64);
    for (const { feature, fires, sum, top } of reference.features) {
      const activations = encode(feature);
      const fired = activations.filter((activation) => activation > 0);
      const near = reference.per_feature.near_threshold[feature]!;
      assert.ok(Math.abs(fired.length - fires) <= near, `feature ${feature} fires on ${fired.length} tokens`);
      assertClose(
        fired.reduce((all, activation) => all + activation, 0),
        sum,
        (near + 1) * 5e-3,
        `sum of feature ${feature}`,
      );
      for (const [token, activation] of top) assertClose(activations[token]!, activation, 5e-4, `token ${token}`);
    }
  });

  /** Activations of one feature on all rows. */
  function encode(feature: number): Float64Array {
    const weights = block.encoder.subarray(feature * width, (feature + 1) * width);
    return Float64Array.from({ length: rows.length / width }, (_, row) => {
      let p = block.encoderBias[feature]!;
      for (let at = 0; at < width; at++) p += (rows[row * width + at]! - block.inputBias![at]!) * weights[at]!;
      return p > block.threshold![feature]! ? p : 0;
    });
  }
});

async function readRows(): Promise<Float32Array> {
  const shards = await Promise.all(
    [0, 1, 2, 3].map((index) => readFile(new URL(`dump/0000${index}.safetensors`, examples))),
  );
  const parts = shards.map((shard) => {
    const { header, tensors } = parseSafetensorsTensors(shard, shard.length, 'the example');
    const { begin, end } = tensors.find(({ name }) => name === 'activations')!;
    const bytes = new Uint8Array(shard.subarray(header + begin, header + end));
    return toFloat32('F16', bytes, new Float32Array(bytes.length / 2));
  });
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

function assertClose(found: number, expected: number, tolerance: number, what: string): void {
  const close = Math.abs(found - expected) <= tolerance + 1e-5 * Math.abs(expected);
  assert.ok(close, `${what}: ${found} in place of ${expected}`);
}
