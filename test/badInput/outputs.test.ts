// Outputs that a shuffle must not touch: they overlap the input, hold something else, or another shuffle is at work on
// them. Damaged work of this very shuffle: tampering.test.ts.
import assert from 'node:assert/strict';
import { formatPrefix } from '../../src/storage/uri.js';
import type { Prefix } from '../../src/storage/uri.js';
import { makeDataset, objectsBelow, outputBelow } from '../support/makeDataset.js';
import type { MadeDataset } from '../support/makeDataset.js';
import {
  assertFailed,
  documentOf,
  joinAndWait,
  resume,
  runRiffle,
  runTemporal,
  startAndWait,
  startPaused,
  successOf,
} from '../support/riffleCli.js';
import { sharedStack, stackTimeout } from '../support/stack.js';
import { openTestBucket } from '../support/testBucket.js';
import type { TestBucket } from '../support/testBucket.js';
import { until } from '../support/until.js';

describe('bad outputs', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;
  let data: MadeDataset;

  before(async () => {
    await sharedStack();
    bucket = await openTestBucket();
    data = await makeDataset(bucket);
  });
  after(() => {
    bucket.store.close();
  });

  const freshInput = (): { output: Prefix; input: MadeDataset['input'] } => {
    const output = bucket.newPlace();
    return { output, input: { ...data.input, output: formatPrefix(output) } };
  };

  const put = (place: Prefix, key: string, text: string): Promise<unknown> =>
    bucket.store.put({ bucket: place.bucket, key: place.prefix + key }, [Buffer.from(text)]);

  /** Refused, with all that stands at the output as it was. */
  async function refused(output: Prefix, input: object, code: string, ...says: (RegExp | string)[]): Promise<void> {
    const before = await objectsBelow(bucket, output);
    assertFailed(await startAndWait('shuffle', input), 2, code, ...says);
    assert.deepEqual(await objectsBelow(bucket, output), before);
  }

  describe('the output and the input overlap', () => {
    for (const [how, places] of [
      ['equal', (uri: string) => [uri, uri]],
      ['equal but for the slash', (uri: string) => [uri, `${uri}/`]],
      ['the output inside', (uri: string) => [uri, `${uri}/shuffled/`]],
      ['the output around', (uri: string) => [`${uri}/part`, uri]],
      ['the output is the whole bucket', (uri: string) => [uri, 's3://riffle']],
      ['the input is the whole bucket', (uri: string) => ['s3://riffle/', `${uri}-out`]],
    ] as const) {
      it(how, async () => {
        const [input, output] = places(data.uri);
        const says = /are the same, or one lies inside the other: use an output prefix beside the input/;
        await refused(data.place, { ...data.input, input, output }, 'OutputOverlapsInput', says);
      });
    }

    it('not where only the names begin alike', async () => {
      const input = { ...data.input, output: `${data.uri}-shuffled` };
      assert.equal(successOf(await startAndWait('shuffle', input)).rows, 300);
    });
  });

  describe('the output holds something else', () => {
    it('a foreign file, at its top or below', async () => {
      for (const key of ['notes.txt', 'deep/down/00000.safetensors', '_riffle/notes', '00000.safetensors']) {
        const { output, input } = freshInput();
        await put(output, key, 'mine');
        await refused(output, input, 'OutputForeign', `"${key}"`, 'Use an empty output prefix');
      }
    });

    it('another dataset', async () => {
      const other = await makeDataset(bucket, { rows: 30 });
      await refused(other.place, { ...data.input, output: other.uri }, 'OutputForeign', 'dataset.json');
    });

    it('another run, finished or not', async () => {
      const { output, input } = freshInput();
      successOf(await startAndWait('shuffle', input));
      const other = await makeDataset(bucket, { rows: 200 });
      const changed = await makeDataset(bucket, { record: (row) => `other ${row}` });
      const refusals = [
        [{ seed: 'other' }, 'seed is "tests" there and "other" here'],
        [{ blockRows: 50 }, 'blockRows is 25 there and 50 here'],
        [{ outputShardRows: 150 }, 'outputShardRows is 100 there and 150 here'],
        [{ input: other.uri }, 'the input has 3 shards there and 2 here'],
        [{ input: changed.uri }, /input shard 0 has etag .* there and .* here/],
      ] as const;
      for (const [change, says] of refusals) {
        await refused(output, { ...input, ...change }, 'LayoutMismatch', input.output, says, 'another output prefix');
      }
      await bucket.store.delete(output.bucket, [`${output.prefix}dataset.json`]);
      await refused(output, { ...input, seed: 'other' }, 'LayoutMismatch', input.output);
    });

    it('an unfinished run and a foreign file', async () => {
      const { output, input } = freshInput();
      successOf(await startAndWait('shuffle', input));
      await bucket.store.delete(output.bucket, [`${output.prefix}dataset.json`]);
      await put(output, 'notes.txt', 'mine');
      await refused(output, input, 'OutputForeign', '"notes.txt"');
    });

    it('a finished run of which a shard is gone: never reported as done', async () => {
      const { output, input } = freshInput();
      successOf(await startAndWait('shuffle', input));
      const expected = await outputBelow(bucket, output);
      const gone = `${output.prefix}00001.safetensors`;
      await bucket.store.delete(output.bucket, [gone]);
      await refused(output, input, 'DatasetInvalid', '1 of its 3 shards', '00001.safetensors', 'dataset.json');
      await bucket.store.delete(output.bucket, [`${output.prefix}dataset.json`]);
      successOf(await startAndWait('shuffle', input));
      assert.deepEqual(await outputBelow(bucket, output), expected);
    });
  });

  describe('another shuffle is at work on the output', () => {
    /** A shuffle that holds its output and waits. */
    async function holding(): Promise<{ output: Prefix; input: MadeDataset['input']; workflowId: string }> {
      const { output, input } = freshInput();
      const workflowId = await startPaused(input);
      await until(async () => '_riffle/plan.json' in (await objectsBelow(bucket, output)));
      return { output, input, workflowId };
    }

    it('it is named, and finishes as if nothing had been', async () => {
      const { output, input, workflowId } = await holding();
      const other = { ...input, seed: 'other', output: `${input.output}/` };
      const busy = assertFailed(await startAndWait('shuffle', other), 2, 'OutputBusy', workflowId, 'cancel it first');
      assert.equal(busy.holder, workflowId);

      const flags = ['--type', 'shuffle', '--task-queue', 'riffle', '-o', 'json', '--input', JSON.stringify(input)];
      const plain = await runTemporal(['workflow', 'execute', '--workflow-id', `${workflowId}-again`, ...flags]);
      assert.equal(plain.exitCode, 1);
      assert.match(plain.stdout, new RegExp(`"type": *"OutputBusy"`));
      assert.ok(plain.stdout.includes(`Workflow ${workflowId} is already at work`));

      const { ended } = await joinAndWait(input);
      await resume(workflowId);
      assert.equal(successOf(await ended).rows, 300);
      assert.ok('dataset.json' in (await objectsBelow(bucket, output)));
    });

    it('riffle start of the same shuffle joins it, and says which resources differ', async () => {
      const { input, workflowId } = await holding();
      const args = ['start', 'shuffle', '--input', '-'];
      const stdin = JSON.stringify({ ...input, memory: '1MiB', parallelism: 3, output: `${input.output}/` });
      const joined = await runRiffle([...args, '--json'], { stdin });
      assert.deepEqual([successOf(joined).workflowId, successOf(joined).joined], [workflowId, true]);
      assert.match(joined.stderr, /running already: joined it/);
      assert.match(joined.stderr, /memory is 4096 there, and 1048576 here/);
      assert.match(joined.stderr, /parallelism is not set there, and 3 here/);
      assert.doesNotMatch(joined.stderr, /minSegment/);

      const { stdout } = await runRiffle(args, { stdin });
      assert.match(stdout, new RegExp(`^Joined ${workflowId}`));
      await resume(workflowId);
      successOf(await startAndWait('shuffle', input));
    });

    it('both start at the same moment: one works, the other names it', async () => {
      const { output, input } = freshInput();
      const inputs = [input, { ...input, seed: 'other' }];
      const ids = await Promise.all(inputs.map(startPaused));
      const runs = inputs.map((each) => startAndWait('shuffle', each));
      const [first, loser] = await Promise.race(runs.map(async (run, index) => [await run, index] as const));
      assertFailed(first, 2, 'OutputBusy', ids[1 - loser]!);
      await resume(ids[1 - loser]!);
      assert.equal(successOf(await runs[1 - loser]!).rows, 300);
      const verified = await runRiffle(['verify', data.uri, formatPrefix(output), '--json']);
      assert.equal(documentOf(verified).permutation, true);
    });

    it('it was terminated a moment ago: the next one waits for its end, and works', async () => {
      const { input, workflowId } = await holding();
      const terminate = ['workflow', 'terminate', '--workflow-id', workflowId, '--reason', 'test'];
      assert.equal((await runTemporal(terminate)).exitCode, 0);
      assert.equal(successOf(await startAndWait('shuffle', input)).rows, 300);
    });

    it('the same, started by the Temporal CLI under another id', async () => {
      const { input, workflowId } = await holding();
      const terminate = ['workflow', 'terminate', '--workflow-id', workflowId, '--reason', 'test'];
      assert.equal((await runTemporal(terminate)).exitCode, 0);
      const flags = ['--type', 'shuffle', '--task-queue', 'riffle', '--input', JSON.stringify(input)];
      const { exitCode, stdout } = await runTemporal(['workflow', 'execute', ...flags]);
      assert.equal(exitCode, 0, stdout);
      assert.match(stdout, /"riffle\.shuffle-result\/1"/);
    });
  });
});
