import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StackFailed } from '../errors.js';
import type { EmbeddedStack } from './embeddedStack.js';
import type { ManagedProcess } from './managedProcess.js';
import { packageFolder } from '../packageFolder.js';

export interface WorkerPoolOptions {
  readonly stack: Pick<EmbeddedStack, 'children' | 'environment' | 'dataFolder' | 'logFolder'>;
  /** Number of worker processes. */
  readonly count: number;
  /** Memory budget of each, in bytes. */
  readonly memoryBytes: number;
  /** Whether a worker that ends by itself is started again [true]. */
  readonly restart?: boolean;
  /** Program and arguments of one worker [Node on the built workers/worker.js]. */
  readonly command?: readonly [string, ...string[]];
  /** Takes a line of text for people. */
  readonly onProgress?: (line: string) => void;
}

/** What a worker prints on its standard output when it polls. */
export const workerReadyLine = 'worker ready';

const graceMilliseconds = 20_000;
const firstDelayMilliseconds = 500;
const longestDelayMilliseconds = 30_000;
/** A worker that lived this long was fine: its next end starts a new row of delays. */
const soundMilliseconds = 60_000;
const fruitlessStarts = 5;

/** Worker processes of an embedded stack. */
export class WorkerPool {
  /** Resolves when all workers have been ready once. */
  readonly ready: Promise<void>;
  /** Resolves when a worker has ended for good without ever being ready: it was started again, but to no avail. */
  readonly failed: Promise<StackFailed>;
  private readonly stopping = new AbortController();
  private readonly running = new Set<ManagedProcess>();
  private readonly lives: Promise<void>[];
  private reportFailure: (failure: StackFailed) => void = () => undefined;

  constructor(private readonly options: WorkerPoolOptions) {
    mkdirSync(options.stack.logFolder, { recursive: true });
    this.failed = new Promise((resolve) => {
      this.reportFailure = resolve;
    });
    const starts = Array.from({ length: options.count }, (_, index) => {
      let isReady: () => void = () => undefined;
      const ready = new Promise<void>((resolve) => {
        isReady = resolve;
      });
      return { ready, life: this.live(index + 1, isReady) };
    });
    this.lives = starts.map(({ life }) => life);
    this.ready = Promise.all(starts.map(({ ready }) => ready)).then(() => undefined);
  }

  get pids(): number[] {
    return [...this.running].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** Sends a signal to every worker and waits until these processes have ended; the pool starts new ones if it restarts. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    await Promise.all(
      [...this.running].map(async (worker) => {
        worker.kill(signal);
        await worker.exited;
      }),
    );
  }

  /** SIGTERM to all, after 20 s SIGKILL; none is started again. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all([...this.running].map((worker) => worker.stop(graceMilliseconds)));
    await Promise.all(this.lives);
  }

  /** One worker's place: its process, and those that follow it. */
  private async live(number: number, onReady: () => void): Promise<void> {
    const { signal } = this.stopping;
    let wasReady = false;
    let quickEnds = 0;
    while (!signal.aborted) {
      const started = Date.now();
      const worker = this.spawn(number, () => {
        wasReady = true;
        onReady();
      });
      this.running.add(worker);
      const reason = await worker.exited;
      this.running.delete(worker);
      if (signal.aborted) return;
      if (this.options.restart === false) {
        if (!wasReady) this.reportFailure(await neverReady(worker, reason));
        return;
      }
      quickEnds = Date.now() - started > soundMilliseconds ? 0 : quickEnds + 1;
      if (!wasReady && quickEnds === fruitlessStarts) {
        this.reportFailure(await neverReady(worker, reason));
        return;
      }
      const delay = Math.min(longestDelayMilliseconds, firstDelayMilliseconds * 2 ** Math.max(0, quickEnds - 1));
      this.options.onProgress?.(
        `${worker.name} ended (${reason}); starting it again in ${delay / 1000} s. Its log: ${worker.logFile}`,
      );
      await sleep(delay, undefined, { signal }).catch(() => undefined);
    }
  }

  private spawn(number: number, onReady: () => void): ManagedProcess {
    const { stack } = this.options;
    const [command, ...args] = this.options.command ?? [process.execPath, builtWorker()];
    return stack.children.spawn({
      name: `Worker ${number}`,
      command,
      args,
      environment: workerEnvironment(this.options),
      logFile: join(stack.logFolder, `worker-${number}.log`),
      onLine: (line) => {
        if (line === workerReadyLine) onReady();
      },
    });
  }
}

/** Our environment, but no AWS or Temporal settings other than the stack's: a user's profile must not leak in. */
function workerEnvironment({ stack, memoryBytes }: WorkerPoolOptions): NodeJS.ProcessEnv {
  const ours = Object.entries(process.env).filter(([name]) => !/^(AWS|TEMPORAL)_/.test(name));
  return {
    // Otherwise glibc keeps freed memory apart for every thread: some 40 MiB of a worker with four.
    MALLOC_ARENA_MAX: '2',
    ...Object.fromEntries(ours),
    ...stack.environment,
    TEMPORAL_CONFIG_FILE: absentTemporalConfig(stack.dataFolder),
    RIFFLE_WORKER_MEMORY: String(memoryBytes),
    RIFFLE_HEARTBEAT_TIMEOUT: '5s',
    RIFFLE_HEARTBEAT_THROTTLE: '1s',
    RIFFLE_STICKY_TIMEOUT: '2s',
    RIFFLE_POLLER_TIMEOUT: '15s',
  };
}

/** A path without a file: Temporal's clients then read no profile (with TLS, API keys) of the user's. */
export function absentTemporalConfig(dataFolder: string): string {
  return join(dataFolder, 'no-temporal.toml');
}

function builtWorker(): string {
  return join(packageFolder(), 'dist', 'workers', 'worker.js');
}

async function neverReady(worker: ManagedProcess, reason: string): Promise<StackFailed> {
  const tail = await worker.logTail();
  return new StackFailed(
    `${worker.name} ended (${reason}) before it was ready, at every start. ` +
      `The end of its log, ${worker.logFile}:\n${tail}`,
    { worker: worker.name, log: worker.logFile },
  );
}
