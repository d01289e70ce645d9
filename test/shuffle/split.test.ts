/**
 * A split output: the shards of the unsplit one, in two datasets. The steps are called directly, on real S3; a workflow
 * that ends between its two commits is the subject of test/workflows/severalDatasets.test.ts.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import {
  DatasetInvalid,
  InvalidInput,
  LayoutMismatch,
  OutputForeign,
  SelfShuffle,
  ShuffleUnfinished,
} from '../../src/errors.js';
import { checkDatasetAgainstFiles } from '../../src/formats/checkDataset.js';
import type { Dataset } from '../../src/formats/dataset.js';
import { describe as describeDataset } from '../../src/formats/describe.js';
import { readDataset } from '../../src/formats/readDataset.js';
import { commitShuffle, type ShuffleResult } from '../../src/shuffle/commit.js';
import { loadRun } from '../../src/shuffle/run.js';
import { heldOutShards, withHeldOut } from '../../src/shuffle/split.js';
import { formatPrefix, parsePrefix, type Prefix } from '../../src/storage/uri.js';
import { carryOut, carryOutPasses } from '../support/carryOut.js';
import { makeDataset, objectsBelow, outputBelow, type MadeDataset } from '../support/makeDataset.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, override, type TestBucket } from '../support/testBucket.js';

const { signal } = new AbortController();
/** Of the 10 output shards the last 3 are held out. */
const split = { heldOut: 0.25 };

describe('heldOutShards', () => {
  it('is the share of the shards, rounded up, of the number as it is written', () => {
    const anyShare = fc
      .integer({ min: 1, max: 6 })
      .chain((digits) => fc.tuple(fc.constant(digits), fc.integer({ min: 1, max: 10 ** digits - 1 })));
    fc.assert(
      fc.property(anyShare, fc.integer({ min: 1, max: 2 ** 20 }), ([digits, numerator], shards) => {
        const denominator = 10n ** BigInt(digits);
        const exact = (BigInt(numerator) * BigInt(shards) + denominator - 1n) / denominator;
        const heldOut = Number(`${numerator}e-${digits}`);
        assert.equal(heldOutShards(shards, { heldOut }), Number(exact));
      }),
      {
        seed: 1,
        numRuns: 3000,
        examples: [
          [[2, 7], 100],
          [[2, 1], 1],
        ],
      },
    );
    assert.equal(heldOutShards(100, { heldOut: 1e-300 }), 1);
    assert.equal(heldOutShards(100, { heldOut: 1 - 2 ** -53 }), 100);
    assert.equal(heldOutShards(100, undefined), 0);
  });
});

