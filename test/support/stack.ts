import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedStack, type EmbeddedStack } from '../../src/stack/embeddedStack.js';
import { WorkerPool } from '../../src/stack/workerPool.js';

/** For hooks that are the first to ask for the stack: its programs may have to be built. */
export const stackTimeout = 15 * 60_000;

const workerCount = 2;
const workerMemory = 512 * 1024 * 1024;

let serversOnly: Promise<EmbeddedStack> | undefined;
let firstWorkers: Promise<void> | undefined;
let pools: WorkerPool[] = [];

/** The embedded stack that all tests of one mocha run share, without workers. Made at the first call. */
export function sharedServers(): Promise<EmbeddedStack> {
  serversOnly ??= start();
  return serversOnly;
}

/** The shared stack with (at first) two workers. */
export async function sharedStack(): Promise<EmbeddedStack> {
  const stack = await sharedServers();
  firstWorkers ??= startWorkers(workerCount);
  await firstWorkers;
  return stack;
}

/** Starts more workers on the shared stack and waits until they poll. */
export async function startWorkers(count: number): Promise<void> {
  const pool = new WorkerPool({ stack: await sharedServers(), count, memoryBytes: workerMemory, restart: false });
  pools.push(pool);
  const failure = await Promise.race([pool.ready, pool.failed]);
  if (failure instanceof Error) throw failure;
}

/** Ends all workers of the shared stack and waits until they are gone; `startWorkers` and `sharedStack` start others. */
export async function killWorkers(signal: NodeJS.Signals): Promise<void> {
  await Promise.all(pools.map((pool) => pool.kill(signal)));
  pools = [];
  firstWorkers = undefined;
}

async function start(): Promise<EmbeddedStack> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'riffle-test-'));
  return startEmbeddedStack({ dataFolder, onProgress: (line) => process.stderr.write(`${line}\n`) });
}

/** Mocha's root hooks (`require` in .mocharc.json). */
export const mochaHooks = {
  async afterAll(this: Mocha.Context): Promise<void> {
    this.timeout(60_000);
    const stack = await serversOnly?.catch(() => undefined);
    if (stack === undefined) return;
    await Promise.all(pools.map((pool) => pool.stop()));
    await stack.stop();
    await rm(stack.dataFolder, { recursive: true, force: true });
  },
};
