import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { StackFailed } from '../errors.js';
import { readJsonIfPresent, writePrivateFile } from './files.js';
import { loopback } from './ports.js';
import type { ServerOptions } from './server.js';

export interface S3ServerOptions {
  readonly binary: string;
  /** Where objects and, beside them, their metadata stand. */
  readonly dataFolder: string;
  readonly logFile: string;
  readonly port: number;
  readonly credentials: S3Credentials;
  readonly environment: NodeJS.ProcessEnv;
}

const credentialsSchema = z.object({ accessKeyId: z.string().min(1), secretAccessKey: z.string().min(1) });
export type S3Credentials = z.infer<typeof credentialsSchema>;

export const s3Region = 'us-east-1';

/** Not a possible bucket name: bucket names hold no underscore. */
const healthPath = '/_health';

/** The keys of this data folder; made at random at its first start. */
export async function s3Credentials(dataFolder: string): Promise<S3Credentials> {
  const path = join(dataFolder, 's3-credentials.json');
  const stored = credentialsSchema.safeParse(await readJsonIfPresent(path)).data;
  if (stored !== undefined) return stored;
  const made = {
    accessKeyId: `RIFFLE${randomBytes(7).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(20).toString('hex'),
  };
  writePrivateFile(path, `${JSON.stringify(made)}\n`);
  return made;
}

/** versitygw over a folder, on loopback only. The keys travel in its environment: arguments are public. */
export function s3Server(options: S3ServerOptions): ServerOptions {
  const objects = join(options.dataFolder, 's3');
  mkdirSync(objects, { recursive: true });
  const sidecar = sidecarFolder(options.dataFolder);
  return {
    name: 'The S3 server (versitygw)',
    command: options.binary,
    args: [
      ...['--port', `${loopback}:${options.port}`, '--region', s3Region],
      ...['--health', healthPath, '--quiet', '--keep-alive', 'posix'],
      ...(existsSync(sidecar) ? ['--sidecar', sidecar] : []),
      objects,
    ],
    environment: {
      ...options.environment,
      ROOT_ACCESS_KEY_ID: options.credentials.accessKeyId,
      ROOT_SECRET_ACCESS_KEY: options.credentials.secretAccessKey,
    },
    logFile: options.logFile,
    check: async () => {
      const url = `http://${loopback}:${options.port}${healthPath}`;
      const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`the S3 server answers ${response.status}`);
    },
  };
}

/**
 * versitygw keeps ETags and checksums in extended attributes and refuses to start where the file system has none. It
 * then keeps them in files; the folder for these, once made, decides for all later starts.
 * @returns whether a failure was this one, and another start is worth while
 */
export function fellBackToSidecar(failures: readonly unknown[], dataFolder: string): boolean {
  const isThisOne = (failure: unknown): boolean =>
    failure instanceof StackFailed && failure.message.includes('xattr check failed');
  if (!failures.some(isThisOne)) return false;
  if (existsSync(sidecarFolder(dataFolder))) return false;
  mkdirSync(sidecarFolder(dataFolder));
  return true;
}

function sidecarFolder(dataFolder: string): string {
  // Not `s3-…`: versitygw compares path prefixes and would take such a folder to be inside `s3`.
  return join(dataFolder, 'object-metadata');
}
