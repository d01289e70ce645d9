import assert from 'node:assert/strict';
import { DatasetConflict, ObjectConflict } from '../../src/errors.js';
import { checkDatasetAgainstFiles } from '../../src/formats/checkDataset.js';
import type { Dataset } from '../../src/formats/dataset.js';
import { describe as describeShards } from '../../src/formats/describe.js';
import { readDataset } from '../../src/formats/readDataset.js';
import { formatDataset, writeDataset } from '../../src/formats/writeDataset.js';
import type { ObjectStore } from '../../src/storage/objectStore.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import { safetensorsFile } from '../support/shardFiles.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, override, type TestBucket } from '../support/testBucket.js';

const columns = [
  { name: 'tokens', dtype: 'I32', shape: [] },
  { name: 'activations', dtype: 'F16', shape: [3] },
];

describe('dataset.json in S3', () => {
  let s3: TestBucket;
  let place: Prefix;
  let dataset: Dataset;

  before(async function () {
    this.timeout(stackTimeout);
    s3 = await openTestBucket();
  });
  after(() => {
    s3.store.close();
  });
  beforeEach(async () => {
    place = s3.newPlace();
    await put('0.safetensors', safetensorsFile(columns, 5));
    await put('1.safetensors', safetensorsFile([...columns].reverse(), 4));
    dataset = (await describeShards(s3.store, place)).dataset;
  });

  const put = (key: string, data: Uint8Array | string) =>
    s3.store.put({ bucket: place.bucket, key: place.prefix + key }, [Buffer.from(data)]);
  const check = (changed: Dataset, indices?: number[], headers = false) =>
    checkDatasetAgainstFiles(s3.store, place, changed, indices, { headers });
  const withShard = (change: Partial<Dataset['shards'][number]>): Dataset => ({
    ...dataset,
    shards: dataset.shards.map((shard, index) => (index === 0 ? { ...shard, ...change } : shard)),
  });

  it('is written once; the same content counts as written', async () => {
    assert.deepEqual(await writeDataset(s3.store, place, dataset), { created: true });
    assert.deepEqual(await writeDataset(s3.store, place, dataset), { created: false });
    assert.deepEqual(await readDataset(s3.store, place), dataset);
    await put('dataset.json', JSON.stringify(JSON.parse(formatDataset(dataset))));
    assert.deepEqual(await writeDataset(s3.store, place, dataset), { created: false });
  });

  it('of other content is not overwritten, and what differs is said', async () => {
    for (const [existing, message] of [
      [formatDataset(withShard({ etag: '"x"' })), /shards\[0\]\.etag is "\\"x\\"" there and /],
      [formatDataset({ ...dataset, metadata: { model: 'm' } }), /metadata is {"model":"m"} there and absent now/],
      [formatDataset(dataset).replace('"rows": 9', '"rows": 10'), /rows is 10 there and 9 now/],
      ['not JSON', /its content is absent there/],
      ['['.repeat(100_000), /its content is absent there/],
    ] as const) {
      await put('dataset.json', existing);
      await assert.rejects(
        writeDataset(s3.store, place, dataset),
        (error) => error instanceof DatasetConflict && message.test(error.message) && /delete it/.test(error.message),
      );
      const kept = await s3.store.readWhole({ bucket: place.bucket, key: `${place.prefix}dataset.json` }, 1e6);
      assert.equal(Buffer.from(kept?.data ?? []).toString(), existing);
    }
  });

  it('that is missing is said to be so, with the command that makes it', async () => {
    await assert.rejects(readDataset(s3.store, place), {
      code: 'DatasetMissing',
      message: new RegExp(`riffle describe ${formatPrefix(place)} --write$`),
    });
    await assert.rejects(readDataset(s3.store, { bucket: 'no-such-bucket', prefix: 'a/' }), { code: 'NoSuchBucket' });
  });

  it('that is no text, or too large, is refused', async () => {
    await put('dataset.json', Buffer.from([0x7b, 0xff, 0x7d]));
    await assert.rejects(readDataset(s3.store, place), { code: 'DatasetInvalid', message: /not UTF-8/ });
    const large = override<ObjectStore>(s3.store, {
      readWhole: (_object, limit) => Promise.reject(new ObjectConflict(`larger than ${limit}`)),
    });
    await assert.rejects(readDataset(large, place), { code: 'DatasetInvalid', message: /larger than 268435456 bytes/ });
  });

  it('that agrees with the files passes', async () => {
    await check(dataset);
    await check(dataset, undefined, true);
  });

  it('is compared with missing, truncated and replaced files', async () => {
    await check(withShard({ key: '2.safetensors' }), [1]);
    await assert.rejects(check(withShard({ key: '2.safetensors' })), {
      code: 'ShardInvalid',
      message: /2\.safetensors does not agree with dataset\.json: it does not exist/,
    });
    await put('0.safetensors', safetensorsFile(columns, 5, undefined, 7));
    await assert.rejects(check(dataset), { code: 'ObjectChanged', message: /0\.safetensors changed .* ETag is/ });
    await put('0.safetensors', safetensorsFile(columns, 5).subarray(0, 100));
    await assert.rejects(check(dataset), {
      code: 'ShardInvalid',
      message: /has 100 bytes instead of \d+: it is truncated/,
    });
    await check(dataset, [1]);
  });

  it('is compared with what the headers say, when asked', async () => {
    const [shard] = dataset.shards;
    const lies: readonly (readonly [Dataset, RegExp])[] = [
      [withShard({ rows: 4, header: (shard?.header ?? 0) + 10 }), /has 5 rows after \d+ bytes of header instead of 4/],
      [withShard({ offsets: [30, 0] }), /at offsets 0, 20 instead of 30, 0/],
      [
        { ...dataset, columns: columns.map((column) => ({ ...column, name: `${column.name}2` })) },
        /other columns: it has no column "tokens2"/,
      ],
    ];
    for (const [lie, message] of lies) {
      await check(lie);
      await assert.rejects(check(lie, undefined, true), { code: 'ShardInvalid', message });
    }
  });
});
