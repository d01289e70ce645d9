import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe } from '../formats/describe.js';
import { putDirectory } from '../formats/put.js';
import { writeDataset } from '../formats/writeDataset.js';
import { StackFailed } from '../errors.js';
import { runFile } from '../pages/run.js';
import { RunReader } from '../pages/runReader.js';
import { storedRunFiles } from '../pages/storedRunFiles.js';
import type { ShuffleResult } from '../shuffle/commit.js';
import { indexFile, readApp } from '../site/app.js';
import { serveRun, type RunServer } from '../site/runServer.js';
import { startEmbeddedStack } from '../stack/embeddedStack.js';
import type { EmbeddedStack } from '../stack/embeddedStack.js';
import { WorkerPool } from '../stack/workerPool.js';
import { createS3Store } from '../storage/s3.js';
import { formatPrefix, parsePrefix } from '../storage/uri.js';
import type { Verdict } from '../verify/verdict.js';
import { dataFolderName } from './environment.js';
import { say } from './output.js';
import { followProgress } from './progress.js';
import { reported, startWorkflow } from './start.js';
import { stopSignals } from './stopSignals.js';
import { connectTemporal, workflowPage } from './temporal.js';
import { verdictOutcome } from './verify.js';
import { differences, type Reference } from './demoReference.js';
import type { VisualizeResult } from '../visualize/commit.js';
import { WorkflowFailedError } from '@temporalio/client';

const workers = 2;
const workerMemory = 1024 ** 3;

/** The real activations and the SAE that ship with riffle. */
const examples = fileURLToPath(new URL('../../../examples', import.meta.url));

/** Small enough for a scatter pass, although the sample would fit in memory. */
const shuffleSizes = { memory: '3MiB', outputShardRows: 1024, minSegment: '64KiB' };

/**
 * `riffle demo`: starts the embedded stack, shuffles the sample and verifies it, makes the pages of its features and compares
 * them with reference answers, and prints where to look.
 * @param keep leave everything up until a signal
 * @returns the exit code
 */
export async function demo({ keep }: { readonly keep: boolean }): Promise<number> {
  const dataFolder = resolve(dataFolderName, 'demo');
  const stop = stopSignals(() => undefined);
  try {
    const stack = await startEmbeddedStack({ dataFolder, onProgress: say, signal: stop.signal });
    Object.assign(process.env, stack.environment);
    const pool = new WorkerPool({ stack, count: workers, memoryBytes: workerMemory, onProgress: say });
    try {
      const failure = await Promise.race([pool.ready, pool.failed]);
      if (failure instanceof Error) throw failure;
      await uploadSample(stack);
      const shuffled = await showShuffle(stack);
      const visualized = await showVisualize(stack);
      const browser = await serveFeatures(stack);
      try {
        say(`\nTemporal web UI: ${stack.uiUrl}\nFeature browser: ${browser.url}`);
        if (keep) await untilStopped(stop.signal, stack, pool);
        else say('Both close now; npm run demo -- --keep leaves everything up.');
      } finally {
        await browser.close();
      }
      return shuffled && visualized ? 0 : 1;
    } finally {
      await pool.stop();
      await stack.stop();
    }
  } finally {
    stop.release();
  }
}

async function uploadSample(stack: EmbeddedStack): Promise<void> {
  const place = parsePrefix(`s3://${stack.bucket}/sample`);
  const dump = parsePrefix(`s3://${stack.bucket}/sample/dump`);
  const store = createS3Store();
  try {
    // What an earlier demo left is removed, so that each one shows the whole work.
    const earlier: string[] = [];
    for await (const { key } of store.list(stack.bucket, 'sample/')) earlier.push(key);
    await store.delete(stack.bucket, earlier);
    say(`\n1. Uploading the sample (8,192 activations of SmolLM2-135M, an SAE) to ${formatPrefix(place)}`);
    await putDirectory(store, examples, place);
    const { dataset } = await describe(store, dump);
    await writeDataset(store, dump, dataset);
  } finally {
    store.close();
  }
}

