import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeStart } from '../../src/cli/start.js';
import { findBinaries } from '../../src/stack/binaries.js';
import { packageFolder } from '../../src/packageFolder.js';
import { absentTemporalConfig } from '../../src/stack/workerPool.js';
import { sharedServers } from './stack.js';

/** How a program ended, and all that it printed. */
export interface CliRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly stdin?: string;
  /** Put on top of the shared stack's; undefined takes a variable away. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Called with all that stands on stderr so far. */
  readonly onStderr?: (text: string) => void;
}

/** The built `riffle`, in an empty folder, on the shared stack. */
export async function runRiffle(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const main = join(packageFolder(), 'dist', 'src', 'cli', 'main.js');
  const folder = await mkdtemp(join(tmpdir(), 'riffle-cli-'));
  try {
    return await runProgram(process.execPath, [main, ...args], folder, options);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The Temporal CLI, on the shared stack. */
export async function runTemporal(args: readonly string[]): Promise<CliRun> {
  const { temporal } = await findBinaries();
  return runProgram(temporal, args, tmpdir());
}

/** Any program, in a folder, on the shared stack. */
export async function runProgram(
  program: string,
  args: readonly string[],
  folder: string,
  { stdin = '', environment, onStderr }: CliOptions = {},
): Promise<CliRun> {
  const stack = await sharedServers();
  const own = Object.entries(process.env).filter(([name]) => !/^(AWS|TEMPORAL|RIFFLE)_/.test(name));
  const all: NodeJS.ProcessEnv = {
    ...Object.fromEntries(own),
    ...stack.environment,
    TEMPORAL_CONFIG_FILE: absentTemporalConfig(stack.dataFolder),
    ...environment,
  };
  const child = spawn(program, args, { cwd: folder, env: all, stdio: ['pipe', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    onStderr?.(stderr);
  });
  // A program that refuses its arguments never reads its input.
  child.stdin.on('error', () => undefined).end(stdin);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  return { exitCode, stdout, stderr };
}

/** `riffle start TYPE --wait --json` with this input. */
export function startAndWait(type: string, input: unknown, options: CliOptions = {}): Promise<CliRun> {
  const args = ['start', type, '--input', '-', '--wait', '--json'];
  return runRiffle(args, { ...options, stdin: JSON.stringify(input) });
}

/** The same for a shuffle that runs already: resolves when it was joined. */
export async function joinAndWait(input: object): Promise<{ ended: Promise<CliRun> }> {
  let joined: () => void = () => undefined;
  const seen = new Promise<void>((resolve) => {
    joined = resolve;
  });
  const ended = startAndWait('shuffle', input, {
    onStderr: (text) => {
      if (text.includes('is running already: joined it')) joined();
    },
  });
  await Promise.race([seen, ended.then((run) => assert.fail(`not joined: ${run.stdout}${run.stderr}`))]);
  return { ended };
}

/** The one JSON document that a program printed. */
export function documentOf<T = Record<string, unknown>>({ stdout, stderr }: CliRun): T {
  try {
    return JSON.parse(stdout) as T;
  } catch {
    assert.fail(`not exactly one JSON document on stdout: ${JSON.stringify(stdout)}\nstderr: ${stderr}`);
  }
}

/** The document of a command that must succeed. */
export function successOf<T = Record<string, unknown>>(run: CliRun): T {
  assert.equal(run.exitCode, 0, run.stderr + run.stdout);
  return documentOf<T>(run);
}

interface ErrorDocument {
  readonly code: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/**
 * Checks how a command failed: the exit code, nothing on stdout but the error, the same for people on stderr.
 * @param says what the message must hold
 */
export function assertFailed(run: CliRun, exitCode: 1 | 2, code: string, ...says: (RegExp | string)[]): ErrorDocument {
  const { error, ...others } = documentOf<{ error?: ErrorDocument }>(run);
  assert.ok(error, `no error, but ${run.stdout}`);
  assert.deepEqual(others, {});
  assert.equal(error.code, code, error.message);
  for (const part of says) {
    if (typeof part === 'string') assert.ok(error.message.includes(part), `no ${part} in: ${error.message}`);
    else assert.match(error.message, part);
  }
  assert.ok(run.stderr.replaceAll('\n', ' ').includes(error.message), `stderr says otherwise: ${run.stderr}`);
  assert.equal(run.exitCode, exitCode, error.message);
  return error;
}

/**
 * Starts a shuffle, under the id that `riffle start` gives it, that begins no task before `resume`.
 * @returns its workflow id
 */
export async function startPaused(input: object): Promise<string> {
  const { workflowId } = describeStart('shuffle', input);
  const flags = ['--workflow-id', workflowId, '--type', 'shuffle', '--task-queue', 'riffle'];
  const update = ['--update-name', 'setParallelism', '--update-input', '0', '--id-conflict-policy', 'Fail'];
  const paused = await runTemporal([
    'workflow',
    'execute-update-with-start',
    ...flags,
    ...update,
    '--input',
    JSON.stringify(input),
  ]);
  assert.equal(paused.exitCode, 0, paused.stderr);
  return workflowId;
}

/** Lets a paused workflow go on. */
export async function resume(workflowId: string): Promise<void> {
  const update = ['workflow', 'update', 'execute', '--workflow-id', workflowId, '--name', 'setParallelism'];
  const resumed = await runTemporal([...update, '--input', '4']);
  assert.equal(resumed.exitCode, 0, resumed.stderr);
}
