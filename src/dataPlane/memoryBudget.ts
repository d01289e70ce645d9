import { WorkerTooSmall } from '../errors.js';
import { formatSize } from '../sizes.js';

interface Waiting {
  readonly bytes: number;
  readonly start: () => void;
}

/** Bytes that the data tasks of a process share. They wait in the order in which they came. */
export class MemoryBudget {
  private readonly queue: Waiting[] = [];
  private taken = 0;

  /** @param capacity bytes */
  constructor(private readonly capacity: number) {}

  /** Bytes that nobody has taken. */
  get free(): number {
    return this.capacity - this.taken;
  }

  /**
   * Waits until so many bytes are free, and takes them.
   * @returns gives them back
   * @throws WorkerTooSmall; the signal's reason
   */
  async take(bytes: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (bytes > this.capacity) {
      throw new WorkerTooSmall(
        `A task needs ${formatSize(bytes)}, and this worker may use ${formatSize(this.capacity)}: start workers with ` +
          'more memory (riffle dev --memory, RIFFLE_WORKER_MEMORY), or the workflow with a smaller memory and replan.',
        { needed: bytes, capacity: this.capacity },
      );
    }
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        this.queue.splice(this.queue.indexOf(waiting), 1);
        reject(signal.reason as Error);
        this.startWaiting();
      };
      const waiting: Waiting = {
        bytes,
        start: () => {
          signal.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      this.queue.push(waiting);
      this.startWaiting();
    });
    return () => {
      this.taken -= bytes;
      this.startWaiting();
    };
  }

  /** Takes so many bytes if nobody has to wait for it. @returns gives them back */
  takeNow(bytes: number): (() => void) | undefined {
    if (bytes > 0 && (this.queue.length > 0 || bytes > this.free)) return undefined;
    this.taken += bytes;
    return () => {
      this.taken -= bytes;
      this.startWaiting();
    };
  }

  private startWaiting(): void {
    for (let next = this.queue[0]; next && this.taken + next.bytes <= this.capacity; next = this.queue[0]) {
      this.queue.shift();
      this.taken += next.bytes;
      next.start();
    }
  }
}
