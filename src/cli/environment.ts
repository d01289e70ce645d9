import { join } from 'node:path';
import { InvalidInput } from '../errors.js';
import { readIfPresent } from '../stack/files.js';
import { absentTemporalConfig } from '../stack/workerPool.js';

/** Where `riffle dev` keeps its data, below the folder in which it runs. */
export const dataFolderName = '.riffle';

/** The file by which `riffle dev` tells other commands, and shells, where its servers are. */
export const environmentFileName = 'dev.env';

/** A connection is taken from the file as a whole, or not at all: mixed settings would reach neither server. */
const connections: readonly { readonly users: RegExp; readonly ours: RegExp }[] = [
  {
    users:
      /^AWS_(ENDPOINT_URL|ENDPOINT_URL_S3|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|PROFILE|CONFIG_FILE|SHARED_CREDENTIALS_FILE|ROLE_ARN|WEB_IDENTITY_TOKEN_FILE|CONTAINER_CREDENTIALS_(FULL|RELATIVE)_URI)$/,
    ours: /^AWS_/,
  },
  { users: /^TEMPORAL_(ADDRESS|PROFILE|CONFIG_FILE|API_KEY)$/, ours: /^(TEMPORAL_|RIFFLE_UI$)/ },
];

/**
 * Makes the servers of a `riffle dev` in this folder the ones that this process uses, unless the environment already
 * names others. S3 and Temporal are decided apart.
 * @returns the names of the variables that were set; empty when no `riffle dev` runs in the folder
 * @throws InvalidInput when the file is not one that `riffle dev` writes
 */
export async function loadEnvironment(
  folder: string = process.cwd(),
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string[]> {
  const dataFolder = join(folder, dataFolderName);
  const path = join(dataFolder, environmentFileName);
  const text = await readIfPresent(path);
  if (text === undefined) return [];
  const variables = Object.entries(parseEnvironment(text, path));

  const set: string[] = [];
  for (const { users, ours } of connections) {
    if (Object.entries(environment).some(([name, value]) => users.test(name) && value !== '')) continue;
    for (const [name, value] of variables.filter(([name]) => ours.test(name))) {
      environment[name] = value;
      set.push(name);
    }
  }
  if (set.includes('TEMPORAL_ADDRESS')) environment.TEMPORAL_CONFIG_FILE = absentTemporalConfig(dataFolder);
  return set;
}

/** One `export NAME=value` line a variable, for shells and for `parseEnvironment`. */
export function formatEnvironment(variables: Readonly<Record<string, string>>): string {
  const quote = (value: string): string =>
    /^[\w.,:/@%+=-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quote(value)}\n`)
    .join('');
}

/**
 * Reads what `formatEnvironment` writes, and nothing else.
 * @param path where the text stands, for the message
 * @throws InvalidInput
 */
export function parseEnvironment(text: string, path: string): Record<string, string> {
  const variables: Record<string, string> = {};
  const entry = /export ([A-Z_][A-Z0-9_]*)=(?:([\w.,:/@%+=-]+)|'((?:[^']|'\\'')*)')\n/y;
  while (entry.lastIndex < text.length) {
    const start = entry.lastIndex;
    const match = entry.exec(text);
    if (match === null) {
      const line = text.slice(0, start).split('\n').length;
      throw new InvalidInput(
        `${path}, line ${line}, is not \`export NAME=value\`. Start \`riffle dev\` again, which writes the file anew, ` +
          'or delete it and set the AWS_* and TEMPORAL_* variables yourself.',
        { path, line },
      );
    }
    const [, name, bare, quoted] = match;
    variables[name as string] = bare ?? (quoted as string).replaceAll("'\\''", "'");
  }
  return variables;
}
