import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a check found: usable, unusable (why), or of a version that cannot be told. */
export type Usability = { readonly usable: true } | { readonly usable: false | 'unknown'; readonly why: string };

/** The Temporal server inside the CLI that riffle is tested with; older ones lack what `riffle` shows in the web UI. */
const leastTemporalServer = [1, 29, 0] as const;

/** Before 1.8.0 several of racing `If-None-Match: *` PUTs could win. */
const leastVersitygw = [1, 8, 0] as const;

export async function checkTemporal(path: string): Promise<Usability> {
  const output = await printVersion(path);
  if (typeof output !== 'string') return output;
  const server = /\(Server (\d+)\.(\d+)\.(\d+)/.exec(output);
  if (server === null) {
    return { usable: false, why: `\`temporal --version\` names no server: ${JSON.stringify(output.trim())}` };
  }
  return atLeast(server.slice(1).map(Number), leastTemporalServer, 'its server');
}

export async function checkVersitygw(path: string): Promise<Usability> {
  const output = await printVersion(path);
  if (typeof output !== 'string') return output;
  const released = /Version\s*:\s*v?(\d+)\.(\d+)\.(\d+)/.exec(output) ?? (await moduleVersion(path));
  if (released === null) return { usable: 'unknown', why: 'it does not say its version' };
  return atLeast(released.slice(1).map(Number), leastVersitygw, 'it');
}

async function printVersion(path: string): Promise<string | Usability> {
  try {
    const { stdout } = await run(path, ['--version'], { timeout: 60_000 });
    return stdout;
  } catch (error) {
    return { usable: false, why: `\`--version\` failed: ${(error as Error).message.trim()}` };
  }
}

/** `go install` sets no version string; the Go linker records the module's version inside the file instead. */
async function moduleVersion(path: string): Promise<RegExpExecArray | null> {
  const file = await readFile(path);
  const at = file.indexOf('mod\tgithub.com/versity/versitygw\tv');
  return at < 0 ? null : /\tv(\d+)\.(\d+)\.(\d+)/.exec(file.toString('latin1', at, at + 100));
}

function atLeast(version: readonly number[], least: readonly number[], what: string): Usability {
  const difference = version.map((part, index) => part - (least[index] ?? 0)).find((part) => part !== 0) ?? 0;
  if (difference >= 0) return { usable: true };
  return { usable: false, why: `${what} is ${version.join('.')}, older than ${least.join('.')}` };
}
