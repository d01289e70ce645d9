import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { ObjectMissing, ShardInvalid } from '../../src/errors.js';
import type { Column } from '../../src/formats/dataset.js';
import { describe as describeShards } from '../../src/formats/describe.js';
import type { ListedObject, ObjectStore } from '../../src/storage/objectStore.js';
import type { Prefix } from '../../src/storage/uri.js';
import { npyFile, safetensorsFile, safetensorsHeader } from '../support/shardFiles.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, override, type TestBucket } from '../support/testBucket.js';

const columns: Column[] = [
  { name: 'tokens', dtype: 'I32', shape: [] },
  { name: 'activations', dtype: 'F16', shape: [3] },
];

describe('riffle describe', () => {
  let s3: TestBucket;
  let place: Prefix;

  before(async function () {
    this.timeout(stackTimeout);
    s3 = await openTestBucket();
  });
  after(() => {
    s3.store.close();
  });
  beforeEach(() => {
    place = s3.newPlace();
  });

  async function put(files: Record<string, Uint8Array>): Promise<void> {
    for (const [key, data] of Object.entries(files)) {
      await s3.store.put({ bucket: place.bucket, key: place.prefix + key }, [data]);
    }
  }

  it('finds the sample as the design shows it', async () => {
    for (let index = 0; index < 4; index++) {
      const name = `0000${index}.safetensors`;
      await put({ [name]: await readFile(new URL(`../../examples/dump/${name}`, import.meta.url)) });
    }
    const progress: number[] = [];
    const { dataset, ignored } = await describeShards(s3.store, place, {
      onProgress: ({ done }) => progress.push(done),
    });
    assert.equal(ignored, 0);
    assert.deepEqual(progress, [1, 2, 3, 4]);
    assert.equal(dataset.rows, 8192);
    assert.equal(dataset.encoding, 'safetensors');
    assert.deepEqual(
      dataset.columns.map(({ name, dtype, shape }) => [name, dtype, shape]),
      [
        ['context', 'I32', []],
        ['document', 'I32', []],
        ['position', 'I32', []],
        ['tokens', 'I32', []],
        ['activations', 'F16', [576]],
      ],
    );
    const head = await s3.store.head({ bucket: place.bucket, key: `${place.prefix}00000.safetensors` });
    assert.deepEqual(dataset.shards[0], {
      key: '00000.safetensors',
      rows: 2048,
      bytes: 2392432,
      header: 368,
      etag: head?.etag,
    });
    assert.equal(dataset.metadata, undefined);
  });

  it('says when names count otherwise than their bytes', async () => {
    const shard = safetensorsFile(columns, 2);
    const described = async (...names: string[]): Promise<readonly [string, string] | undefined> => {
      place = s3.newPlace();
      await put(Object.fromEntries(names.map((name) => [`${name}.safetensors`, shard])));
      return (await describeShards(s3.store, place)).misordered;
    };
    assert.deepEqual(await described('0', '1', '10', '2'), ['10.safetensors', '2.safetensors']);
    assert.deepEqual(await described('shard-9-chunk-01', 'shard-10-chunk-00', 'x'), [
      'shard-10-chunk-00.safetensors',
      'shard-9-chunk-01.safetensors',
    ]);
    assert.equal(
      await described('chunk-02', 'chunk-10', 'b10', 'a2', 'c', 'v1-00002', 'v2-00001', '1-0', '01-0'),
      undefined,
    );
  });

  it('takes shards directly under the prefix in byte order, and counts what it ignores', async () => {
    const shard = safetensorsFile(columns, 2);
    // In UTF-16 the second of these would come first.
    await put({ '\uff5e.safetensors': shard, '😀.safetensors': shard, 'B.safetensors': shard, 'a.safetensors': shard });
    await put({
      'notes.txt': shard,
      '0.bin': shard,
      'X.SAFETENSORS': shard,
      'dataset.json': shard,
      'deep/0.safetensors': shard,
    });
    const { dataset, ignored } = await describeShards(s3.store, place);
    assert.deepEqual(
      dataset.shards.map(({ key }) => key),
      ['B.safetensors', 'a.safetensors', '\uff5e.safetensors', '😀.safetensors'],
    );
    assert.equal(ignored, 3);
  });

  it('sorts by bytes even where the server does not', async () => {
    await put({ 'a.safetensors': safetensorsFile(columns, 1), 'b.safetensors': safetensorsFile(columns, 2) });
    const reversed = override<ObjectStore>(s3.store, {
      list: async function* (bucket, prefix, options) {
        const all: ListedObject[] = [];
        for await (const object of s3.store.list(bucket, prefix, options)) all.push(object);
        yield* all.reverse();
      },
    });
    const { dataset } = await describeShards(reversed, place);
    assert.deepEqual(
      dataset.shards.map(({ rows }) => rows),
      [1, 2],
    );
  });

  it('notes the offsets of a shard whose columns stand in another order', async () => {
    await put({
      '0.safetensors': safetensorsFile(columns, 5),
      '1.safetensors': safetensorsFile([...columns].reverse(), 5),
      '2.safetensors': safetensorsFile([...columns].reverse(), 0),
    });
    const { dataset } = await describeShards(s3.store, place);
    assert.deepEqual(dataset.columns, columns);
    assert.deepEqual(
      dataset.shards.map(({ offsets }) => offsets),
      [undefined, [30, 0], undefined],
    );
  });

  it('refuses shards whose columns differ, and names both', async () => {
    const [tokens, activations] = columns as [Column, Column];
    for (const [other, message] of [
      [[tokens], /it has no column "activations"/],
      [[...columns, { name: 'more', dtype: 'U8', shape: [] }], /it has a column more, "more"/],
      [[tokens, { ...activations, dtype: 'BF16' }], /"activations" is BF16 \[3\], not F16 \[3\]/],
      [[{ ...tokens, shape: [1] }, activations], /"tokens" is I32 \[1\], not I32 \[\]/],
    ] as const) {
      await put({ '0.safetensors': safetensorsFile(columns, 5), '1.safetensors': safetensorsFile(other, 5) });
      await assert.rejects(
        describeShards(s3.store, place),
        (error) =>
          error instanceof ShardInvalid &&
          message.test(error.message) &&
          error.message.includes('1.safetensors differs from the first, "') &&
          error.message.includes('0.safetensors"'),
      );
    }
  });

  it('keeps metadata that all shards agree on', async () => {
    await put({
      '0.safetensors': safetensorsFile(columns, 1, { model: 'm', hook: 'h', part: '0' }),
      '1.safetensors': safetensorsFile(columns, 1, { model: 'm', hook: 'h', part: '1' }),
      '2.safetensors': safetensorsFile(columns, 1, { model: 'm', part: '0' }),
    });
    assert.deepEqual((await describeShards(s3.store, place)).dataset.metadata, { model: 'm' });
  });

  it('reads headers that are longer than its first read', async () => {
    const text = 'x'.repeat(100_000);
    await put({ '0.safetensors': safetensorsFile(columns, 3, { text }) });
    const { dataset } = await describeShards(s3.store, place);
    assert.equal(dataset.metadata?.text, text);
    assert.ok((dataset.shards[0]?.header ?? 0) > 100_000);
  });

  it('describes npy', async () => {
    await put({ '0.npy': npyFile({ dtype: 'F32', shape: [4] }, 3), '1.npy': npyFile({ dtype: 'F32', shape: [4] }, 1) });
    const { dataset } = await describeShards(s3.store, place);
    assert.equal(dataset.encoding, 'npy');
    assert.equal(dataset.rows, 4);
    assert.deepEqual(dataset.columns, [{ name: 'data', dtype: 'F32', shape: [4] }]);
    assert.equal(dataset.shards[0]?.header, 128);
  });

  it('describes raw records when it is told their size', async () => {
    await put({ '0.bin': Buffer.alloc(60), '1.bin': Buffer.alloc(6), 'x.npy': Buffer.alloc(1) });
    const { dataset, ignored } = await describeShards(s3.store, place, { encoding: 'raw', recordBytes: 6 });
    assert.equal(ignored, 1);
    assert.equal(dataset.rows, 11);
    assert.equal(dataset.recordBytes, 6);
    assert.deepEqual(dataset.columns, [{ name: 'record', dtype: 'U8', shape: [6] }]);
    await assert.rejects(describeShards(s3.store, place, { encoding: 'raw', recordBytes: 7 }), {
      code: 'ShardInvalid',
      message: /60 bytes are 8 records of 7 bytes and 4 bytes over/,
    });
    for (const options of [
      { encoding: 'raw' },
      { encoding: 'raw', recordBytes: 0 },
      { recordBytes: 6 },
      { encoding: 'npy', recordBytes: 6 },
    ] as const) {
      await assert.rejects(describeShards(s3.store, place, options), { code: 'InvalidInput' });
    }
  });

  it('refuses a mixture unless one encoding is chosen', async () => {
    await put({ '0.npy': npyFile({ dtype: 'U8', shape: [] }, 3), '0.safetensors': safetensorsFile(columns, 2) });
    await assert.rejects(describeShards(s3.store, place), {
      code: 'InvalidInput',
      message: /mixes 1 \.safetensors and 1 \.npy files/,
    });
    const { dataset, ignored } = await describeShards(s3.store, place, { encoding: 'npy' });
    assert.deepEqual([dataset.rows, ignored], [3, 1]);
  });

  it('refuses a prefix without shards, and says what is there', async () => {
    await assert.rejects(describeShards(s3.store, place), { code: 'ShardsMissing', message: /0 others were ignored/ });
    await put({ 'a.txt': Buffer.alloc(1), '0.bin': Buffer.alloc(8) });
    await assert.rejects(describeShards(s3.store, place), {
      code: 'ShardsMissing',
      message: /2 others were ignored\)\. There are 1 \.bin files: .*--encoding raw --record-bytes N/,
    });
    await assert.rejects(describeShards(s3.store, { bucket: 'no-such-bucket', prefix: '' }), { code: 'NoSuchBucket' });
  });

  it('refuses zero rows, and takes empty shards beside others and a single row', async () => {
    await put({ '0.safetensors': safetensorsFile(columns, 0) });
    await assert.rejects(describeShards(s3.store, place), { code: 'DatasetInvalid', message: /zero rows/ });
    await put({ '1.safetensors': safetensorsFile(columns, 1) });
    const { dataset } = await describeShards(s3.store, place);
    assert.deepEqual([dataset.rows, dataset.shards.length], [1, 2]);
  });

  it('refuses truncated shards and lying headers, naming the object', async () => {
    const good = safetensorsFile(columns, 5);
    const huge = Buffer.from(good);
    huge.writeBigUInt64LE(2n ** 60n);
    for (const [bad, message] of [
      [good.subarray(0, -1), /truncated/],
      [good.subarray(0, 50), /header ends at byte/],
      [Buffer.alloc(0), /it has 0 bytes/],
      [huge, /no header may be longer/],
      [safetensorsHeader('{"tokens":{"dtype":"F9","shape":[1],"data_offsets":[0,1]}}'), /dtype "F9", which is unknown/],
    ] as const) {
      await put({ '0.safetensors': good, '1.safetensors': bad });
      await assert.rejects(
        describeShards(s3.store, place),
        (error) =>
          error instanceof ShardInvalid &&
          message.test(error.message) &&
          error.message.includes(`s3://${place.bucket}/${place.prefix}1.safetensors`),
      );
    }
  });

  it('notices a shard that is replaced or removed after it was listed', async () => {
    await put({ '0.safetensors': safetensorsFile(columns, 5) });
    const object = { bucket: place.bucket, key: `${place.prefix}0.safetensors` };
    const meanwhile = (change: () => Promise<unknown>) =>
      override<ObjectStore>(s3.store, {
        readInto: async (...call) => {
          await change();
          await s3.store.readInto(...call);
        },
      });
    const replaced = meanwhile(() => s3.store.put(object, [safetensorsFile(columns, 5, undefined, 1)]));
    await assert.rejects(describeShards(replaced, place), { code: 'ObjectChanged' });
    const removed = meanwhile(() => s3.store.delete(object.bucket, [object.key]));
    await assert.rejects(describeShards(removed, place), ObjectMissing);
  });

  it('stops when it is told to', async () => {
    await put({ '0.safetensors': safetensorsFile(columns, 5), '1.safetensors': safetensorsFile(columns, 5) });
    const stop = new AbortController();
    const reason = new Error('enough');
    const stopping = override<ObjectStore>(s3.store, {
      readInto: async (...call) => {
        stop.abort(reason);
        await s3.store.readInto(...call);
      },
    });
    await assert.rejects(describeShards(stopping, place, { signal: stop.signal }), reason);
  });

  it('reads the headers of 50,000 shards 64 at a time', async () => {
    const file = safetensorsFile(columns, 1);
    let running = 0;
    let most = 0;
    const many = override<ObjectStore>(s3.store, {
      list: async function* (_bucket, prefix) {
        for (let index = 0; index < 50_000; index++) {
          await Promise.resolve();
          yield { key: `${prefix}${String(index).padStart(5, '0')}.safetensors`, bytes: file.length, etag: '"e"' };
        }
      },
      readInto: async (_object, { start, end }, target) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        target.set(file.subarray(start, end));
        running--;
      },
    });
    const { dataset } = await describeShards(many, place);
    assert.equal(dataset.rows, 50_000);
    assert.equal(most, 64);
  });
});
