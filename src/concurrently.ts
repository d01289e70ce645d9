import { setMaxListeners } from 'node:events';

/**
 * Runs `task` for every item, at most `limit` at a time, started in the items' order. The first failure aborts the
 * others and is thrown when all have ended, so nothing goes on behind the caller's back.
 * @param signal aborts everything; the tasks get a signal of their own that also follows it
 */
export async function forEachConcurrently<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  signal: AbortSignal | undefined,
  task: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const linked = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  // Every item's requests listen to it; Node takes more than ten listeners for a leak.
  setMaxListeners(0, linked);
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let failure: { readonly error: unknown } | undefined;

  async function work(): Promise<void> {
    try {
      for (;;) {
        linked.throwIfAborted();
        const next = await iterator.next();
        if (next.done) return;
        await task(next.value, linked);
      }
    } catch (error) {
      failure ??= { error };
      stop.abort(error);
    }
  }

  await Promise.all(Array.from({ length: limit }, work));
  await iterator.return?.();
  if (failure) throw failure.error;
}

/** An amount that tasks share: each takes its part, in the order in which they came, and gives it back. */
export class Budget {
  private readonly waiting: { readonly amount: number; readonly start: () => void }[] = [];
  private free: number;

  constructor(private readonly capacity: number) {
    this.free = capacity;
  }

  /** Runs `task` when `amount` is free; a task that wants more than there is runs alone. */
  async run<T>(amount: number, task: () => Promise<T>): Promise<T> {
    const taken = Math.min(amount, this.capacity);
    await new Promise<void>((start) => {
      this.waiting.push({ amount: taken, start });
      this.startWaiting();
    });
    try {
      return await task();
    } finally {
      this.free += taken;
      this.startWaiting();
    }
  }

  private startWaiting(): void {
    for (let next = this.waiting[0]; next && next.amount <= this.free; next = this.waiting[0]) {
      this.waiting.shift();
      this.free -= next.amount;
      next.start();
    }
  }
}
