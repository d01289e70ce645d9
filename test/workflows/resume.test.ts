// Runs that are killed, terminated or started again: real workflows, workers and S3, requests counted by a proxy.
import assert from 'node:assert/strict';
import type { ShuffleResult } from '../../src/shuffle/commit.js';
import type { Prefix } from '../../src/storage/uri.js';
import { ShuffleBench } from '../support/shuffles.js';
import { stackTimeout } from '../support/stack.js';
import { until } from '../support/until.js';

/** One scatter pass, then a gather pass of a task for each of the 16 output shards. */
const manyTasks = { memory: '700KiB', minSegment: 1, parallelism: 2 };
const gatherTasks = 16;

describe('resuming a shuffle', function () {
  this.timeout(stackTimeout);
  let bench: ShuffleBench;
  let expected: Record<string, string>;
  let scatterTasks: number;

  before(async () => {
    bench = await ShuffleBench.open();
    await bench.startWorkers(2);
    const undisturbed = bench.bucket.newPlace();
    await bench.shuffle(undisturbed, manyTasks);
    scatterTasks = bench.checkpoints(undisturbed, 1);
    assert.ok(scatterTasks >= 8, `only ${scatterTasks} scatter tasks`);
    assert.equal(bench.dataPuts(undisturbed), scatterTasks + gatherTasks);
    expected = await bench.digests(undisturbed);
  });
  after(() => bench.close());

  beforeEach(() => void bench.proxy.reset());

  async function checkFinished(output: Prefix, plans = ['_riffle/plan.json']): Promise<void> {
    assert.deepEqual(await bench.digests(output), expected);
    const left = (await bench.bucket.keys(output)).filter((key) => key.startsWith('_riffle/'));
    assert.deepEqual(left, plans);
  }

  for (const pass of [1, 2]) {
    it(`kill -9 of all workers in pass ${pass}`, async () => {
      const output = bench.bucket.newPlace();
      const { handle } = await bench.start(bench.input(output, manyTasks));
      await until(() => bench.checkpoints(output, pass) >= 4);
      await bench.killWorkers('SIGKILL');
      assert.ok(!(await bench.bucket.keys(output)).includes('dataset.json'));
      await bench.startWorkers(2);
      await handle.result();
      await checkFinished(output);
      const redone = bench.dataPuts(output) - scatterTasks - gatherTasks;
      assert.ok(redone <= manyTasks.parallelism, `${redone} tasks were done twice`);
    });
  }

  it('terminated and started anew: only missing tasks run', async () => {
    const output = bench.bucket.newPlace();
    const first = await bench.start(bench.input(output, manyTasks));
    await until(() => bench.checkpoints(output, 1) >= 4);
    await bench.client.workflow.getHandle(first.workflowId).terminate('test');
    const second = await bench.start(bench.input(output, manyTasks));
    assert.equal(second.workflowId, first.workflowId);
    const result = (await second.handle.result()) as ShuffleResult;
    assert.equal(result.adoptedPlan, false);
    await checkFinished(output);
    const redone = bench.dataPuts(output) - scatterTasks - gatherTasks;
    assert.ok(redone <= manyTasks.parallelism, `${redone} tasks were done twice`);
  });

  it('started anew with other memory: the stored plan is adopted', async () => {
    const output = bench.bucket.newPlace();
    const first = await bench.start(bench.input(output, manyTasks));
    await until(() => bench.checkpoints(output, 1) >= 4);
    await bench.client.workflow.getHandle(first.workflowId).terminate('test');
    const result = await bench.shuffle(output, { memory: '64MiB' });
    assert.equal(result.adoptedPlan, true);
    assert.equal(result.scatterPasses, 1);
    await checkFinished(output);
    assert.ok(bench.dataPuts(output) - scatterTasks - gatherTasks <= manyTasks.parallelism);
  });

  it('started anew with other memory and replan: by a new plan, to the same output', async () => {
    const output = bench.bucket.newPlace();
    const first = await bench.start(bench.input(output, manyTasks));
    await until(() => bench.checkpoints(output, 1) >= 4);
    await bench.client.workflow.getHandle(first.workflowId).terminate('test');
    const result = await bench.shuffle(output, { memory: '64MiB', replan: true });
    assert.equal(result.adoptedPlan, false);
    assert.equal(result.scatterPasses, 0);
    await checkFinished(output, ['_riffle/plan-2.json', '_riffle/plan.json']);
    assert.equal((await bench.shuffle(output, manyTasks)).plan, result.plan);
  });

  it('started after the commit: the same result without work', async () => {
    const output = bench.bucket.newPlace();
    const result = await bench.shuffle(output, manyTasks);
    bench.proxy.reset();
    assert.deepEqual(await bench.shuffle(output, manyTasks), result);
    assert.equal(bench.proxy.count(/^(PUT|POST|DELETE) /), 0);
    await checkFinished(output);
  });

  it('an output that was deleted is never reported as done', async () => {
    const output = bench.bucket.newPlace();
    await bench.shuffle(output, manyTasks);
    const keys = await bench.bucket.keys(output);
    await bench.bucket.store.delete(
      output.bucket,
      keys.map((key) => output.prefix + key),
    );
    await bench.shuffle(output, manyTasks);
    await checkFinished(output);
  });

  it('what a late attempt left behind is removed by the next start', async () => {
    const output = bench.bucket.newPlace();
    const { plan } = await bench.shuffle(output, manyTasks);
    const orphan = { bucket: output.bucket, key: `${output.prefix}_riffle/${plan}/pass-1.json` };
    await bench.bucket.store.put(orphan, [Buffer.from('late')]);
    await bench.shuffle(output, manyTasks);
    await checkFinished(output);
  });

  it('progress can be asked, and setParallelism pauses and resumes', async () => {
    const output = bench.bucket.newPlace();
    const { handle } = await bench.start(bench.input(output, manyTasks));
    await until(() => bench.checkpoints(output, 1) >= 2);
    await handle.executeUpdate('setParallelism', { args: [0] });
    const quiet = async (): Promise<boolean> => {
      const { pendingActivities } = (await bench.client.workflow.getHandle(await passId(handle.workflowId)).describe())
        .raw;
      return (pendingActivities ?? []).length === 0;
    };
    await until(quiet);
    const done = bench.checkpoints(output, 1);
    assert.ok(done < scatterTasks, `${done} tasks ended before the pause`);
    const progress = await handle.query<{ stage: string; tasks: { done: number; total: number } }>('progress');
    assert.equal(progress.stage, 'scatter');
    assert.equal(progress.tasks.total, scatterTasks);
    assert.ok(progress.tasks.done <= done);
    assert.equal(bench.checkpoints(output, 1), done, 'nothing started while paused');
    await handle.executeUpdate('setParallelism', { args: [2] });
    await handle.result();
    await checkFinished(output);
  });

  it('setParallelism refuses what is no number of tasks', async () => {
    const output = bench.bucket.newPlace();
    const { handle } = await bench.start(bench.input(output, manyTasks));
    for (const value of [-1, 1.5, '4', null]) {
      await assert.rejects(handle.executeUpdate('setParallelism', { args: [value] }));
    }
    await handle.result();
  });

  /** Id of the open workflow that runs the tasks of the first pass for a root. */
  async function passId(root: string): Promise<string> {
    const { raw } = await bench.client.workflow.getHandle(root).describe();
    const lock = raw.pendingChildren?.[0]?.workflowId;
    assert.ok(lock);
    return `${lock}/pass-1`;
  }
});
