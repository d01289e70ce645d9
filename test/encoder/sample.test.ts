/** The sample's activations and SAE, against answers that were computed independently (examples/README.md). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EncodedSae, EncoderWeights } from '../../src/encoder/weights.js';
import { packageFolder } from '../../src/packageFolder.js';
import { firingsOf, openEncoder } from './support.js';
import type { Firing } from './support.js';

interface Reference {
  per_feature: { fires: number[]; max: number[]; sum: number[]; near_threshold: number[] };
  features: { feature: number; top: [number, number][] }[];
}

const examples = join(packageFolder(), 'examples');

/** A float16 tensor's bytes. */
function readTensor(file: string, name: string): { bytes: Uint8Array; shape: number[] } {
  const content = readFileSync(join(examples, file));
  const headerBytes = Number(content.readBigUInt64LE());
  const header = JSON.parse(content.subarray(8, 8 + headerBytes).toString()) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const { dtype, shape, data_offsets } = header[name]!;
  assert.equal(dtype, 'F16');
  // A copy, because tensors need not be aligned in a file.
  return { bytes: new Uint8Array(content.subarray(8 + headerBytes).subarray(...data_offsets)), shape };
}

function widened({ bytes }: { bytes: Uint8Array }): Float32Array {
  return Float32Array.from(new Uint16Array(bytes.buffer), (bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const [exponent, significand] = [(bits >>> 10) & 31, bits & 1023];
    return sign * (exponent === 0 ? significand * 2 ** -24 : (1 + significand / 1024) * 2 ** (exponent - 15));
  });
}

describe('Encoder, on the sample', () => {
  const file = 'sae/sae_weights.safetensors';
  const reference = JSON.parse(readFileSync(join(examples, 'reference.json'), 'utf8')) as Reference;
  const [inputWidth, features] = readTensor(file, 'W_enc').shape as [number, number];
  const sae: EncodedSae = { architecture: 'jumprelu', inputWidth, features, normalization: 'none', inputScale: 1 };
  const shards = [0, 1, 2, 3].map((i) => readTensor(`dump/0000${i}.safetensors`, 'activations'));
  const rows = Buffer.concat(shards.map(({ bytes }) => bytes));
  let weights: EncoderWeights;
  let found: Firing[];

  before(async () => {
    const transposed = widened(readTensor(file, 'W_enc'));
    const encoder = new Float32Array(features * inputWidth);
    for (let i = 0; i < inputWidth; i++) {
      for (let f = 0; f < features; f++) encoder[f * inputWidth + i] = transposed[i * features + f]!;
    }
    weights = {
      encoder,
      encoderBias: widened(readTensor(file, 'b_enc')),
      threshold: widened(readTensor(file, 'threshold')),
      inputBias: widened(readTensor(file, 'b_dec')),
    };
    const opened = await openEncoder(sae, weights, { rowType: 'F16' });
    found = await firingsOf(opened, rows, 8192);
    await opened.close();
  });

  it('finds as many firings of each feature, but for those that are near the threshold', () => {
    const counts = new Uint32Array(features);
    for (const { feature } of found) counts[feature]!++;
    const { fires, near_threshold: near } = reference.per_feature;
    assert.equal(fires.length, features);
    for (const [feature, count] of counts.entries()) {
      assert.ok(Math.abs(count - fires[feature]!) <= near[feature]!, `feature ${feature}: ${count}, ${fires[feature]}`);
    }
  });

  it('finds the largest activation of each feature, and the sum of all', () => {
    const largest = new Float32Array(features);
    const sums = new Float64Array(features);
    for (const { feature, activation } of found) {
      largest[feature] = Math.max(largest[feature]!, activation);
      sums[feature]! += activation;
    }
    const { fires, max, sum } = reference.per_feature;
    for (let feature = 0; feature < features; feature++) {
      assertNear(largest[feature]!, max[feature]!, 1, `feature ${feature}`);
      assertNear(sums[feature]!, sum[feature]!, fires[feature]!, `feature ${feature}, sum`);
    }
  });

  it('finds the 20 best tokens', () => {
    for (const { feature, top } of reference.features) {
      const activations = new Map(
        found.filter((firing) => firing.feature === feature).map((f) => [f.row, f.activation]),
      );
      const sorted = [...activations.values()].sort((a, b) => b - a);
      assert.equal(top.length, Math.min(20, sorted.length));
      for (const [i, [token, activation]] of top.entries()) {
        assertNear(activations.get(token) ?? 0, activation, 1, `feature ${feature}, token ${token}`);
        assertNear(sorted[i]!, activation, 1, `feature ${feature}, place ${i}`);
      }
    }
  });

  it('gives real activations the same bits however rows and features are cut', async () => {
    for (const [firstRow, end, from, to, threads] of [
      [1, 900, 0, features, 2],
      [4095, 4097, 17, 1800, 1],
      [8000, 8192, features - 299, features, 2],
    ] as const) {
      const opened = await openEncoder(sae, weights, {
        rowType: 'F16',
        from,
        to,
        compute: { provider: 'cpu', threads },
      });
      const rowBytes = 2 * inputWidth;
      const again = await firingsOf(opened, rows.subarray(firstRow * rowBytes, end * rowBytes), end - firstRow);
      await opened.close();
      const same = found
        .filter(({ row, feature }) => row >= firstRow && row < end && feature >= from && feature < to)
        .map(({ row, feature, activation }) => ({ row: row - firstRow, feature: feature - from, activation }));
      assert.ok(same.length > 0);
      assert.deepEqual(again, same);
    }
  });
});

/** The tolerance that reference.json states, for the sum of `count` activations. */
function assertNear(actual: number, expected: number, count: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= 5e-4 * count + 1e-5 * Math.abs(expected), `${what}: ${actual}, ${expected}`);
}
