import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageFolder } from '../../src/packageFolder.js';
import { sharedServers } from './stack.js';

/** `riffle browse` in a process of its own. */
export interface BrowseProcess {
  /** Of the run, with a slash at its end. */
  readonly url: string;
  /** What it printed on stdout so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Ends it by a signal; resolves to its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  close(): Promise<void>;
}

/**
 * The built `riffle browse RUN --json` on the shared S3 server; opens no browser unless `args` say `--open`.
 * @param environment put on top of the stack's
 */
export async function startBrowse(
  run: string,
  args: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): Promise<BrowseProcess> {
  const stack = await sharedServers();
  const main = join(packageFolder(), 'dist', 'src', 'cli', 'main.js');
  const flags = args.includes('--open') ? args.filter((flag) => flag !== '--open') : [...args, '--no-open'];
  const child = spawn(process.execPath, [main, 'browse', run, '--json', ...flags], {
    env: { PATH: process.env.PATH, ...stack.environment, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      const [, found] = /"url": "([^"]+)"[^}]*\}\n$/.exec(stdout) ?? [];
      if (found !== undefined) resolve(found);
    });
    void ended.then((code) => {
      reject(new assert.AssertionError({ message: `riffle browse ended with ${code}: ${stdout}${stderr}` }));
    });
  });
  return {
    url,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    end: (signal) => {
      child.kill(signal);
      return ended;
    },
    close: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
