// Parallelism that follows the workers that come and go, until somebody asks for another. Pausing, and shares of groups:
// test/workflows/manyTasks.test.ts.
import assert from 'node:assert/strict';
import { defaultPayloadConverter } from '@temporalio/common';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import { ShuffleBench } from '../support/shuffles.js';
import { stackTimeout } from '../support/stack.js';
import { until } from '../support/until.js';

/** Hundreds of tasks in several groups. */
const manyTasks = { seed: 'many', blockRows: 16, outputShardRows: 2048, memory: 40_000, minSegment: 1 };

describe('parallelism', function () {
  this.timeout(stackTimeout);
  let bench: ShuffleBench;

  before(async () => {
    bench = await ShuffleBench.open();
  });
  after(() => bench.close());

  it('is that of the workers, as they come and go, until setParallelism', async () => {
    await bench.startWorkers(1);
    await bench.untilOnly(1);
    const output = bench.bucket.newPlace();
    const input = formatPrefix(await bench.countingDataset(1_064_960, 1));
    const { handle } = await bench.start({ input, output: formatPrefix(output), ...manyTasks });
    const lock = await bench.lockOf(handle.workflowId);
    assert.equal(await mostPendingNow(lock, output), 1);
    const changes = (): Promise<number[]> => changesOf(lock);

    const second = await bench.startWorkers(1);
    await until(async () => (await changes()).length === 1);
    assert.deepEqual(await changes(), [2]);
    // The groups hear of it a little later.
    await until(async () => (await mostPendingNow(lock, output)) === 2);

    await second.kill('SIGKILL');
    await until(async () => (await changes()).length === 2);
    assert.deepEqual(await changes(), [2, 1]);

    await until(async () => (await timersOf(handle.workflowId)).length === 1);
    await handle.executeUpdate('setParallelism', { args: [3] });
    await until(async () => (await timersOf(handle.workflowId)).length === 0);
    assert.deepEqual(await changes(), [2, 1, 3], 'nobody looks for workers any more');
    await handle.terminate('test');
  });

  /** The most activities that are pending at once while ten tasks end. */
  async function mostPendingNow(workflowId: string, output: Prefix): Promise<number> {
    const enough = bench.checkpoints(output, 1) + 10;
    return bench.mostPending(
      workflowId,
      until(() => bench.checkpoints(output, 1) >= enough),
    );
  }

  /** What the run below a root has been told. */
  async function changesOf(workflowId: string): Promise<number[]> {
    const { events } = await bench.client.workflow.getHandle(workflowId).fetchHistory();
    return (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) =>
      signal?.signalName === 'parallelism'
        ? [defaultPayloadConverter.fromPayload<number>(signal.input!.payloads![0]!)]
        : [],
    );
  }

  /** Timers of a workflow that have neither fired nor been cancelled. */
  async function timersOf(workflowId: string): Promise<string[]> {
    const { events } = await bench.client.workflow.getHandle(workflowId).fetchHistory();
    const open = new Set<string>();
    for (const event of events ?? []) {
      if (event.timerStartedEventAttributes) open.add(event.timerStartedEventAttributes.timerId!);
      const ended = event.timerFiredEventAttributes ?? event.timerCanceledEventAttributes;
      if (ended) open.delete(ended.timerId!);
    }
    return [...open];
  }
});
