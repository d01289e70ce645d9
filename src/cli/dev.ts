import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startEmbeddedStack, type EmbeddedStack } from '../stack/embeddedStack.js';
import { writePrivateFile } from '../stack/files.js';
import { WorkerPool } from '../stack/workerPool.js';
import { dataFolderName, environmentFileName, formatEnvironment } from './environment.js';
import { say } from './output.js';
import { stopSignals } from './stopSignals.js';

export interface DevOptions {
  /** Number of worker processes. */
  readonly workers: number;
  /** Memory budget of each worker, in bytes. */
  readonly memoryBytes: number;
  /** The folder that holds `.riffle/` [the current one]. */
  readonly folder?: string;
  /** Program and arguments of one worker, for tests. */
  readonly workerCommand?: readonly [string, ...string[]];
}

/**
 * Runs the embedded stack and its workers in the foreground until SIGINT, SIGTERM or SIGHUP.
 * @returns the exit code 0
 * @throws the errors of `startEmbeddedStack`; StackFailed when a server ends by itself, or no worker gets ready
 */
export async function dev(options: DevOptions): Promise<number> {
  const dataFolder = resolve(options.folder ?? process.cwd(), dataFolderName);
  const environmentFile = join(dataFolder, environmentFileName);
  const stop = stopSignals(() => {
    rmSync(environmentFile, { force: true });
  });
  try {
    const stack = await startEmbeddedStack({ dataFolder, onProgress: say, signal: stop.signal });
    try {
      await serve(stack, environmentFile, options, stop.signal);
    } finally {
      await stack.stop();
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    stop.release();
  }
  say(`Stopped. The data stays in ${dataFolder}.`);
  return 0;
}

async function serve(
  stack: EmbeddedStack,
  environmentFile: string,
  options: DevOptions,
  signal: AbortSignal,
): Promise<void> {
  // Of an earlier run that was killed; the servers it names are gone.
  rmSync(environmentFile, { force: true });
  const pool = new WorkerPool({
    stack,
    count: options.workers,
    memoryBytes: options.memoryBytes,
    onProgress: say,
    ...(options.workerCommand === undefined ? {} : { command: options.workerCommand }),
  });
  const stopped = new Promise<'stopped'>((resolve) => {
    if (signal.aborted) resolve('stopped');
    signal.addEventListener('abort', () => {
      resolve('stopped');
    });
  });
  try {
    const start = await Promise.race([pool.ready, pool.failed, stack.failed, stopped]);
    if (start instanceof Error) throw start;
    if (start === 'stopped') return;

    writePrivateFile(environmentFile, formatEnvironment({ ...stack.environment }));
    sayAddresses(stack, environmentFile, options.workers);
    process.stdout.write('ready\n');

    const end = await Promise.race([pool.failed, stack.failed, stopped]);
    if (end !== 'stopped') throw end;
    say('Stopping …');
  } finally {
    rmSync(environmentFile, { force: true });
    await pool.stop();
  }
}

function sayAddresses(stack: EmbeddedStack, environmentFile: string, workers: number): void {
  const { environment } = stack;
  say(`Temporal web UI  ${environment.RIFFLE_UI}`);
  say(`Temporal         ${environment.TEMPORAL_ADDRESS}, namespace ${environment.TEMPORAL_NAMESPACE}`);
  say(`S3               ${environment.AWS_ENDPOINT_URL_S3}, bucket ${stack.bucket}`);
  say(`Workers          ${workers} (logs in ${stack.logFolder})`);
  say('riffle commands in this folder use these servers. For other programs:');
  say(`  source ${environmentFile}`);
  say('Ctrl-C stops everything; data is kept.');
}
