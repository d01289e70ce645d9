import { forEachConcurrently } from '../concurrently.js';
import { readBytes } from '../formats/planReads.js';
import type { WorkMemory } from '../memory/workMemory.js';
import type { ByteSink } from '../storage/objectStore.js';

/** Bytes that are worked on together, where so many are to come: a call for less costs more than the bytes. */
const batchBytes = 128 * 1024;

/** Bytes of a window, which the processor's cache is to hold, but at least two records. */
const windowBytes = 2 * batchBytes;

/** Ranges that a task reads at a time: many where they are small, because each waits for its answer. */
const mostReads = 16;

/** Bytes that a task may have asked for and not got: more where it is large, so that answers that are late matter less. */
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

/** Memory through which what a task reads passes on its way to where it belongs. */
export class ReadWindow implements ByteSink {
  private held = 0;
  private left = 0;
  private use: (address: number, held: number) => number = () => 0;

  constructor(
    private readonly memory: WorkMemory,
    private readonly address: number,
    private readonly size: number,
  ) {}

  /**
   * Begins a read of `length` bytes.
   * @param use is called with the address of the bytes that are held, and returns how many of them it has done with; it
   *   sees the others again, before those that arrive next. It must not leave all when the window is full.
   */
  begin(length: number, use: (address: number, held: number) => number): void {
    this.held = 0;
    this.left = length;
    this.use = use;
  }

  /** What `use` has left. */
  get rest(): Uint8Array {
    return this.memory.view(this.address, this.held);
  }

  room(): Uint8Array {
    return this.memory.view(this.address + this.held, Math.min(this.size - this.held, this.left));
  }

  arrived(bytes: number): void {
    this.held += bytes;
    this.left -= bytes;
    if (this.held < batchBytes && this.left > 0 && this.held < this.size) return;
    const used = this.use(this.address, this.held);
    this.memory.view(this.address, this.held).copyWithin(0, used);
    this.held -= used;
  }
}

/** Takes a window for each read that `readsAtOnce` allows. @param width bytes of what must be seen as a whole, if any */
export function takeReadWindows(memory: WorkMemory, taskBytes: number, largest: number, width = 0): ReadWindow[] {
  const size = Math.max(1, Math.min(largest, Math.max(windowBytes, 2 * width)));
  const count = readsAtOnce(taskBytes, largest);
  return Array.from({ length: count }, () => new ReadWindow(memory, memory.take(size), size));
}

/** Reads all items, each through a window that is used again for later ones. The first error stops all. */
export async function readEach<T>(
  items: Iterable<T>,
  windows: readonly ReadWindow[],
  signal: AbortSignal,
  read: (item: T, window: ReadWindow, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const free = [...windows];
  await forEachConcurrently(items, free.length, signal, async (item, stop) => {
    const window = free.pop()!;
    await read(item, window, stop);
    free.push(window);
  });
}
