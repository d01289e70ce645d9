// Tasks that fail for good, and are done again by the update retryFailed: input shards that are replaced while a shuffle
// runs, and restored. Requests are counted by a proxy. Runs that are started anew: test/workflows/resume.test.ts.
import assert from 'node:assert/strict';
import type { WorkflowHandle } from '@temporalio/client';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import type { Progress } from '../../src/workflows/contract.js';
import { ShuffleBench } from '../support/shuffles.js';
import { stackTimeout } from '../support/stack.js';
import { until } from '../support/until.js';

/** One scatter pass, then a gather pass of a task for each of the 16 output shards. */
const cut = { memory: '700KiB', minSegment: 1, parallelism: 2 };
const gatherTasks = 16;
/** A group that would get a longer history continues as new: one that has done its 500 tasks must. */
const historyEvents = 1600;

describe('retryFailed', function () {
  this.timeout(stackTimeout);
  let bench: ShuffleBench;
  let expected: Record<string, string>;
  let scatterTasks: number;

  before(async () => {
    bench = await ShuffleBench.open();
    await bench.startWorkers(2, { RIFFLE_HISTORY_EVENTS: String(historyEvents) });
    const undisturbed = bench.bucket.newPlace();
    await bench.shuffle(undisturbed, cut);
    scatterTasks = bench.checkpoints(undisturbed, 1);
    expected = await bench.digests(undisturbed);
  });
  after(() => bench.close());
  beforeEach(() => void bench.proxy.reset());

  const progressOf = (handle: WorkflowHandle): Promise<Progress> => handle.query<Progress>('progress');
  const setParallelism = (handle: WorkflowHandle, value: number): Promise<unknown> =>
    handle.executeUpdate('setParallelism', { args: [value] });
  const retry = (handle: WorkflowHandle): Promise<number> => handle.executeUpdate<number, []>('retryFailed');
  const settled = (handle: WorkflowHandle, failed: number): Promise<void> =>
    until(async () => {
      const { tasks } = await progressOf(handle);
      return tasks.failed === failed && tasks.done + tasks.failed === tasks.total;
    });

  /** Replaces a shard by other bytes of the same length. @returns what restores it */
  async function poison(input: Prefix, key: string): Promise<() => Promise<void>> {
    const object = { bucket: input.bucket, key: input.prefix + key };
    const { data } = (await bench.bucket.store.readWhole(object, 1e9))!;
    await bench.bucket.store.put(object, [Buffer.alloc(data.length)]);
    return async () => void (await bench.bucket.store.put(object, [data]));
  }

  /** Lets reads of an input shard wait, so that the tasks that need it stay open. @returns what lets them go on */
  function holdReads(key: string): () => void {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    bench.proxy.always(new RegExp(`^GET /${bench.sample.bucket}/${bench.sample.prefix}${key}`), async (exchange) => {
      await released;
      const { status, headers, body } = await exchange.forward();
      exchange.response.writeHead(status, headers).end(body);
    });
    return release;
  }

  /** Starts a shuffle that is paused when its plan is made and its first task is done. */
  async function startPaused(input: object, output: Prefix): Promise<WorkflowHandle> {
    const { handle } = await bench.start(input);
    await until(() => bench.checkpoints(output, 1) >= 1);
    await setParallelism(handle, 0);
    await until(async () => (await bench.pendingOf(handle.workflowId)) === 0);
    return handle;
  }

  async function checkFinished(handle: WorkflowHandle, output: Prefix): Promise<void> {
    await handle.result();
    assert.deepEqual(await bench.digests(output), expected);
    assert.equal(bench.dataPuts(output), scatterTasks + gatherTasks, 'no task was done twice');
  }

  it('onFailure "wait": the workflow stays open, and only the failed tasks run again', async () => {
    const output = bench.bucket.newPlace();
    const handle = await startPaused(bench.input(output, { ...cut, onFailure: 'wait' }), output);
    const before = bench.checkpoints(output, 1);
    const restore = await poison(bench.sample, '00003.safetensors');
    await setParallelism(handle, 2);
    const failed = scatterTasks - Math.ceil((scatterTasks * 3) / 4);
    assert.ok(before + failed < scatterTasks);
    await settled(handle, failed);
    assert.equal(bench.checkpoints(output, 1), scatterTasks - failed, 'the others went on');

    const { currentDetails } = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    for (const part of [
      `${failed} of ${scatterTasks} tasks failed`,
      'ObjectChanged',
      '00003.safetensors',
      `temporal workflow update execute --workflow-id ${handle.workflowId} --name retryFailed`,
    ]) {
      assert.ok(currentDetails.includes(part), `no ${part} in ${currentDetails}`);
    }

    assert.equal(await retry(handle), failed);
    await settled(handle, failed);
    await restore();
    bench.proxy.seen.length = 0;
    assert.equal(await retry(handle), failed);
    assert.equal(await retry(handle), 0);
    await handle.result();
    assert.deepEqual(await bench.digests(output), expected);
    assert.equal(bench.checkpoints(output, 1), failed);
    assert.equal(bench.dataPuts(output), failed + gatherTasks);
  });

  it('onFailure "fail": failed tasks can be done again as long as others are open', async () => {
    const output = bench.bucket.newPlace();
    const handle = await startPaused(bench.input(output, cut), output);
    const restore = await poison(bench.sample, '00002.safetensors');
    const release = holdReads('00003.safetensors');
    await setParallelism(handle, 2);
    await until(async () => (await progressOf(handle)).tasks.failed > 0);
    await setParallelism(handle, 0);
    release();
    await until(async () => (await bench.pendingOf(handle.workflowId)) === 0);
    await restore();
    assert.ok((await retry(handle)) > 0);
    await setParallelism(handle, 2);
    await checkFinished(handle, output);
  });

  it('in several groups: all are asked, one whose history is long continues as new, done groups are skipped', async () => {
    const shards = 26;
    const input = await bench.countingDataset(1_064_960, shards);
    const output = bench.bucket.newPlace();
    const options = {
      seed: 'many',
      blockRows: 16,
      outputShardRows: 2048,
      memory: 40_000,
      minSegment: 1,
      parallelism: 8,
    };
    const whole = { input: formatPrefix(input), output: formatPrefix(output), ...options, onFailure: 'wait' };
    const handle = await startPaused(whole, output);
    const group = `${await bench.lockOf(handle.workflowId)}/pass-1/tasks-0-to-499`;
    const [restoreMiddle, restoreLast] = [await poison(input, '12.bin'), await poison(input, '25.bin')];
    await setParallelism(handle, 8);
    const most = await bench.mostPending(handle.workflowId, settled(handle, 40));
    assert.ok(most <= 8, `${most} activities were pending at once`);

    await restoreMiddle();
    assert.equal(await retry(handle), 40);
    await bench.mostPending(handle.workflowId, settled(handle, 20));
    const { events } = await bench.client.workflow.getHandle(group).fetchHistory();
    const first = events?.[0]?.workflowExecutionStartedEventAttributes;
    assert.ok(first?.continuedExecutionRunId, 'continued as new');
    assert.ok(events!.length < 200, `${events!.length} events`);
    assert.equal(bench.checkpoints(output, 1), 500);

    await restoreLast();
    await handle.terminate('test');
    bench.proxy.reset();
    const again = await bench.start(whole);
    const passRecord = new RegExp(`^PUT /${output.bucket}/${output.prefix}_riffle/\\w+/pass-1\\.json`);
    await until(() => bench.proxy.count(passRecord) > 0);
    assert.equal(bench.checkpoints(output, 1), 20);
    const reads = (of: string): number =>
      bench.proxy.count(new RegExp(`^GET /${output.bucket}/${output.prefix}_riffle/\\w+/pass-1/${of}\\.json`));
    assert.equal(reads('[0-9a-f]{4}-00000[0-4]\\d\\d'), 0, 'no manifest of a task of the group that was done');
    assert.equal(reads('group-\\d+'), 1);
    await again.handle.terminate('test');
  });
});
