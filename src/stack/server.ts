import { setTimeout as sleep } from 'node:timers/promises';
import { StackFailed } from '../errors.js';
import type { ChildProcesses } from './childProcesses.js';
import type { ManagedProcess, ProcessOptions } from './managedProcess.js';

export interface ServerOptions extends ProcessOptions {
  /** Rejects as long as the server cannot serve. */
  readonly check: () => Promise<void>;
}

const startMilliseconds = 60_000;
const checkMilliseconds = 50;
const graceMilliseconds = 10_000;

/** A server process that is known to serve, and that says so when it ends by itself. */
export class Server {
  /** Resolves when the server has ended although nobody asked for it. */
  readonly failed: Promise<StackFailed>;
  private reportFailure: (failure: StackFailed) => void = () => undefined;
  private process: ManagedProcess;
  private expected = false;

  private constructor(
    private readonly options: ServerOptions,
    private readonly children: ChildProcesses,
  ) {
    this.failed = new Promise((resolve) => {
      this.reportFailure = resolve;
    });
    this.process = this.launch();
  }

  /**
   * Starts the server and waits until its check passes.
   * @throws StackFailed when it ends, or does not serve within 60 s
   */
  static async start(options: ServerOptions, children: ChildProcesses, signal?: AbortSignal): Promise<Server> {
    const server = new Server(options, children);
    try {
      await server.untilServing(signal);
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Ends the process by the given signal (for fault tests SIGKILL) and starts it again on its old port and data. */
  async restart(signal: NodeJS.Signals): Promise<void> {
    this.expected = true;
    this.process.kill(signal);
    await this.process.exited;
    this.expected = false;
    this.process = this.launch();
    await this.untilServing();
  }

  /** SIGTERM, after 10 s SIGKILL. */
  async stop(): Promise<void> {
    this.expected = true;
    await this.process.stop(graceMilliseconds);
  }

  private launch(): ManagedProcess {
    const launched = this.children.spawn(this.options);
    void launched.exited.then(async (reason) => {
      if (!this.expected) this.reportFailure(await this.failure(launched, `ended by itself (${reason})`));
    });
    return launched;
  }

  private async untilServing(signal?: AbortSignal): Promise<void> {
    const deadline = Date.now() + startMilliseconds;
    const started = this.process;
    for (;;) {
      signal?.throwIfAborted();
      const answer = await this.options.check().then(
        () => 'serves',
        (error: unknown) => String(error),
      );
      // Asked after the check: another process on the same port might have answered it.
      if (started.hasEnded) throw await this.failure(started, `ended while it started (${await started.exited})`);
      if (answer === 'serves') return;
      if (Date.now() > deadline) {
        throw await this.failure(started, `did not serve within ${startMilliseconds / 1000} s (${answer})`);
      }
      await sleep(checkMilliseconds);
    }
  }

  private async failure(ended: ManagedProcess, what: string): Promise<StackFailed> {
    const tail = await ended.logTail();
    return new StackFailed(
      `${this.options.name} ${what}. ` +
        (tail === '' ? `Its log is empty: ${ended.logFile}.` : `The end of its log, ${ended.logFile}:\n${tail}`),
      { server: this.options.name, log: ended.logFile },
    );
  }
}
