import { Client, Connection } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startWorkflow } from '../src/cli/start.js';
import { readEntries } from '../src/pages/packReader.js';
import { pagesFile } from '../src/pages/run.js';
import { storedRunFiles } from '../src/pages/storedRunFiles.js';
import { formatSize, parseSize } from '../src/sizes.js';
import { createS3Store } from '../src/storage/s3.js';
import type { Progress } from '../src/workflows/contract.js';
import { makePages } from './pagesDataset.js';
import { peakBytes } from './processes.js';
import { report } from './report.js';
import { startWorkers, withStack } from './stack.js';

/** What a worker may take besides its memory. */
const allowance = 512 * 1024 ** 2;
const featuresPerPack = 4096;

/**
 * Whole runs with made data: time by stage, objects, bytes a page, peak memory of the worker. Several numbers of rows, one
 * run each, show whether memory depends on them.
 */
export async function pages(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      features: { type: 'string', default: '200000' },
      rows: { type: 'string', default: '100000' },
      width: { type: 'string', default: '64' },
      density: { type: 'string', default: '0.001' },
      memory: { type: 'string', default: '4GiB' },
      task: { type: 'string', default: '2GiB' },
      slots: { type: 'string', default: '2' },
    },
  });
  const [features, inputWidth, density] = [values.features, values.width, values.density].map(Number) as [
    number,
    number,
    number,
  ];
  const memoryBytes = parseSize(values.memory, '--memory');
  const results = await withStack(async (stack) => {
    const all = [];
    for (const rows of values.rows.split(',').map(Number)) {
      const store = createS3Store();
      const prefix = `pages-${rows}/`;
      const architecture = 'standard';
      const place = { bucket: stack.bucket, prefix };
      const { input } = await makePages(store, place, { rows, inputWidth, features, density, architecture });
      const workers = await startWorkers(stack, 1, memoryBytes, Number(values.slots));
      const connection = await Connection.connect({ address: stack.environment.TEMPORAL_ADDRESS });
      try {
        const begin = performance.now();
        const task = { ...input, memory: values.task };
        const { handle } = await startWorkflow(new Client({ connection }), 'visualize', task);
        const stages = new Map<string, number>();
        let over = false;
        const result = handle.result().finally(() => (over = true));
        for (let last = begin; !over; await sleep(250)) {
          const { stage } = await handle.query<Progress>('progress').catch(() => ({ stage: 'admit' }));
          const now = performance.now();
          stages.set(stage, (stages.get(stage) ?? 0) + (now - last) / 1000);
          last = now;
        }
        await result;
        const seconds = (performance.now() - begin) / 1000;
        const keys = [];
        for await (const { key } of store.list(stack.bucket, `${prefix}run/`)) keys.push(key);
        const sizes = await pageSizes(stack.bucket, `${prefix}run/`, features);
        all.push({
          rows,
          features,
          inputWidth,
          seconds,
          stages: Object.fromEntries([...stages].map(([name, time]) => [name, Number(time.toFixed(1))])),
          objects: keys.length,
          medianPageBytes: sizes[Math.floor(sizes.length / 2)]!,
          p99PageBytes: sizes[Math.floor(sizes.length * 0.99)]!,
          peakRssBytes: Math.max(...workers.pids.map(peakBytes)),
          memoryBytes,
        });
      } finally {
        await connection.close();
        await workers.stop();
        store.close();
      }
    }
    return all;
  });
  await report(
    'pages',
    results,
    results.map(({ stages, peakRssBytes, ...figures }) => ({
      rows: figures.rows,
      features: figures.features,
      seconds: figures.seconds.toFixed(1),
      ...stages,
      objects: figures.objects,
      'median page': figures.medianPageBytes,
      'p99 page': figures.p99PageBytes,
      'peak RSS': formatSize(peakRssBytes),
      limit: formatSize(memoryBytes + allowance),
    })),
  );
}

/** Bytes of all pages as they are stored, ascending. */
async function pageSizes(bucket: string, prefix: string, features: number): Promise<number[]> {
  const store = createS3Store();
  try {
    const files = storedRunFiles(store, { bucket, prefix });
    const sizes: number[] = [];
    for (let first = 0; first < features; first += featuresPerPack) {
      const pack = { file: pagesFile(first / featuresPerPack), first };
      const entries = await readEntries(files, pack, first, Math.min(features, first + featuresPerPack));
      sizes.push(...entries.map(({ length }) => length));
    }
    return sizes.sort((a, b) => a - b);
  } finally {
    store.close();
  }
}
