import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { ForwardedError, TaskStalled } from '../errors.js';
import { packageFolder } from '../packageFolder.js';
import type { TaskOutcome } from '../workflows/contract.js';
import type { Job } from './jobs.js';
import { MemoryBudget } from './memoryBudget.js';
import type { ForwardedFailure, Note, Order, Progress } from './messages.js';

export interface ThreadPoolOptions {
  /** Jobs at once. */
  readonly threads: number;
  /** Bytes that all jobs together may hold. */
  readonly memory: number;
  /** Milliseconds without progress after which a job is given up [240,000]. */
  readonly stall?: number;
}

/** What a job's caller sees and decides. */
export interface JobControl {
  readonly signal: AbortSignal;
  /** Called now and then with the bytes read and written since the last call. */
  readonly onBytes: (bytes: number) => void;
}

/** Longer than the store allows any request to take: one that uploads a part may take 190 s. */
const defaultStall = 240_000;
/** Milliseconds that a thread gets to end a cancelled job; then it is ended itself. */
const cancelGrace = 3_000;
const built = join(packageFolder(), 'dist', 'src', 'dataPlane', 'thread.js');

/** The data threads of a worker process. */
export class ThreadPool {
  private readonly budget: MemoryBudget;
  private readonly threads = new Set<DataThread>();
  private readonly idle: DataThread[] = [];
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  constructor(private readonly options: ThreadPoolOptions) {
    this.budget = new MemoryBudget(options.memory);
  }

  /**
   * Does a job as soon as a thread is free.
   * @throws what the job threw; WorkerTooSmall, TaskStalled; the signal's reason
   */
  async run(job: Job, control: JobControl): Promise<TaskOutcome> {
    await this.turn(control.signal);
    const { thread, kept } = this.takeThread();
    let held = kept;
    try {
      return await thread.run(job, control, this.options.stall ?? defaultStall, (bytes) => {
        const own = held;
        held = undefined;
        if (own && bytes <= thread.retained) return Promise.resolve(own);
        own?.();
        return this.reserve(thread, bytes, control.signal);
      });
    } finally {
      held?.();
      if (thread.usable) this.idle.push(thread);
      else this.threads.delete(thread);
      // Whoever waits takes this job's turn over, so that nobody gets in between.
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }

  /** Ends all threads, and with them the jobs that they do. */
  async close(): Promise<void> {
    this.idle.length = 0;
    await Promise.all([...this.threads].map((thread) => this.end(thread)));
  }

  /** A thread, and what gives the memory back that it keeps: from now on that is taken. */
  private takeThread(): { thread: DataThread; kept: (() => void) | undefined } {
    for (let thread = this.idle.pop(); thread; thread = this.idle.pop()) {
      const kept = thread.usable ? this.budget.takeNow(thread.retained) : undefined;
      if (kept) return { thread, kept };
      // Where others need what it keeps, a fresh one has to do.
      void this.end(thread);
    }
    const thread = new DataThread();
    this.threads.add(thread);
    return { thread, kept: undefined };
  }

  private async end(thread: DataThread): Promise<void> {
    this.threads.delete(thread);
    await thread.end();
  }

  private async turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.running < this.options.threads) {
      this.running++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const abort = (): void => {
        this.waiting.splice(this.waiting.indexOf(start), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.waiting.push(start);
    });
  }

  /** A thread keeps what it once held. What idle threads keep must not add to what the running ones hold. */
  private async reserve(thread: DataThread, bytes: number, signal: AbortSignal): Promise<() => void> {
    const release = await this.budget.take(Math.max(bytes, thread.retained), signal);
    thread.retained = Math.max(bytes, thread.retained);
    this.idle.sort((a, b) => a.retained - b.retained);
    let kept = this.idle.reduce((sum, other) => sum + other.retained, 0);
    while (kept > this.budget.free) {
      const largest = this.idle.pop()!;
      kept -= largest.retained;
      await this.end(largest);
    }
    return release;
  }
}

