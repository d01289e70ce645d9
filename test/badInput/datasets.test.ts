// Datasets that cannot be shuffled: dataset.json and shard files that are missing, broken or contradict each other.
// All are refused before anything is written. Single rules of the parsers: test/formats.
import assert from 'node:assert/strict';
import type { Dataset } from '../../src/formats/dataset.js';
import { describe as describeDataset } from '../../src/formats/describe.js';
import { alter, alterJson, makeDataset, objectsBelow, shardFile } from '../support/makeDataset.js';
import type { MadeDataset } from '../support/makeDataset.js';
import { assertFailed, runRiffle, startAndWait, successOf } from '../support/riffleCli.js';
import { safetensorsHeader } from '../support/shardFiles.js';
import { sharedStack, stackTimeout } from '../support/stack.js';
import { openTestBucket } from '../support/testBucket.js';
import type { TestBucket } from '../support/testBucket.js';

const key = '00001.safetensors';

/** What dataset.json says of one shard, changed. */
const shardSays = (change: object) => (dataset: Dataset) => {
  Object.assign(dataset.shards[1]!, change);
};

/** A good shard file with another header, of the same length where it is not longer. */
function fileWithHeader(header: object, good: Buffer): Buffer {
  const start = safetensorsHeader(JSON.stringify(header).padEnd(Number(good.readBigUInt64LE())));
  return Buffer.concat([start, good.subarray(start.length)]);
}

const tensor = (dtype: string, shape: number[], begin: number, end: number): object => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

/** Ways in which a shard's header may lie, and what the message says of it. 100 rows of 4 and 16 bytes are good. */
const lies: Record<string, { file: (good: Buffer) => Buffer; says: RegExp }> = {
  'a huge header length': {
    file: (good) => {
      good.writeBigUInt64LE(2n ** 62n);
      return good;
    },
    says: /claim a safetensors header of 4611686018427387904 bytes/,
  },
  'a header longer than the file': {
    file: (good) => {
      good.writeBigUInt64LE(5_000n);
      return good;
    },
    says: /header ends at byte 5008, but the object has/,
  },
  'overlapping offsets': {
    file: (good) =>
      fileWithHeader({ token: tensor('I32', [100], 0, 400), activations: tensor('F16', [100, 8], 200, 1800) }, good),
    says: /"activations".*200/,
  },
  'offsets beyond the file': {
    file: (good) =>
      fileWithHeader(
        { token: tensor('I32', [100], 0, 400), activations: tensor('F16', [10_000, 8], 400, 160_400) },
        good,
      ),
    says: /160400/,
  },
  'offsets that do not fit the shape': {
    file: (good) => fileWithHeader({ token: tensor('I32', [90], 0, 400) }, good),
    says: /"token"/,
  },
  'an unknown dtype': {
    file: (good) =>
      fileWithHeader({ token: tensor('Q4', [100], 0, 400), activations: tensor('F16', [100, 8], 400, 2000) }, good),
    says: /"Q4"/,
  },
  'no JSON': {
    file: (good) => good.fill('x', 8, 20),
    says: /JSON/,
  },
};