describe('a split output', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;
  let data: MadeDataset;
  let plain: { files: Record<string, string>; result: ShuffleResult };
  let output: Prefix;

  before(async () => {
    bucket = await openTestBucket();
    data = await makeDataset(bucket);
    output = bucket.newPlace();
    const result = await carryOut(bucket.store, inputFor(output, { split: undefined }));
    plain = { files: await outputBelow(bucket, output), result };
    assert.deepEqual([result.shards, result.heldOut], [10, undefined]);
  });
  after(() => bucket.store.close());
  beforeEach(() => (output = bucket.newPlace()));

  const inputFor = (place: Prefix, options: object = {}): object => ({
    ...data.input,
    outputShardRows: 30,
    output: formatPrefix(place),
    split,
    ...options,
  });

  const heldOutOf = (place: Prefix): Prefix => ({ ...place, prefix: `${place.prefix}held-out/` });

  const readBoth = async (place: Prefix): Promise<[training: Dataset, heldOut: Dataset]> => [
    await readDataset(bucket.store, place),
    await readDataset(bucket.store, heldOutOf(place)),
  ];

  /** Checks all that a finished split output must be. */
  async function checkFinished(place: Prefix): Promise<void> {
    const { 'dataset.json': training, 'held-out/dataset.json': heldOut, ...files } = await outputBelow(bucket, place);
    assert.ok(training && heldOut);
    const expected = Object.entries(plain.files).filter(([key]) => key !== 'dataset.json');
    const places = expected.map(([key, etag], shard) => [shard < 7 ? key : `held-out/${key}`, etag]);
    assert.deepEqual(files, Object.fromEntries(places), 'the shards of the unsplit output');
    const left = (await bucket.keys(place)).filter((key) => key.startsWith('_riffle/'));
    assert.deepEqual(left, ['_riffle/plan.json']);
  }

  it('has the shards of the unsplit one, in two datasets that are each as described', async () => {
    const result = await carryOut(bucket.store, inputFor(output));
    await checkFinished(output);
    assert.deepEqual([result.rows, result.shards, result.heldOut], [300, 10, { rows: 90, shards: 3 }]);
    assert.equal(result.digest, plain.result.digest);
    assert.equal(result.bytes, plain.result.bytes);
    assert.notEqual(result.layout, plain.result.layout);

    const both = await readBoth(output);
    assert.deepEqual(
      both.map(({ rows, shards }) => [rows, shards[0]!.key]),
      [
        [210, '00000.safetensors'],
        [90, '00007.safetensors'],
      ],
    );
    assert.deepEqual(
      both.map(({ shuffle }) => shuffle!.split),
      [
        { heldOut: 0.25, part: 'training' },
        { heldOut: 0.25, part: 'held-out' },
      ],
    );
    for (const [index, place] of [output, heldOutOf(output)].entries()) {
      await checkDatasetAgainstFiles(bucket.store, place, both[index]!, undefined, { headers: true });
      const { dataset } = await describeDataset(bucket.store, place);
      const shards = both[index]!.shards.map((shard) => ({ ...shard, crc32: undefined }));
      assert.deepEqual(
        shards,
        dataset.shards.map((shard) => ({ ...shard, crc32: undefined })),
      );
    }
    const whole = await withHeldOut(bucket.store, output, both[0]);
    await checkDatasetAgainstFiles(bucket.store, output, whole, undefined, { headers: true });
    assert.equal(whole.rows, 300);
  });

  it('leaves the layout of an unsplit output as it was', async () => {
    const run = (await loadRun(bucket.store, parsePrefix(plain.result.output), 1))!;
    const inputs = data.dataset.shards.map(
      ({ key, rows, bytes, etag }) => `{"bytes":${bytes},"etag":${JSON.stringify(etag)},"key":"${key}","rows":${rows}}`,
    );
    const text =
      '{"algorithm":"riffle-shuffle/1","blockRows":25,"encoding":"safetensors",' +
      `"inputs":[${inputs.join(',')}],"outputShardRows":30,"seed":"tests"}`;
    assert.equal(run.layoutDigest, createHash('sha256').update(text).digest('hex'));
    assert.ok(!('split' in (await readDataset(bucket.store, run.output)).shuffle!));
  });

  it('stopped between its two commits: no dataset but the held-out one, and the next start goes on', async () => {
    const { run } = await carryOutPasses(bucket.store, inputFor(output));
    const stopped = override(bucket.store, {
      putIfAbsent: (object, parts, options) =>
        object.key === `${output.prefix}dataset.json`
          ? Promise.reject(new Error('stopped'))
          : bucket.store.putIfAbsent(object, parts, options),
    });
    await assert.rejects(commitShuffle(stopped, run, false, signal), /stopped/);
    const there = Object.keys(await objectsBelow(bucket, output));
    assert.ok(there.includes('held-out/dataset.json') && !there.includes('dataset.json'));
    await assert.rejects(readDataset(bucket.store, output), ShuffleUnfinished);
    for (const place of [output, heldOutOf(output)]) {
      await assert.rejects(describeDataset(bucket.store, place), ShuffleUnfinished);
    }
    const result = await carryOut(bucket.store, inputFor(output));
    await checkFinished(output);
    assert.deepEqual(await carryOut(bucket.store, inputFor(output)), result);
    assert.deepEqual(await commitShuffle(bucket.store, run, false, signal), result);
    await checkFinished(output);
  });

  it('its held-out part is no dataset before the commit', async () => {
    await carryOutPasses(bucket.store, inputFor(output));
    await assert.rejects(readDataset(bucket.store, heldOutOf(output)), ShuffleUnfinished);
    await assert.rejects(describeDataset(bucket.store, heldOutOf(output)), ShuffleUnfinished);
  });

  it('belongs to its split: another one is another layout', async () => {
    await carryOut(bucket.store, inputFor(output));
    for (const [other, says] of [
      [{ heldOut: 0.3 }, /split is \{"heldOut":0.25\} there and \{"heldOut":0.3\} here/],
      [undefined, /split is \{"heldOut":0.25\} there and absent here/],
    ] as const) {
      const refused = carryOut(bucket.store, inputFor(output, { split: other }));
      await assert.rejects(refused, (error: Error) => error instanceof LayoutMismatch && says.test(error.message));
    }
    await checkFinished(output);
    const unsplit = inputFor(output, { output: plain.result.output });
    await assert.rejects(carryOut(bucket.store, unsplit), LayoutMismatch);
  });

  it('needs a shard for training', async () => {
    for (const [outputShardRows, heldOut] of [
      [300, 0.01],
      [150, 0.51],
    ] as const) {
      const input = inputFor(output, { outputShardRows, split: { heldOut }, memory: '64KiB' });
      await assert.rejects(carryOut(bucket.store, input), InvalidInput);
    }
    assert.deepEqual(await objectsBelow(bucket, output), {});
  });

  it('of which something is gone is not reported as done, and can be written again', async () => {
    await carryOut(bucket.store, inputFor(output));
    for (const key of ['held-out/dataset.json', 'held-out/00008.safetensors', '00003.safetensors']) {
      await bucket.store.delete(output.bucket, [output.prefix + key]);
      await assert.rejects(carryOut(bucket.store, inputFor(output)), DatasetInvalid);
      await bucket.store.delete(output.bucket, [`${output.prefix}dataset.json`]);
      await carryOut(bucket.store, inputFor(output));
      await checkFinished(output);
    }
  });

  it('takes nothing for its own that is not', async () => {
    for (const key of ['held-out/00000.safetensors', 'held-out/notes', '00007.safetensors', 'held-out/dataset.json']) {
      const place = bucket.newPlace();
      if (key !== 'held-out/dataset.json') await carryOutPasses(bucket.store, inputFor(place));
      await bucket.store.put({ bucket: place.bucket, key: place.prefix + key }, [Buffer.from('mine')]);
      const before = await objectsBelow(bucket, place);
      await assert.rejects(carryOut(bucket.store, inputFor(place)), OutputForeign, key);
      assert.deepEqual(await objectsBelow(bucket, place), before);
    }
  });

  it('is not shuffled again by the same numbers, neither part of it', async () => {
    await carryOut(bucket.store, inputFor(output));
    for (const place of [output, heldOutOf(output)]) {
      const again = inputFor(bucket.newPlace(), { input: formatPrefix(place), split: undefined });
      await assert.rejects(carryOut(bucket.store, again), SelfShuffle);
      const listed = inputFor(bucket.newPlace(), { input: [data.uri, formatPrefix(place)], split: undefined });
      await assert.rejects(carryOut(bucket.store, listed), SelfShuffle);
    }
    const other = inputFor(bucket.newPlace(), { input: formatPrefix(output), seed: 'other' });
    assert.equal((await carryOut(bucket.store, other)).rows, 210);
  });
});
