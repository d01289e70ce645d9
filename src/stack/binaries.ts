import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import envPaths from 'env-paths';
import { BinariesMissing, BinaryUnusable } from '../errors.js';
import { checkTemporal, checkVersitygw, type Usability } from './binaryVersion.js';
import { goInstall } from './goInstall.js';

/** Paths of the two servers' programs. */
export interface Binaries {
  readonly temporal: string;
  readonly versitygw: string;
}

export interface BinarySearch {
  /** Where the variables and PATH are read [the process's environment]. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Where built programs are kept [the user's cache folder]. */
  readonly cacheFolder?: string;
  /** Takes a line of text for people. */
  readonly onProgress?: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

interface Program {
  readonly name: 'temporal' | 'versitygw';
  readonly title: string;
  readonly variable: string;
  readonly package: string;
  readonly version: string;
  readonly check: (path: string) => Promise<Usability>;
}

const programs: readonly Program[] = [
  {
    name: 'temporal',
    title: 'the Temporal dev server',
    variable: 'RIFFLE_TEMPORAL_BINARY',
    package: 'github.com/temporalio/cli/cmd/temporal',
    version: 'v1.5.1',
    check: checkTemporal,
  },
  {
    name: 'versitygw',
    title: 'the S3 server versitygw',
    variable: 'RIFFLE_VERSITYGW_BINARY',
    package: 'github.com/versity/versitygw/cmd/versitygw',
    version: 'v1.8.0',
    check: checkVersitygw,
  },
];

/**
 * Finds both programs: by environment variable, on PATH, in the per-user cache; what is missing is built once into
 * that cache.
 * @throws BinaryUnusable, BinariesMissing, BinaryBuildFailed
 */
export async function findBinaries(search: BinarySearch = {}): Promise<Binaries> {
  const environment = search.environment ?? process.env;
  const cacheFolder = search.cacheFolder ?? envPaths('riffle', { suffix: '' }).cache;
  const onProgress = search.onProgress ?? (() => undefined);

  const found = new Map<string, string>();
  const missing: Program[] = [];
  for (const program of programs) {
    const path =
      (await byVariable(program, environment)) ??
      (await byPath(program, environment, onProgress)) ??
      (await executable(cachePath(cacheFolder, program)));
    if (path === undefined) missing.push(program);
    else found.set(program.name, path);
  }
  if (missing.length > 0) {
    const go = await onPath('go', environment);
    if (go === undefined) throw binariesMissing(missing);
    for (const program of missing) {
      const target = cachePath(cacheFolder, program);
      onProgress(
        `Building ${program.title} (${program.package}@${program.version}): it is neither named by ` +
          `${program.variable} nor on PATH. This takes some minutes and happens once; it is kept in ${cacheFolder}.`,
      );
      await goInstall({ go, ...program, target, cacheFolder, environment, onProgress, signal: search.signal });
      found.set(program.name, target);
    }
  }
  return Object.fromEntries(found) as unknown as Binaries;
}

async function byVariable(program: Program, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const path = environment[program.variable];
  if (path === undefined || path === '') return undefined;
  const problem = (await executable(path)) === undefined ? 'it is no executable file' : await unusable(program, path);
  if (problem === undefined) return path;
  throw new BinaryUnusable(
    `${program.variable} is ${path}, but ${problem}. Name a usable ${program.name} there, or unset the variable: ` +
      'riffle then looks on PATH and else builds its own.',
    { variable: program.variable, path },
  );
}

/** A version that cannot be told is the user's own choice when a variable names the program. */
async function unusable(program: Program, path: string): Promise<string | undefined> {
  const result = await program.check(path);
  return result.usable === false ? result.why : undefined;
}

async function byPath(
  program: Program,
  environment: NodeJS.ProcessEnv,
  onProgress: (line: string) => void,
): Promise<string | undefined> {
  const path = await onPath(program.name, environment);
  if (path === undefined) return undefined;
  const result = await program.check(path);
  if (result.usable === true) return path;
  onProgress(`Passing over ${path}: ${result.why}. (To use it all the same, set ${program.variable}.)`);
  return undefined;
}

async function onPath(name: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const folder of (environment.PATH ?? '').split(delimiter)) {
    const path = folder === '' ? undefined : await executable(join(folder, name));
    if (path !== undefined) return path;
  }
  return undefined;
}

async function executable(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile() ? path : undefined;
  } catch {
    return undefined;
  }
}

function cachePath(cacheFolder: string, program: Program): string {
  return join(cacheFolder, `${program.name}-${program.version}`, program.name);
}

function binariesMissing(missing: readonly Program[]): BinariesMissing {
  const names = missing.map((program) => program.name);
  const variables = missing.map((program) => program.variable);
  return new BinariesMissing(
    `The embedded stack needs ${names.join(' and ')}: not named by ${variables.join(' or ')}, not on PATH, not in ` +
      "riffle's cache; and there is no Go toolchain (`go`) on PATH to build from source. Three ways out:\n" +
      '  1. install Go and run the command again: riffle then builds what is missing, once;\n' +
      '  2. put temporal (Temporal CLI 1.5 or newer) and versitygw (1.8.0 or newer) on PATH, or name them by ' +
      'RIFFLE_TEMPORAL_BINARY and RIFFLE_VERSITYGW_BINARY;\n' +
      "  3. run the servers with `docker compose up` in riffle's folder and set AWS_* and TEMPORAL_ADDRESS as " +
      'docker-compose.yml says.',
    { missing: names },
  );
}