describe('bad datasets', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;
  let data: MadeDataset;

  before(async () => {
    await sharedStack();
    bucket = await openTestBucket();
  });
  beforeEach(async () => {
    data = await makeDataset(bucket);
  });
  after(() => {
    bucket.store.close();
  });

  /** Shuffle, refused: nothing is written, nothing is lost. */
  async function refused(code: string, ...says: (RegExp | string)[]): Promise<void> {
    const before = await objectsBelow(bucket, data.place);
    assertFailed(await startAndWait('shuffle', data.input), 2, code, ...says);
    assert.deepEqual(await objectsBelow(bucket, data.output), {});
    assert.deepEqual(await objectsBelow(bucket, data.place), before);
  }

  const deleteObject = (name: string): Promise<void> =>
    bucket.store.delete(data.place.bucket, [data.place.prefix + name]);

  it('no dataset.json', async () => {
    await deleteObject('dataset.json');
    await refused('DatasetMissing', `${data.uri}/dataset.json`, `riffle describe ${data.uri} --write`);
  });

  it('a bucket that does not exist: the input, then the output', async () => {
    const absent = 's3://no-such-bucket/x';
    const [input, output] = await Promise.all([
      startAndWait('shuffle', { ...data.input, input: absent }),
      startAndWait('shuffle', { ...data.input, output: absent }),
    ]);
    for (const run of [input, output]) assertFailed(run, 2, 'NoSuchBucket', '"no-such-bucket"');
    assert.deepEqual(await objectsBelow(bucket, data.output), {});
  });

  const contents: [string, (dataset: Dataset) => unknown, RegExp][] = [
    [
      'another version',
      (dataset) => ({ ...dataset, format: 'riffle.dataset/2' }),
      /"riffle\.dataset\/2".*"riffle\.dataset\/1"/,
    ],
    ['another file', () => ({ rows: 300 }), /no "format"/],
    ['a list', (dataset) => [dataset], /no "format"/],
    ['a field of the wrong type', (dataset) => ({ ...dataset, rows: '300' }), /rows is "300"/],
    ['rows that do not add up', (dataset) => ({ ...dataset, rows: 299 }), /299 rows, but its shards have 300/],
    ['rows that do not fit the bytes', shardSays({ rows: 99 }), /"00001\.safetensors" has \d+ bytes, but/],
    ['zero rows', (dataset) => ({ ...dataset, rows: 0, shards: [] }), /zero rows/],
    ['an unknown dtype', (dataset) => ({ ...dataset, columns: [{ name: 'a', dtype: 'Q4', shape: [] }] }), /"Q4"/],
    ['a key with ..', shardSays({ key: '../00001.safetensors' }), /"\.\.\/00001\.safetensors" .*leave its prefix/],
    ['an absolute key', shardSays({ key: '/00001.safetensors' }), /"\/00001\.safetensors"/],
    ['a shard twice', shardSays({ key: '00000.safetensors' }), /"00000\.safetensors" is listed twice/],
  ];
  for (const [what, change, says] of contents) {
    it(`dataset.json: ${what}`, async () => {
      await alterJson(bucket, data.place, 'dataset.json', change);
      await refused('DatasetInvalid', `${data.uri}/dataset.json`, says);
    });
  }

  it('dataset.json: no JSON, not even text', async () => {
    for (const bytes of [Buffer.from('{"format": "riffle.dataset/1"'), Buffer.from([0xff, 0xfe, 0])]) {
      await alter(bucket, data.place, 'dataset.json', () => bytes);
      await refused('DatasetInvalid', `${data.uri}/dataset.json`, /not JSON|not UTF-8/);
    }
  });

  const disagreements: [string, (dataset: Dataset) => unknown, string, RegExp][] = [
    [
      'rows and bytes',
      (dataset) => {
        shardSays({ rows: 99, bytes: dataset.shards[1]!.bytes - 20 })(dataset);
        return { ...dataset, rows: 299 };
      },
      'ShardInvalid',
      /has \d+ bytes instead of \d+/,
    ],
    [
      'rows and header',
      (dataset) => {
        shardSays({ rows: 99, header: dataset.shards[1]!.header + 20 })(dataset);
        return { ...dataset, rows: 299 };
      },
      'ShardInvalid',
      /has 100 rows after \d+ bytes of header instead of 99/,
    ],
    [
      'a dtype',
      (dataset) => ({
        ...dataset,
        columns: dataset.columns.map((column) => ({ ...column, dtype: column.dtype.replace('F16', 'BF16') })),
      }),
      'ShardInvalid',
      /"activations" is F16 \[8\], not BF16 \[8\]/,
    ],
    [
      'a column name',
      (dataset) => ({
        ...dataset,
        columns: dataset.columns.map((column) => ({ ...column, name: `my ${column.name}` })),
      }),
      'ShardInvalid',
      /no column "my token"/,
    ],
    ['an ETag', shardSays({ etag: '"0123456789abcdef0123456789abcdef"' }), 'ObjectChanged', /0123456789abcdef/],
    ['a shard that is not there', shardSays({ key: 'absent.safetensors' }), 'ShardInvalid', /does not exist/],
  ];
  for (const [what, change, code, says] of disagreements) {
    it(`dataset.json disagrees with the files: ${what}`, async () => {
      await alterJson(bucket, data.place, 'dataset.json', change);
      await refused(code, data.uri, '.safetensors', says, 'Restore the recorded bytes');
    });
  }

  it('a shard is truncated', async () => {
    await alter(bucket, data.place, key, (bytes) => bytes.subarray(0, -1));
    await refused('ShardInvalid', `${data.uri}/${key}`, /has \d+ bytes instead of \d+: it is truncated/);
  });

  it('a shard is gone', async () => {
    await deleteObject(key);
    await refused('ShardInvalid', `${data.uri}/${key}`, 'does not exist');
  });

  it('a shard was changed after dataset.json was written; with the recorded bytes all is well again', async () => {
    await alter(bucket, data.place, key, () => shardFile('safetensors', 7, 100));
    await refused('ObjectChanged', `${data.uri}/${key}`, 'changed after dataset.json was written');
    await alter(bucket, data.place, key, () => shardFile('safetensors', 100, 100));
    assert.equal(successOf(await startAndWait('shuffle', data.input)).rows, 300);
  });

  for (const [lie, { file, says }] of Object.entries(lies)) {
    it(`a shard's header lies: ${lie}`, async () => {
      await alter(bucket, data.place, key, file);
      const before = await objectsBelow(bucket, data.place);
      // Whoever writes dataset.json by hand may record the broken file as it is.
      await alterJson(bucket, data.place, 'dataset.json', shardSays({ etag: before[key] }));
      await refused('ShardInvalid', key, says);

      await deleteObject('dataset.json');
      assertFailed(await runRiffle(['describe', data.uri, '--write', '--json']), 2, 'ShardInvalid', key, says);
      assert.ok(!('dataset.json' in (await objectsBelow(bucket, data.place))));
    });
  }

  it('a shard has other columns than its siblings', async () => {
    await deleteObject('dataset.json');
    await alter(bucket, data.place, key, (good) =>
      fileWithHeader({ token: tensor('I32', [100], 0, 400), other: tensor('F16', [100, 8], 400, 2000) }, good),
    );
    const run = await runRiffle(['describe', data.uri, '--write', '--json']);
    assertFailed(
      run,
      2,
      'ShardInvalid',
      key,
      /differs from the first, ".*00000\.safetensors"/,
      'no column "activations"',
    );
    assert.ok(!('dataset.json' in (await objectsBelow(bucket, data.place))));
  });

  it('describe finds other files than dataset.json says: it stays as it is', async () => {
    await alter(bucket, data.place, key, () => shardFile('safetensors', 7, 100));
    const before = await objectsBelow(bucket, data.place);
    const run = await runRiffle(['describe', data.uri, '--write', '--json']);
    assertFailed(run, 2, 'DatasetConflict', 'shards[1].etag', 'delete it');
    assert.deepEqual(await objectsBelow(bucket, data.place), before);
  });

  it('shards without rows are no dataset', async () => {
    const { dataset } = await describeDataset(bucket.store, data.place);
    for (const shard of dataset.shards)
      await alter(bucket, data.place, shard.key, () => shardFile('safetensors', 0, 0));
    await deleteObject('dataset.json');
    assertFailed(await runRiffle(['describe', data.uri, '--write', '--json']), 2, 'DatasetInvalid', 'zero rows');
    await refused('DatasetMissing');
  });

  it('one row is a dataset', async () => {
    data = await makeDataset(bucket, { rows: 1 });
    const result = successOf(await startAndWait('shuffle', data.input));
    assert.deepEqual([result.rows, result.shards], [1, 1]);
    const verified = await runRiffle(['verify', data.input.input, data.input.output, '--json']);
    assert.equal(successOf(verified).permutation, true);
  });

  it('too little memory: the least that works is named, and works', async () => {
    const starved = await startAndWait('shuffle', { ...data.input, memory: '1KiB' });
    const error = assertFailed(starved, 2, 'MemoryTooSmall', 'outputShardRows', 'blockRows');
    const leastMemory = error.leastMemory as number;
    assert.ok(error.message.includes(`at least ${leastMemory}`));
    const short = await startAndWait('shuffle', { ...data.input, memory: leastMemory - 1 });
    assert.equal(assertFailed(short, 2, 'MemoryTooSmall').leastMemory, leastMemory);
    assert.deepEqual(await objectsBelow(bucket, data.output), {});

    const planned = await runRiffle(['plan', '-', '--json'], { stdin: JSON.stringify({ ...data.input, memory: 1 }) });
    assert.equal(assertFailed(planned, 2, 'MemoryTooSmall').leastMemory, leastMemory);

    const enough = await startAndWait('shuffle', { ...data.input, memory: leastMemory });
    assert.equal(successOf(enough).scatterPasses, 1);
  });

  it("riffle's own output, once more with the same seed and layout; another seed works", async () => {
    successOf(await startAndWait('shuffle', data.input));
    const again = { ...data.input, input: data.input.output, output: `${data.input.output}-again` };
    const run = await startAndWait('shuffle', again);
    assertFailed(run, 2, 'SelfShuffle', data.input.output, '"tests"', 'Use another seed');
    assert.deepEqual(
      await objectsBelow(bucket, { ...data.output, prefix: data.output.prefix.replace('/', '-again/') }),
      {},
    );

    successOf(await startAndWait('shuffle', { ...again, seed: 'other' }));
    const verified = await runRiffle(['verify', data.uri, again.output, '--json']);
    assert.equal(successOf(verified).permutation, true);
  });
});
