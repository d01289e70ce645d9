import assert from 'node:assert/strict';
import { ObjectChanged, SaeInvalid } from '../../src/errors.js';
import { openSae } from '../../src/sae/openSae.js';
import type { ByteRange, ObjectStore } from '../../src/storage/objectStore.js';
import { tensor, tensorsFile, uploadSae, type TestTensor } from '../support/saeFiles.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, override, type TestBucket } from '../support/testBucket.js';

const KiB = 1024;
const width = 24;
const features = 60_000;

/** Whole numbers, so that every dtype holds them exactly; another for each place. */
const encoderAt = (row: number, feature: number) => (feature % 251) + row / 32;
const decoderAt = (feature: number, column: number) => (feature % 247) - column / 32;

function largeSae(): Record<string, TestTensor> {
  return {
    W_dec: tensor([features, width], (index) => decoderAt(Math.floor(index / width), index % width)),
    W_enc: tensor([width, features], (index) => encoderAt(Math.floor(index / features), index % features)),
    b_dec: tensor([width], (index) => index),
    b_enc: tensor([features], (index) => -index),
  };
}

const config = JSON.stringify({
  architecture: 'standard',
  d_in: width,
  d_sae: features,
  dtype: 'float32',
  metadata: { sae_lens_version: '6.54.12' },
});

describe('Weights of an SAE', function () {
  let bucket: TestBucket;

  before(async function () {
    this.timeout(stackTimeout);
    bucket = await openTestBucket();
  });
  after(() => {
    bucket.store.close();
  });

  const upload = (tensors: Record<string, TestTensor>) =>
    uploadSae(bucket, { 'cfg.json': config, 'sae_weights.safetensors': tensorsFile(tensors) });

  /** The store, and the ranges that were read through it. */
  function watched(): { store: ObjectStore; ranges: ByteRange[] } {
    const ranges: ByteRange[] = [];
    const store = override<ObjectStore>(bucket.store, {
      readInto: (location, range, ...rest) => {
        ranges.push(range);
        return bucket.store.readInto(location, range, ...rest);
      },
    });
    return { store, ranges };
  }

  it('are read in pieces of at most 4 MiB, of wide blocks row after row together, of narrow ones one by one', async () => {
    const { uri } = await upload(largeSae());
    const { store, ranges } = watched();
    const sae = await openSae(store, uri);
    for (const { from, to, encoderReads } of [
      // 24 rows of 240,000 bytes: 17 of them are nearly 4 MiB.
      { from: 0, to: features, encoderReads: 2 },
      // The gap between two rows is just below 64 KiB.
      { from: 7, to: 7 + features - 16 * KiB + 1, encoderReads: 2 },
      // It is 64 KiB.
      { from: 7, to: 7 + features - 16 * KiB, encoderReads: width },
      { from: features - 3, to: features, encoderReads: width },
    ]) {
      ranges.length = 0;
      const block = await sae.readBlock(from, to);
      const wrong: string[] = [];
      for (let feature = from; feature < to; feature++) {
        for (let at = 0; at < width; at++) {
          const place = (feature - from) * width + at;
          if (block.encoder[place] !== encoderAt(at, feature)) wrong.push(`encoder [${feature}, ${at}]`);
          if (block.decoder[place] !== decoderAt(feature, at)) wrong.push(`decoder [${feature}, ${at}]`);
        }
        if (block.encoderBias[feature - from] !== -feature) wrong.push(`bias [${feature}]`);
      }
      assert.deepEqual(wrong.slice(0, 5), [], `features ${from} to ${to}`);
      const decoderReads = Math.ceil(((to - from) * width * 4) / (4 * 1024 * KiB));
      assert.equal(ranges.length, encoderReads + decoderReads + 1, `reads of features ${from} to ${to}`);
      for (const { start, end } of ranges) assert.ok(end - start <= 4 * 1024 * KiB, `a read of ${end - start} bytes`);
    }
  });

  it('are read in several pieces where one row of the file is longer', async () => {
    const many = 600_000;
    const encoder = Float64Array.from({ length: 2 * many }, (_, index) => index);
    const { uri } = await uploadSae(bucket, {
      'cfg.json': JSON.stringify({ ...(JSON.parse(config) as object), d_in: 2, d_sae: many }),
      'sae_weights.safetensors': tensorsFile({
        W_enc: { dtype: 'F64', shape: [2, many], data: new Uint8Array(encoder.buffer) },
        W_dec: tensor([many, 2], () => 0),
        b_dec: tensor([2], () => 0),
        b_enc: tensor([many], () => 0),
      }),
    });
    const sae = await openSae(bucket.store, uri);
    const { encoder: transposed } = await sae.readBlock(0, many);
    const wrong = transposed.findIndex((value, place) => value !== (place % 2) * many + Math.floor(place / 2));
    assert.equal(wrong, -1);
  });

  it('that are no numbers, infinite or beyond float32 are refused with tensor and index', async () => {
    const cases: readonly [string, number, number, RegExp][] = [
      ['W_enc', 3 * features + 17, NaN, /tensor "W_enc" holds NaN \(as float32\) at \[3, 17\]/],
      ['W_dec', (features - 1) * width + 5, Infinity, /tensor "W_dec" holds Infinity .* at \[59999, 5\]/],
      ['b_enc', 40_000, -Infinity, /tensor "b_enc" holds -Infinity .* at \[40000\]/],
    ];
    for (const [name, index, value, message] of cases) {
      const tensors = largeSae();
      const { data } = tensors[name]!;
      new Float32Array(data.buffer)[index] = value;
      const { uri } = await upload(tensors);
      const sae = await openSae(bucket.store, uri);
      await assert.rejects(
        sae.readBlock(0, features),
        (error) => error instanceof SaeInvalid && message.test(error.message) && error.message.includes(uri),
      );
    }
    const tensors = largeSae();
    const bias = new Float64Array(features);
    bias[12] = 1e39;
    tensors.b_enc = { dtype: 'F64', shape: [features], data: new Uint8Array(bias.buffer) };
    const sae = await openSae(bucket.store, (await upload(tensors)).uri);
    await assert.rejects(sae.readBlock(0, 100), /"b_enc" holds Infinity \(as float32\) at \[12\]/);
    await sae.readBlock(13, 100);
  });

  it('of the input bias are checked when the SAE is opened', async () => {
    const tensors = largeSae();
    new Float32Array(tensors.b_dec!.data.buffer)[23] = NaN;
    const { uri } = await upload(tensors);
    await assert.rejects(openSae(bucket.store, uri), /tensor "b_dec" holds NaN \(as float32\) at \[23\]/);
  });

  it('are not read once the object is another', async () => {
    const { uri, place } = await upload(largeSae());
    const sae = await openSae(bucket.store, uri);
    const weights = { bucket: place.bucket, key: `${place.prefix}sae_weights.safetensors` };
    const others = largeSae();
    new Float32Array(others.b_enc!.data.buffer)[0] = 1;
    await bucket.store.put(weights, [tensorsFile(others)]);
    await assert.rejects(sae.readBlock(0, 10), ObjectChanged);
  });

  it('are no longer read when the caller gives up', async () => {
    const { uri } = await upload(largeSae());
    const sae = await openSae(bucket.store, uri);
    const reason = new Error('enough');
    await assert.rejects(sae.readBlock(0, 10, { signal: AbortSignal.abort(reason) }), reason);
  });
});
