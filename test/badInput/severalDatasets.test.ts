// Lists, aligned datasets and splits that are refused, all before anything is written: by the real command line and
// workflows. What they do otherwise: test/workflows/severalDatasets.test.ts.
import assert from 'node:assert/strict';
import { formatPrefix } from '../../src/storage/uri.js';
import type { Prefix } from '../../src/storage/uri.js';
import { makeDataset, objectsBelow, smallCut } from '../support/makeDataset.js';
import type { MadeDataset } from '../support/makeDataset.js';
import { assertFailed, resume, runRiffle, startAndWait, startPaused, successOf } from '../support/riffleCli.js';
import { sharedStack, stackTimeout } from '../support/stack.js';
import { openTestBucket } from '../support/testBucket.js';
import type { TestBucket } from '../support/testBucket.js';
import { until } from '../support/until.js';

describe('several datasets that do not fit', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;
  let data: MadeDataset;
  let npy: MadeDataset;

  before(async () => {
    await sharedStack();
    bucket = await openTestBucket();
    [data, npy] = await Promise.all([makeDataset(bucket), makeDataset(bucket, { encoding: 'npy' })]);
  });
  after(() => {
    bucket.store.close();
  });

  const places = (): [Prefix, Prefix] => [bucket.newPlace(), bucket.newPlace()];

  const member = (input: unknown, output: Prefix): object => ({ input, output: formatPrefix(output) });

  /** Refused by the workflow, with all that stands at the outputs as it was. */
  async function refused(
    outputs: readonly Prefix[],
    input: object,
    code: string,
    ...says: (RegExp | string)[]
  ): Promise<ReturnType<typeof assertFailed>> {
    const look = (): Promise<unknown> => Promise.all(outputs.map((output) => objectsBelow(bucket, output)));
    const before = await look();
    const error = assertFailed(await startAndWait('shuffle', input), 2, code, ...says);
    assert.deepEqual(await look(), before);
    return error;
  }

  describe('in a list', () => {
    it('of another encoding or of other columns: both are named, and what differs', async () => {
      const output = bucket.newPlace();
      const other = await makeDataset(bucket, { bare: true });
      const columns = [
        { name: 'token', dtype: 'I64', shape: [] },
        { name: 'activations', dtype: 'U8', shape: [12] },
      ];
      const described = { ...other.dataset, columns };
      const key = `${other.place.prefix}dataset.json`;
      await bucket.store.put({ bucket: other.place.bucket, key }, [Buffer.from(JSON.stringify(described))]);
      const encoding = 'the encoding is safetensors in the one and npy in the other';
      const column = /column 0 is \{"dtype":"I32","name":"token".*\} in the one and \{"dtype":"I64".* in the other/;
      for (const [list, difference] of [
        [[data.uri, npy.uri], encoding],
        [[data.uri, other.uri], column],
      ] as const) {
        const input = { ...data.input, input: list, output: formatPrefix(output) };
        const { datasets } = await refused([output], input, 'DatasetsDiffer', ...list, difference);
        assert.deepEqual(datasets, list);
        const plan = await runRiffle(['plan', '-', '--json'], { stdin: JSON.stringify(input) });
        assertFailed(plan, 2, 'DatasetsDiffer', ...list, difference);
      }
    });

    it('one that is not there', async () => {
      const absent = formatPrefix(bucket.newPlace());
      await refused([data.output], { ...data.input, input: [data.uri, absent] }, 'DatasetMissing', absent);
    });

    it('one that overlaps the output', async () => {
      const output = `${npy.uri}/shuffled`;
      await refused([npy.place], { ...data.input, input: [data.uri, npy.uri], output }, 'OutputOverlapsInput', npy.uri);
    });

    it('one that differs from a stored run of the list', async () => {
      const [output] = places();
      const other = await makeDataset(bucket, { record: (row) => `other ${row}` });
      const input = { ...data.input, output: formatPrefix(output) };
      successOf(await startAndWait('shuffle', { ...input, input: [data.uri, other.uri] }));
      const says = /input shard 0 has etag .* there and .* here/;
      await refused([output], { ...input, input: [other.uri, data.uri] }, 'LayoutMismatch', says);
      await refused([output], input, 'LayoutMismatch', 'the input has 6 shards there and 3 here');
    });
  });

  describe('aligned', () => {
    it('of unequal rows: both are named', async () => {
      const outputs = places();
      const short = await makeDataset(bucket, { rows: 299 });
      const aligned = [member(data.uri, outputs[0]), member([short.uri], outputs[1])];
      const says = `${data.uri} has 300 rows and ${short.uri} has 299`;
      await refused(outputs, { ...smallCut, aligned }, 'DatasetsDiffer', says);
      const plan = await runRiffle(['plan', '-', '--json'], { stdin: JSON.stringify({ ...smallCut, aligned }) });
      assertFailed(plan, 2, 'DatasetsDiffer', says);
    });

    it('one whose output is somebody else’s, or overlaps the input of another', async () => {
      const outputs = places();
      await bucket.store.put({ ...outputs[1], key: `${outputs[1].prefix}notes.txt` }, [Buffer.from('mine')]);
      const aligned = [member(data.uri, outputs[0]), member(npy.uri, outputs[1])];
      await refused(outputs, { ...smallCut, aligned }, 'OutputForeign', '"notes.txt"');
      const inside = [
        member(data.uri, outputs[0]),
        member(npy.uri, { ...data.place, prefix: `${data.place.prefix}x/` }),
      ];
      await refused([...outputs, data.place], { ...smallCut, aligned: inside }, 'OutputOverlapsInput', data.uri);
    });

    it('one that needs more memory', async () => {
      const outputs = places();
      const wide = await makeDataset(bucket, { encoding: 'raw' });
      const aligned = [member(npy.uri, outputs[0]), member(wide.uri, outputs[1])];
      const error = await refused(outputs, { ...smallCut, memory: '2KiB', aligned }, 'MemoryTooSmall');
      assert.ok(Number(error.leastMemory) > 2048);
    });

    it('one whose output is at work: found before the first is begun', async () => {
      const outputs = places();
      const holder = await startPaused({ ...data.input, output: formatPrefix(outputs[1]) });
      await until(async () => '_riffle/plan.json' in (await objectsBelow(bucket, outputs[1])));
      const aligned = [member(npy.uri, outputs[0]), member(data.uri, outputs[1])];
      await refused(outputs, { ...smallCut, aligned }, 'OutputBusy', holder, 'cancel it first');
      await resume(holder);
      successOf(await startAndWait('shuffle', { ...data.input, output: formatPrefix(outputs[1]) }));
      // With the output free, the same input goes through; what is finished stays as it is.
      assert.equal(
        successOf<{ aligned: object[] }>(await startAndWait('shuffle', { ...smallCut, aligned })).aligned.length,
        2,
      );
    });
  });

  it('a split that leaves nothing for training', async () => {
    const [output] = places();
    const input = { ...data.input, output: formatPrefix(output), split: { heldOut: 0.67 } };
    const says = /split\.heldOut is 0\.67: that holds out 3 of 3 output shards and leaves none for training/;
    const error = await refused([output], input, 'InvalidInput', says);
    assert.deepEqual(error.fields, ['split.heldOut']);
    const plan = await runRiffle(['plan', '-', '--json'], { stdin: JSON.stringify(input) });
    assertFailed(plan, 2, 'InvalidInput', says);
  });
});
