import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, createWriteStream, openSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';

export interface ProcessOptions {
  /** What messages call it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the process: nothing is inherited. */
  readonly environment: NodeJS.ProcessEnv;
  /** Its output is appended here. */
  readonly logFile: string;
  /** Takes each line of its standard output, which also goes to the log. */
  readonly onLine?: (line: string) => void;
}

const tailBytes = 16 * 1024;

/** A child process with a log file, in a session of its own: Ctrl-C in our terminal reaches only us, and we stop it in order. */
export class ManagedProcess {
  /** Resolves, with the reason in words, when the process has ended or could not start. */
  readonly exited: Promise<string>;
  private readonly child: ChildProcess;
  private readonly logStart: number;
  private ended = false;

  constructor(private readonly options: ProcessOptions) {
    const log = openSync(options.logFile, 'a', 0o600);
    this.logStart = statSync(options.logFile).size;
    this.child = spawn(options.command, options.args, {
      env: options.environment,
      stdio: ['ignore', options.onLine === undefined ? log : 'pipe', log],
      detached: true,
    });
    closeSync(log);
    this.exited = new Promise<string>((resolve) => {
      this.child.once('error', (error) => {
        resolve(error.message);
      });
      this.child.once('exit', (code, signal) => {
        resolve(signal === null ? `exit code ${code}` : `signal ${signal}`);
      });
    }).finally(() => {
      this.ended = true;
    });
    this.readLines();
  }

  get name(): string {
    return this.options.name;
  }

  get logFile(): string {
    return this.options.logFile;
  }

  /** Undefined when the process could not be started. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  get hasEnded(): boolean {
    return this.ended;
  }

  /** Sends a signal; a process that has ended counts as done. */
  kill(signal: NodeJS.Signals): void {
    if (!this.ended) this.child.kill(signal);
  }

  /** SIGTERM, after the grace SIGKILL; resolves when the process has ended. */
  async stop(graceMilliseconds: number): Promise<void> {
    const timer = setTimeout(() => {
      this.kill('SIGKILL');
    }, graceMilliseconds);
    try {
      this.kill('SIGTERM');
      await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The last lines that this process wrote to its log. */
  async logTail(lines = 20): Promise<string> {
    const file = await open(this.options.logFile);
    try {
      const { size } = await file.stat();
      const start = Math.max(this.logStart, size - tailBytes);
      const buffer = Buffer.alloc(Math.max(0, size - start));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
      return buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-lines).join('\n');
    } finally {
      await file.close();
    }
  }

  private readLines(): void {
    const { onLine, logFile } = this.options;
    if (onLine === undefined || this.child.stdout === null) return;
    const log = createWriteStream(logFile, { flags: 'a' });
    createInterface({ input: this.child.stdout })
      .on('line', (line) => {
        log.write(`${line}\n`);
        onLine(line);
      })
      .on('close', () => log.end());
  }
}
