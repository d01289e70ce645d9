import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { spawn } from 'node:child_process';
import { packageFolder } from '../../src/packageFolder.js';
import { findBinaries } from '../../src/stack/binaries.js';
import { startEmbeddedStack } from '../../src/stack/embeddedStack.js';
import { absentTemporalConfig, WorkerPool } from '../../src/stack/workerPool.js';

/** What differs from run to run, and what stands for it in a transcript. */
const volatile: readonly (readonly [RegExp, string])[] = [
  [/^\w+: \d+ of \d+ files, .*\n/gm, ''],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<run id>'],
  [/127\.0\.0\.1:\d+/g, '127.0.0.1:<port>'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?/g, '<time>'],
  [/\b(\d+ (second|minute)s? (ago|from now)|now)\b/g, '<time>'],
  [/\b\d+(\.\d+)? (s left|MiB\/s)/g, '<number> $2'],
  [/(took) \d+(\.\d+)? s/g, '$1 <number> s'],
  [/"(bytesPerSecond|etaSeconds)": ?(\d+|null)/g, '"$1":<number>'],
  [/^( +(StateTransitionCount|HistoryLength|HistorySize|InitiatedId) +)\d+/gm, '$1<number>'],
  [/^( +SearchAttributes +).*/gm, '$1<search attributes>'],
  [/ +$/gm, ''],
];

/**
 * Runs the commands of a transcript, on an embedded stack of its own with two workers, and puts what they print in the
 * place of what stands there. A transcript is Markdown; its commands are the lines after `$ ` of blocks marked `console`,
 * with `> ` before the lines that go on. A command that fails is followed by its exit code.
 */
export async function replayTranscript(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'riffle-transcript-'));
  const stack = await startEmbeddedStack({ dataFolder: join(folder, '.riffle') });
  const pool = new WorkerPool({ stack, count: 2, memoryBytes: 512 * 1024 ** 2, restart: false });
  try {
    const failure = await Promise.race([pool.ready, pool.failed]);
    if (failure instanceof Error) throw failure;
    const environment = {
      ...Object.fromEntries(
        Object.entries(process.env).filter(([name]) => !/^(AWS|TEMPORAL|RIFFLE|GITHUB)_/.test(name)),
      ),
      ...stack.environment,
      TEMPORAL_CONFIG_FILE: absentTemporalConfig(stack.dataFolder),
      PATH: [await programs(folder), process.env.PATH].join(delimiter),
    };
    for (const name of ['examples', 'docs']) await symlink(join(packageFolder(), name), join(folder, name));
    const parts: string[] = [];
    for (const part of text.split(/^(```console\n[^]*?^```\n)/m)) {
      parts.push(part.startsWith('```console\n') ? await replayBlock(part, folder, environment) : part);
    }
    return parts.join('');
  } finally {
    await pool.stop();
    await stack.stop();
    await rm(folder, { recursive: true });
  }
}

/** `riffle` and `temporal`, as people would have them. */
async function programs(folder: string): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  const { temporal } = await findBinaries();
  const main = join(packageFolder(), 'dist', 'src', 'cli', 'main.js');
  await symlink(temporal, join(bin, 'temporal'));
  await writeFile(join(bin, 'riffle'), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`, { mode: 0o755 });
  return bin;
}

async function replayBlock(block: string, folder: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const commands = [...block.matchAll(/^\$ (.*)\n((?:> .*\n)*)/gm)];
  const parts = ['```console\n'];
  for (const [typed, first, more] of commands) {
    const command = [first, ...more!.split('\n').map((line) => line.slice(2))].join('\n');
    parts.push(typed, normalized(await runCommand(command, folder, environment)));
  }
  return [...parts, '```\n'].join('');
}

async function runCommand(command: string, folder: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn('bash', ['-c', `exec 2>&1\n${command}`], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  if (output !== '' && !output.endsWith('\n')) output += '\n';
  return exitCode === 0 ? output : `${output}(exit code ${exitCode})\n`;
}

function normalized(output: string): string {
  return volatile.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), output);
}
