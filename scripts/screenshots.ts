import { chromium, type Page } from 'playwright-core';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startWorkflow } from '../src/cli/start.js';
import { connectTemporal, workflowPage } from '../src/cli/temporal.js';
import { putDirectory } from '../src/formats/put.js';
import { startEmbeddedStack } from '../src/stack/embeddedStack.js';
import { WorkerPool } from '../src/stack/workerPool.js';
import { createS3Store } from '../src/storage/s3.js';
import { parsePrefix } from '../src/storage/uri.js';
import type { Progress } from '../src/workflows/contract.js';

// Pictures of the Temporal web UI for docs/images, of a pipeline that runs and of one that has failed:
// node --import tsx scripts/screenshots.ts [FOLDER]. RIFFLE_CHROMIUM names the browser [/usr/bin/chromium].

const folder = process.argv[2] ?? 'docs/images';
const size = { width: 1280, height: 680 };

async function main(): Promise<void> {
  await mkdir(folder, { recursive: true });
  const dataFolder = await mkdtemp(join(tmpdir(), 'riffle-pictures-'));
  const stack = await startEmbeddedStack({ dataFolder });
  Object.assign(process.env, stack.environment);
  const pool = new WorkerPool({ stack, count: 1, memoryBytes: 1024 ** 3 });
  const browser = await chromium.launch({
    executablePath: process.env.RIFFLE_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
  const store = createS3Store();
  const client = await connectTemporal();
  try {
    await pool.ready;
    await putDirectory(store, 'examples', parsePrefix('s3://riffle/2026-11-22'));
    const page = await browser.newPage({ viewport: size });
    const input = {
      dump: 's3://riffle/2026-11-22/dump',
      shuffle: {
        output: 's3://riffle/2026-11-22/shuffled',
        seed: '1',
        memory: '800KiB',
        outputShardRows: 512,
        blockRows: 64,
        minSegment: '64KiB',
        onFailure: 'wait',
      },
      visualize: {
        output: 's3://riffle/2026-11-22/features',
        sae: 's3://riffle/2026-11-22/sae',
        tokenizer: 's3://riffle/2026-11-22/tokenizer.json',
        tokenShards: 8,
        featureBlocks: 3,
        featuresPerPack: 512,
      },
    };
    const { handle } = await startWorkflow(client, 'pipeline', input);
    const tasksOf = async (): Promise<Progress> => handle.query<Progress>('progress');
    while (((await tasksOf()).parts?.visualize?.pass ?? 0) < 3) await sleep(100);
    await take(page, `${workflowPage(handle.workflowId, handle.firstExecutionRunId)}/user-metadata`, 'running');
    await handle.result();

    const { sae, ...others } = input.visualize;
    const visualize = { ...others, sae: `${sae}-of-another-layer`, output: 's3://riffle/2026-11-22/other' };
    const failed = await startWorkflow(client, 'pipeline', { ...input, visualize });
    await failed.handle.result().catch(() => undefined);
    const address = workflowPage(failed.workflowId, failed.handle.firstExecutionRunId)!;
    await take(page, `${address}/user-metadata`, 'failed');
    // The address that `riffle start` prints.
    await take(page, workflowPage(failed.workflowId)!, 'failure');
  } finally {
    await browser.close();
    store.close();
    await client.connection.close();
    await pool.stop();
    await stack.stop();
    await rm(dataFolder, { recursive: true });
  }
}

/** Histories of what runs are followed by an endless request: that the network is quiet says nothing. */
async function take(page: Page, address: string, name: string): Promise<void> {
  await page.goto(address, { waitUntil: 'load' });
  await sleep(5000);
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

await main();
