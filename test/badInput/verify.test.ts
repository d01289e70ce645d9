// What verify refuses and what it finds, by `riffle verify` and by the workflow; and the two encodings without columns,
// shuffled and verified from end to end. The order tests themselves: test/verify.
import assert from 'node:assert/strict';
import type { Dataset } from '../../src/formats/dataset.js';
import type { Verdict } from '../../src/verify/verdict.js';
import { alter, alterJson, makeDataset, objectsBelow, outputBelow } from '../support/makeDataset.js';
import type { MadeDataset } from '../support/makeDataset.js';
import { assertFailed, documentOf, runRiffle, startAndWait, successOf } from '../support/riffleCli.js';
import { sharedStack, stackTimeout } from '../support/stack.js';
import { openTestBucket } from '../support/testBucket.js';
import type { TestBucket } from '../support/testBucket.js';

describe('verify', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;
  let data: MadeDataset;

  before(async () => {
    await sharedStack();
    bucket = await openTestBucket();
    data = await makeDataset(bucket, { rows: 1200, shardRows: 400 });
  });
  after(() => {
    bucket.store.close();
  });

  const verify = (output: string, input = data.uri): ReturnType<typeof runRiffle> =>
    runRiffle(['verify', input, output, '--json']);

  /** The verdict of the command and of the workflow, which agree. */
  async function verdict(other: MadeDataset, exitCode: number, input = data): Promise<Verdict> {
    const before = await objectsBelow(bucket, other.place);
    const [here, there] = await Promise.all([
      verify(other.uri, input.uri),
      startAndWait('verify', { input: input.uri, output: other.uri }),
    ]);
    assert.deepEqual([here.exitCode, there.exitCode], [exitCode, exitCode], here.stderr + there.stderr);
    assert.deepEqual(documentOf(here), documentOf(there));
    assert.deepEqual(await objectsBelow(bucket, other.place), before, 'nothing is left behind');
    return documentOf<Verdict>(here);
  }

  it('a record more, a record less, a record altered: no permutation', async () => {
    for (const options of [
      { rows: 1201 },
      { rows: 1199 },
      { rows: 1200, record: (row: number) => `record ${row === 700 ? 'x' : row}` },
    ]) {
      const found = await verdict(await makeDataset(bucket, { shardRows: 400, ...options }), 1);
      assert.deepEqual([found.ok, found.permutation], [false, false]);
      assert.notEqual(found.digest.input, found.digest.output);
    }
  });

  it('equal records in other numbers: no permutation', async () => {
    const oneMore = (most: string) => (row: number) => (row < 6 ? most : String(row % 2));
    const first = await makeDataset(bucket, { rows: 10, record: oneMore('0') });
    const second = await makeDataset(bucket, { rows: 10, record: oneMore('1') });
    assert.equal((await verdict(second, 1, first)).permutation, false);
    assert.equal((await verdict(first, 0, first)).permutation, true);
  });

  it('the same order, in other shards: a permutation, but not shuffled', async () => {
    const found = await verdict(await makeDataset(bucket, { rows: 1200, shardRows: 300 }), 1);
    assert.deepEqual([found.ok, found.permutation, found.order.shuffled], [false, true, false]);
    const people = await runRiffle(['verify', data.uri, data.uri]);
    assert.equal(people.exitCode, 1);
    assert.match(people.stdout, /is a permutation of the input.*\n.*is NOT random/);
  });

  it('a shuffle of it passes', async () => {
    successOf(await startAndWait('shuffle', { ...data.input, memory: '64KiB', outputShardRows: 400 }));
    const found = successOf<Verdict>(await verify(data.input.output));
    assert.deepEqual([found.ok, found.permutation, found.order.shuffled], [true, true, true]);
  });

  it('under 1,000 records the order is not testable: exit 0', async () => {
    const few = await makeDataset(bucket, { rows: 999 });
    const same = await makeDataset(bucket, { rows: 999, shardRows: 500 });
    const found = await verdict(same, 0, few);
    assert.deepEqual([found.ok, found.permutation, found.order.shuffled], [true, true, null]);
    const people = await runRiffle(['verify', few.uri, same.uri]);
    assert.match(people.stdout, /not testable: 999 distinct records, 1,000 are needed/);
  });

  it('other columns: refused, both ways', async () => {
    const other = await makeDataset(bucket, { rows: 1200, encoding: 'npy' });
    for (const [input, output] of [
      [data.uri, other.uri],
      [other.uri, data.uri],
    ] as const) {
      const [here, there] = await Promise.all([verify(output, input), startAndWait('verify', { input, output })]);
      for (const run of [here, there]) assertFailed(run, 2, 'DatasetsDiffer', '"token"', '"data"');
    }
  });

  it('an output without dataset.json: refused', async () => {
    const bare = await makeDataset(bucket, { bare: true });
    const [here, there] = await Promise.all([
      verify(bare.uri),
      startAndWait('verify', { input: data.uri, output: bare.uri }),
    ]);
    for (const run of [here, there]) assertFailed(run, 2, 'DatasetMissing', `${bare.uri}/dataset.json`);
  });

  it('a shard that was replaced, and one that is gone', async () => {
    const changed = await makeDataset(bucket);
    await alter(bucket, changed.place, '00001.safetensors', (bytes) => bytes.fill(0, bytes.length - 1));
    assertFailed(await verify(changed.uri, changed.uri), 1, 'ObjectChanged', '00001.safetensors');
    const started = await startAndWait('verify', { input: data.uri, output: changed.uri });
    assertFailed(started, 1, 'TasksFailed', `${changed.uri}/00001.safetensors`);
    await bucket.store.delete(changed.place.bucket, [`${changed.place.prefix}00001.safetensors`]);
    assertFailed(await verify(changed.uri, changed.uri), 1, 'ObjectMissing', '00001.safetensors');
  });

  it('an output shard that rotted, although its ETag says otherwise: named', async () => {
    const small = await makeDataset(bucket);
    successOf(await startAndWait('shuffle', small.input));
    await alter(bucket, small.output, '00001.safetensors', (bytes) => bytes.fill(0, bytes.length - 1));
    const { '00001.safetensors': etag } = await objectsBelow(bucket, small.output);
    await alterJson(bucket, small.output, 'dataset.json', (dataset: Dataset) => {
      Object.assign(dataset.shards[1]!, { etag });
    });
    const run = await verify(small.input.output, small.uri);
    assert.equal(run.exitCode, 1);
    assert.deepEqual(documentOf<Verdict>(run).damaged, [`${small.input.output}/00001.safetensors`]);
  });
});

