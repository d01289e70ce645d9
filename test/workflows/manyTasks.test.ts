// Passes of more tasks than one group takes: groups as children, their histories, and steering through all levels.
import assert from 'node:assert/strict';
import { describe as describeDataset } from '../../src/formats/describe.js';
import { writeDataset } from '../../src/formats/writeDataset.js';
import type { ShuffleResult } from '../../src/shuffle/commit.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import type { Progress } from '../../src/workflows/contract.js';
import { counting } from '../support/shardFiles.js';
import { ShuffleBench } from '../support/shuffles.js';
import { stackTimeout } from '../support/stack.js';
import { until } from '../support/until.js';

const rows = 1_064_960;
const cut = { seed: 'many', blockRows: 16, outputShardRows: 2048 };
/** 520, 608 and 520 tasks; a group takes 500. */
const manyTasks = { memory: 40_000, minSegment: 1, parallelism: 8 };

describe('a shuffle of many tasks', function () {
  this.timeout(stackTimeout);
  let bench: ShuffleBench;
  let input: Prefix;

  before(async () => {
    bench = await ShuffleBench.open();
    const { store } = bench.bucket;
    input = bench.bucket.newPlace();
    await store.put({ bucket: input.bucket, key: `${input.prefix}0.bin` }, [counting(rows * 8)]);
    const { dataset } = await describeDataset(store, input, { encoding: 'raw', recordBytes: 8 });
    await writeDataset(store, input, dataset);
    await bench.startWorkers(2);
  });
  after(() => bench.close());

  const start = (output: Prefix, options: object): ReturnType<ShuffleBench['start']> =>
    bench.start({ input: formatPrefix(input), output: formatPrefix(output), ...cut, ...options });

  it('gives the bytes of one of few tasks, in bounded histories, and can be paused', async () => {
    const few = bench.bucket.newPlace();
    await (await start(few, { memory: '64MiB' })).handle.result();

    const output = bench.bucket.newPlace();
    const { handle } = await start(output, manyTasks);
    const lock = await lockOf(handle.workflowId);
    await until(() => bench.checkpoints(output, 1) >= 20);
    await handle.executeUpdate('setParallelism', { args: [0] });
    await until(async () => (await pendingOf(`${lock}/pass-1`)) === 0);
    const paused = bench.checkpoints(output, 1);
    const progress = await handle.query<Progress>('progress');
    assert.equal(progress.tasks.total, 520);
    assert.ok(progress.tasks.done < 520);
    assert.equal(bench.checkpoints(output, 1), paused, 'nothing started while paused');
    await handle.executeUpdate('setParallelism', { args: [8] });

    const result = (await handle.result()) as ShuffleResult;
    assert.equal(result.scatterPasses, 2);
    assert.deepEqual(await bench.digests(output), await bench.digests(few));
    for (const id of [handle.workflowId, lock, `${lock}/pass-2`, `${lock}/pass-2/tasks-0-to-499`]) {
      const { historyLength } = await bench.client.workflow.getHandle(id).describe();
      assert.ok(historyLength < 4096, `${id} has ${historyLength} events`);
    }
  });

  async function lockOf(root: string): Promise<string> {
    let lock: string | undefined | null;
    await until(async () => {
      const { raw } = await bench.client.workflow.getHandle(root).describe();
      lock = raw.pendingChildren?.[0]?.workflowId;
      return Boolean(lock);
    });
    return lock!;
  }

  /** Pending activities of a workflow and its children. */
  async function pendingOf(workflowId: string): Promise<number> {
    const { raw } = await bench.client.workflow.getHandle(workflowId).describe();
    const below = await Promise.all((raw.pendingChildren ?? []).map((child) => pendingOf(child.workflowId!)));
    return below.reduce((sum, count) => sum + count, raw.pendingActivities?.length ?? 0);
  }
});
