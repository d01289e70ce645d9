import { Client, Connection } from '@temporalio/client';
import { parseArgs } from 'node:util';
import { startWorkflow } from '../src/cli/start.js';
import { formatSize, parseSize } from '../src/sizes.js';
import type { EmbeddedStack } from '../src/stack/embeddedStack.js';
import { createS3Store } from '../src/storage/s3.js';
import { makeDataset, removeAll } from './dataset.js';
import { peakBytes } from './processes.js';
import { report } from './report.js';
import { startWorkers, withStack } from './stack.js';

const recordBytes = 1024;
const outputShardBytes = 16 * 1024 ** 2;
const inputShardBytes = 64 * 1024 ** 2;
/** What a worker may take besides its memory: Node, the Temporal SDK, threads, buffers of requests. */
const allowance = 512 * 1024 ** 2;

interface Measured {
  readonly dataBytes: number;
  /** Data over the memory of a task. */
  readonly ratio: number;
  readonly tasksAtOnce: number;
  readonly taskMemory: number;
  /** The worker's, `--memory`. */
  readonly memoryBytes: number;
  readonly peakRssBytes: number;
}

/** Peak memory of a worker process that shuffles 4, 16 and 64 times the memory of a task, one and several at a time. */
export async function memory(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      memory: { type: 'string', default: '64MiB' },
      ratios: { type: 'string', default: '4,16,64' },
      atOnce: { type: 'string', default: '1,4' },
    },
  });
  const taskMemory = parseSize(values.memory, '--memory');
  const results = await withStack(async (stack) => {
    const all: Measured[] = [];
    for (const ratio of values.ratios.split(',').map(Number)) {
      const store = createS3Store();
      const rows = Math.floor((ratio * taskMemory) / recordBytes);
      const source = { bucket: stack.bucket, prefix: `input-${ratio}/` };
      await makeDataset(store, source, { rows, recordBytes, shardBytes: inputShardBytes });
      for (const tasksAtOnce of values.atOnce.split(',').map(Number)) {
        console.error(`${formatSize(rows * recordBytes)} of data, ${tasksAtOnce} at a time`);
        const peakRssBytes = await peakOf(stack, source.prefix, taskMemory, tasksAtOnce);
        const dataBytes = rows * recordBytes;
        const memoryBytes = tasksAtOnce * taskMemory;
        all.push({ dataBytes, ratio, tasksAtOnce, taskMemory, memoryBytes, peakRssBytes });
        await removeAll(store, stack.bucket, ['output/']);
      }
      await removeAll(store, stack.bucket, [source.prefix]);
      store.close();
    }
    return all;
  });
  await report(
    'memory',
    results,
    results.map(({ dataBytes, ratio, tasksAtOnce, memoryBytes, peakRssBytes }) => ({
      data: formatSize(dataBytes),
      'data / memory': ratio,
      'tasks at once': tasksAtOnce,
      '--memory': formatSize(memoryBytes),
      'peak RSS': formatSize(peakRssBytes),
      limit: formatSize(memoryBytes + allowance),
      met: peakRssBytes <= memoryBytes + allowance,
    })),
  );
}

/** Peak RSS of a fresh worker process that does one shuffle, bytes. */
async function peakOf(stack: EmbeddedStack, source: string, taskMemory: number, tasksAtOnce: number): Promise<number> {
  const workers = await startWorkers(stack, 1, tasksAtOnce * taskMemory, tasksAtOnce);
  const connection = await Connection.connect({ address: stack.environment.TEMPORAL_ADDRESS });
  try {
    const { handle } = await startWorkflow(new Client({ connection }), 'shuffle', {
      input: `s3://${stack.bucket}/${source}`,
      output: `s3://${stack.bucket}/output`,
      seed: `${source} ${tasksAtOnce}`,
      memory: taskMemory,
      outputShardRows: outputShardBytes / recordBytes,
      // The pollers' slots include those of a worker that has just stopped.
      parallelism: tasksAtOnce,
    });
    await handle.result();
    return peakBytes(workers.pids[0]!);
  } finally {
    await connection.close();
    await workers.stop();
  }
}
