// Passes of more tasks than one group takes: groups as children, what goes into their histories, steering through all
// levels.
import type { Client } from '@temporalio/client';
import assert from 'node:assert/strict';
import type { ShuffleResult } from '../../src/shuffle/commit.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import type { Progress } from '../../src/workflows/contract.js';
import { ShuffleBench } from '../support/shuffles.js';
import { stackTimeout } from '../support/stack.js';
import { until } from '../support/until.js';

const rows = 1_064_960;
const cut = { seed: 'many', blockRows: 16, outputShardRows: 2048 };
/** 520, 608 and 520 tasks; a group takes 500. */
const manyTasks = { memory: 40_000, minSegment: 1, parallelism: 8 };
const tasks = 520 + 608 + 520;

describe('a shuffle of many tasks', function () {
  this.timeout(stackTimeout);
  let bench: ShuffleBench;
  let input: Prefix;

  before(async () => {
    bench = await ShuffleBench.open();
    input = await bench.countingDataset(rows, 1);
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
    const lock = await bench.lockOf(handle.workflowId);
    await until(() => bench.checkpoints(output, 1) >= 20);
    await handle.executeUpdate('setParallelism', { args: [0] });
    await until(async () => (await bench.pendingOf(`${lock}/pass-1`)) === 0);
    const paused = bench.checkpoints(output, 1);
    const progress = await handle.query<Progress>('progress');
    assert.equal(progress.tasks.total, 520);
    assert.ok(progress.tasks.done < 520);
    assert.equal(bench.checkpoints(output, 1), paused, 'nothing started while paused');
    await handle.executeUpdate('setParallelism', { args: [8] });

    const running = handle.result() as Promise<ShuffleResult>;
    const most = await bench.mostPending(handle.workflowId, running);
    assert.ok(most > 4 && most <= 8, `${most} activities were pending at once`);
    assert.equal((await running).scatterPasses, 2);
    assert.deepEqual(await bench.digests(output), await bench.digests(few));

    const passes = [1, 2, 3].map((pass) => `${lock}/pass-${pass}`);
    const groups = passes.flatMap((pass) => [
      `${pass}/tasks-0-to-499`,
      `${pass}/tasks-500-to-${pass.endsWith('2') ? 607 : 519}`,
    ]);
    let all = 0;
    for (const id of [handle.workflowId, lock, ...passes, ...groups]) {
      const { events, largest } = await historyOf(bench.client, id);
      all += events;
      assert.ok(events < 4096, `${id} has ${events} events`);
      assert.ok(largest < 2048, `${id} has a payload of ${largest} bytes`);
    }
    // Few slots: hardly ever do two tasks end together, and each end is a workflow task of its own.
    assert.ok(all / tasks <= 6.2, `${(all / tasks).toFixed(2)} events a task`);
  });
});

/** Number of events and bytes of the largest payload of a workflow's history. */
async function historyOf(client: Client, workflowId: string): Promise<{ events: number; largest: number }> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  let largest = 0;
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { data, metadata } = value as { data?: unknown; metadata?: unknown };
    if (data instanceof Uint8Array && metadata) largest = Math.max(largest, data.length);
    else for (const inner of Object.values(value)) visit(inner);
  };
  visit(events);
  assert.ok(largest > 0);
  return { events: events?.length ?? 0, largest };
}