describe('encodings without columns', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;

  before(async () => {
    await sharedStack();
    bucket = await openTestBucket();
  });
  after(() => {
    bucket.store.close();
  });

  for (const [encoding, extension, flags] of [
    ['npy', 'npy', []],
    ['raw', 'bin', ['--encoding', 'raw', '--record-bytes', '20']],
  ] as const) {
    it(`${encoding}: described, shuffled and verified`, async () => {
      const data = await makeDataset(bucket, { rows: 1200, shardRows: 500, encoding, bare: true });
      const described = await runRiffle(['describe', data.uri, '--write', '--json', ...flags]);
      assert.equal(successOf<Dataset>(described).encoding, encoding);
      const input = { ...data.input, outputShardRows: 400, memory: '16KiB' };
      const result = successOf(await startAndWait('shuffle', input));
      assert.deepEqual([result.rows, result.shards, result.scatterPasses], [1200, 3, 1]);
      const names = ['00000', '00001', '00002'].map((name) => `${name}.${extension}`);
      assert.deepEqual(Object.keys(await outputBelow(bucket, data.output)).sort(), [...names, 'dataset.json']);
      const found = successOf<Verdict>(await runRiffle(['verify', data.uri, data.input.output, '--json']));
      assert.deepEqual([found.ok, found.order.shuffled], [true, true]);
    });
  }

  it('raw: a file that is no whole number of records', async () => {
    const data = await makeDataset(bucket, { encoding: 'raw', bare: true });
    await alter(bucket, data.place, '00001.bin', (bytes) => bytes.subarray(0, -3));
    const run = await runRiffle([
      'describe',
      data.uri,
      '--encoding',
      'raw',
      '--record-bytes',
      '20',
      '--write',
      '--json',
    ]);
    assertFailed(run, 2, 'ShardInvalid', `${data.uri}/00001.bin`, '99 records of 20 bytes and 17 bytes over');
    assert.ok(!('dataset.json' in (await objectsBelow(bucket, data.place))));
    const hint = await runRiffle(['describe', data.uri, '--json']);
    assertFailed(hint, 2, 'ShardsMissing', 'pass --encoding raw --record-bytes N');
  });
});
