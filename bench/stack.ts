import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embeddedStack.js';
import { WorkerPool } from '../src/stack/workerPool.js';

/** Runs a bench on an embedded stack of its own, and removes all that it left. */
export async function withStack<T>(work: (stack: EmbeddedStack) => Promise<T>): Promise<T> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'riffle-bench-'));
  const stack = await startEmbeddedStack({ dataFolder, onProgress: (line) => console.error(line) });
  Object.assign(process.env, stack.environment);
  try {
    return await work(stack);
  } finally {
    await stack.stop();
    await rm(dataFolder, { recursive: true, force: true });
  }
}

/**
 * Worker processes, ready.
 * @param memoryBytes budget of each
 * @param slots tasks at once of each [by its memory]
 */
export async function startWorkers(
  stack: EmbeddedStack,
  count: number,
  memoryBytes: number,
  slots?: number,
): Promise<WorkerPool> {
  const own = slots === undefined ? {} : { RIFFLE_WORKER_SLOTS: String(slots) };
  const environment = { ...stack.environment, ...own };
  const pool = new WorkerPool({ stack: { ...stack, environment }, count, memoryBytes, restart: false });
  const failure = await Promise.race([pool.ready, pool.failed]);
  if (failure instanceof Error) throw failure;
  return pool;
}
