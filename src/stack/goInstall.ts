import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BinaryBuildFailed } from '../errors.js';

export interface GoInstall {
  /** Path of the `go` command. */
  readonly go: string;
  /** Go package path of the command, without a version. */
  readonly package: string;
  readonly version: string;
  /** Where the program shall stand; its base name is the one that Go gives it. */
  readonly target: string;
  /** A folder on the target's file system. */
  readonly cacheFolder: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}

const progressMilliseconds = 10_000;
const tailLines = 15;

/**
 * Builds a program by `go install package@version` and moves it to its place in one step, so that of several processes
 * that build the same program none sees half of another's.
 * @throws BinaryBuildFailed with the end of Go's output
 */
export async function goInstall(install: GoInstall): Promise<void> {
  const started = Date.now();
  const elapsed = (): string => `${Math.round((Date.now() - started) / 1000)} s`;
  const name = basename(install.target);
  await mkdir(dirname(install.target), { recursive: true });
  const folder = await mkdtemp(join(install.cacheFolder, 'build-'));
  const ticker = setInterval(() => {
    install.onProgress(`  … still building ${name} (${elapsed()})`);
  }, progressMilliseconds);
  try {
    await runGo(install, folder);
    await rename(join(folder, name), install.target);
    install.onProgress(`  built ${name} in ${elapsed()}`);
  } finally {
    clearInterval(ticker);
    await rm(folder, { recursive: true, force: true });
  }
}

async function runGo(install: GoInstall, folder: string): Promise<void> {
  const what = `${install.package}@${install.version}`;
  install.signal?.throwIfAborted();
  // A group of its own: stopping it must also reach the compilers that it starts.
  const go = spawn(install.go, ['install', what], {
    cwd: folder,
    env: { ...install.environment, GOBIN: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const stop = (): void => {
    if (go.pid !== undefined && go.exitCode === null) process.kill(-go.pid, 'SIGTERM');
  };
  install.signal?.addEventListener('abort', stop);
  process.on('exit', stop);
  const tail: string[] = [];
  const keep = (chunk: Buffer): void => {
    tail.push(...chunk.toString().split('\n').filter(Boolean));
    tail.splice(0, tail.length - tailLines);
  };
  go.stdout.on('data', keep);
  go.stderr.on('data', keep);
  try {
    const outcome = await new Promise<string>((resolve) => {
      go.once('error', (error) => {
        resolve(error.message);
      });
      go.once('close', (code, signal) => {
        resolve(code === 0 ? '' : signal === null ? `exit code ${code}` : `signal ${signal}`);
      });
    });
    install.signal?.throwIfAborted();
    if (outcome === '') return;
    throw new BinaryBuildFailed(
      `\`go install ${what}\` failed (${outcome}). The end of its output:\n${tail.join('\n')}\n` +
        `Mend what it says, or put ${basename(install.target)} on PATH, or use \`docker compose up\`.`,
      { package: what },
    );
  } finally {
    install.signal?.removeEventListener('abort', stop);
    process.off('exit', stop);
  }
}
