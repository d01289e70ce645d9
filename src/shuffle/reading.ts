import { forEachConcurrently } from '../concurrently.js';

/** The largest range of one GET. */
export const readBytes = 16 * 1024 * 1024;

/** Objects or ranges that a task reads at a time. */
export const concurrentReads = 4;

export interface ReadOptions {
  readonly signal: AbortSignal;
  /** Called with the number of bytes that have arrived. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Reads all items, a few at a time, each into a buffer of `readBytes` that is used again for later ones. The first
 * error stops the others.
 */
export async function readEach<T>(
  items: Iterable<T>,
  signal: AbortSignal,
  read: (item: T, buffer: Uint8Array, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const buffers: Buffer[] = [];
  await forEachConcurrently(items, concurrentReads, signal, async (item, stop) => {
    const buffer = buffers.pop() ?? Buffer.allocUnsafeSlow(readBytes);
    await read(item, buffer, stop);
    buffers.push(buffer);
  });
}