// What threads hold outside of V8's heap counts against the size at which V8 looks through that heap. At its default threads
// with much memory spend a quarter of their time on it. Read when a thread starts; the heaps themselves stay small.
setFlagsFromString('--initial-old-space-size=512');

/** A thread and the job that it does. */
class DataThread {
  /** Bytes that it keeps from job to job. */
  retained = 0;
  usable = true;
  private readonly worker = new Worker(built, {
    // Threads move bytes outside of V8's heap; small young generations keep many threads small.
    resourceLimits: { maxYoungGenerationSizeMb: 16 },
  });

  /** Who listens, while a job is done. */
  private onNote: ((note: Note) => void) | undefined;
  private onFailure: ((error: Error) => void) | undefined;

  constructor() {
    this.worker.on('message', (note: Note) => this.onNote?.(note));
    this.worker.on('error', (error) => {
      this.usable = false;
      this.onFailure?.(error);
    });
    this.worker.on('exit', () => {
      this.usable = false;
      this.onFailure?.(new Error('The data thread ended'));
    });
    // An idle thread must not keep the process alive.
    this.worker.unref();
  }

  async run(
    job: Job,
    { signal, onBytes }: JobControl,
    stall: number,
    reserve: (bytes: number) => Promise<() => void>,
  ): Promise<TaskOutcome> {
    const { worker } = this;
    let release: (() => void) | undefined;
    let lastProgress = Date.now();
    // Whoever waits for memory makes no progress, and is not stalled.
    let waiting = false;
    let over = false;
    let seen: Progress = { note: 'progress', bytes: 0, steps: 0 };
    let refusal: { readonly error: unknown } | undefined;
    let grace: NodeJS.Timeout | undefined;
    const stalled = new AbortController();
    const stop = (): void => {
      this.tell({ order: 'cancel' });
      grace ??= setTimeout(() => void this.end(), cancelGrace);
    };
    const watch = setInterval(() => {
      if (!waiting && Date.now() - lastProgress > stall) stalled.abort();
    }, 1000);
    const onNote = (progress: Progress): void => {
      onBytes(progress.bytes - seen.bytes);
      if (progress.bytes !== seen.bytes || progress.steps !== seen.steps) lastProgress = Date.now();
      seen = progress;
    };
    try {
      return await new Promise<TaskOutcome>((resolve, reject) => {
        signal.addEventListener('abort', stop);
        stalled.signal.addEventListener('abort', stop);
        this.onFailure = reject;
        this.onNote = (note) => {
          switch (note.note) {
            case 'progress':
              onNote(note);
              break;
            case 'reserve':
              waiting = true;
              reserve(note.bytes).then(
                (give) => {
                  // The thread may be at its next job already.
                  if (over) {
                    give();
                    return;
                  }
                  release = give;
                  waiting = false;
                  lastProgress = Date.now();
                  this.tell({ order: 'granted' });
                },
                (error: unknown) => {
                  if (over) return;
                  refusal = { error };
                  stop();
                },
              );
              break;
            case 'done':
              resolve(note.outcome);
              break;
            case 'failed':
              reject(errorOf(note.error));
              break;
          }
        };
        worker.ref();
        this.tell({ order: 'run', job });
        if (signal.aborted) stop();
      });
    } catch (error) {
      if (refusal) throw refusal.error;
      signal.throwIfAborted();
      if (!stalled.signal.aborted) throw error;
      throw new TaskStalled(`The task got no further for ${stall / 1000} s; this attempt was given up.`);
    } finally {
      over = true;
      clearInterval(watch);
      clearTimeout(grace);
      signal.removeEventListener('abort', stop);
      this.onNote = this.onFailure = undefined;
      worker.unref();
      release?.();
    }
  }

  async end(): Promise<void> {
    this.usable = false;
    await this.worker.terminate();
  }

  private tell(order: Order): void {
    this.worker.postMessage(order);
  }
}

function errorOf({ message, stack, known }: ForwardedFailure): Error {
  if (known) return new ForwardedError(message, known);
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