async function showShuffle(stack: EmbeddedStack): Promise<boolean> {
  const places = { input: `s3://${stack.bucket}/sample/dump`, output: `s3://${stack.bucket}/sample/shuffled` };
  say(`2. Shuffling it to ${places.output}: workflow shuffle, one scatter pass and one gather pass`);
  const result = await runWorkflow<ShuffleResult>('shuffle', { ...places, seed: 'demo', ...shuffleSizes });
  say(`   ${result.rows} records in ${result.shards} output shards, ${result.scatterPasses} scatter pass`);
  say('3. Verifying it: workflow verify');
  const verdict = await runWorkflow<Verdict>('verify', places);
  say(`   ${verdictOutcome(verdict).text.replaceAll('\n', '\n   ')}`);
  return verdict.ok;
}

async function showVisualize(stack: EmbeddedStack): Promise<boolean> {
  const at = (name: string): string => `s3://${stack.bucket}/sample/${name}`;
  say(`4. Making the pages of the SAE's features at ${at('features')}: workflow visualize`);
  const result = await runWorkflow<VisualizeResult>('visualize', {
    activations: at('dump'),
    sae: at('sae'),
    tokenizer: at('tokenizer.json'),
    unembedding: at('unembed.safetensors'),
    output: at('features'),
    // As the reference answers were made.
    window: { before: 16, after: 16 },
    examples: { distinct: 'none' },
  });
  say(`   ${result.features} features: ${result.alive} alive, ${result.dense} dense, ${result.dead} dead`);
  const reference = JSON.parse(await readFile(join(examples, 'reference.json'), 'utf8')) as Reference;
  const store = createS3Store();
  try {
    const reader = await RunReader.open(storedRunFiles(store, parsePrefix(at('features'))), at('features'));
    const faults: string[] = [];
    for await (const page of reader.pages(0, result.features)) faults.push(...differences(page, reference));
    for (const fault of faults.slice(0, 10)) say(`   ${fault}`);
    const agree = faults.length === 0 ? 'agree' : 'do not agree';
    say(`   The pages of all ${result.features} features ${agree} with the answers in examples/reference.json`);
    say(`   Look at one: riffle feature ${at('features')} 7`);
    return faults.length === 0;
  } finally {
    store.close();
  }
}

/** Like `riffle browse`, in this process; checks that the app and the run are served. */
async function serveFeatures(stack: EmbeddedStack): Promise<RunServer> {
  const place = parsePrefix(`s3://${stack.bucket}/sample/features`);
  const store = createS3Store();
  const server = await serveRun({ store, place, app: await readApp(), port: 0, onFailure: say });
  const close = async (): Promise<void> => {
    await server.close();
    store.close();
  };
  for (const file of [indexFile, runFile]) {
    const { ok, status } = await fetch(server.url + file);
    if (ok) continue;
    await close();
    throw new StackFailed(`The feature browser answers ${status} where it should show ${file}.`);
  }
  return { url: server.url, close };
}

async function runWorkflow<T>(type: string, input: object): Promise<T> {
  const client = await connectTemporal();
  try {
    const { handle, workflowId } = await startWorkflow(client, type, input);
    say(`   ${workflowPage(workflowId) ?? workflowId}`);
    const follow = followProgress(client, handle, '   ');
    try {
      return (await handle.result()) as T;
    } catch (error) {
      throw error instanceof WorkflowFailedError ? reported(error) : error;
    } finally {
      follow.stop();
    }
  } finally {
    await client.connection.close();
  }
}

async function untilStopped(signal: AbortSignal, stack: EmbeddedStack, pool: WorkerPool): Promise<void> {
  say('Everything stays up until Ctrl-C.');
  const stopped = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => {
      resolve(undefined);
    });
  });
  const end = await Promise.race([stopped, stack.failed, pool.failed]);
  if (end instanceof Error) throw end;
}
