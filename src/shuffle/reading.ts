import { forEachConcurrently } from '../concurrently.js';
import type { WorkMemory } from '../memory/workMemory.js';

/** The largest range of one GET. */
export const readBytes = 8 * 1024 * 1024;

/** Bytes that are worked on together as they arrive: they are still in the processor's cache. */
export const batchBytes = 128 * 1024;

/** Ranges that a task reads at a time: many where they are small, because each waits for its answer. */
const mostReads = 16;

/** Bytes that a task may have under way: more where it has more memory anyhow, and little where it has little. */
function bytesInFlight(taskBytes: number): number {
  return Math.min(Math.max(taskBytes / 64, 4 * readBytes), mostReads * readBytes, Math.max(taskBytes / 2, readBytes));
}

/**
 * Ranges that a task reads at a time.
 * @param taskBytes of all its records
 * @param largest bytes of its largest read
 */
export function readsAtOnce(taskBytes: number, largest: number): number {
  return Math.max(1, Math.min(mostReads, Math.floor(bytesInFlight(taskBytes) / Math.max(1, largest))));
}

export interface ReadOptions {
  readonly signal: AbortSignal;
  /** Called with the number of bytes that have arrived. */
  readonly onBytes: (bytes: number) => void;
}

/** Buffers of a task's memory into which it reads. */
export interface ReadBuffers {
  readonly addresses: readonly number[];
  /** Bytes of each. */
  readonly bytes: number;
}

/** Takes as many as `readsAtOnce` says. */
export function takeReadBuffers(memory: WorkMemory, taskBytes: number, largest: number): ReadBuffers {
  const bytes = Math.max(1, largest);
  const count = readsAtOnce(taskBytes, largest);
  return { addresses: Array.from({ length: count }, () => memory.take(bytes)), bytes };
}

/** Reads all items, a few at a time, each into a buffer that is used again for later ones. The first error stops all. */
export async function readEach<T>(
  items: Iterable<T>,
  buffers: ReadBuffers,
  signal: AbortSignal,
  read: (item: T, buffer: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const free = [...buffers.addresses];
  await forEachConcurrently(items, free.length, signal, async (item, stop) => {
    const buffer = free.pop()!;
    await read(item, buffer, stop);
    free.push(buffer);
  });
}
