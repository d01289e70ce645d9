import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import sirv from 'sirv';
import { packageFolder } from '../../../src/packageFolder.js';
import type { Prefix } from '../../../src/storage/uri.js';
import { sharedServers } from '../../support/stack.js';

/** A web server that serves a run. */
export interface WebServer {
  /** Of the run, with a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

/** A folder, by a file server that knows ranges. */
export function serveFolder(folder: string): Promise<WebServer> {
  return serve(sirv(folder, { etag: true }));
}

/** A folder, by a file server that answers every request for a range with the whole file. */
export function serveFolderWhole(folder: string): Promise<WebServer> {
  const files = sirv(folder);
  return serve((request, response) => {
    delete request.headers.range;
    files(request, response);
  });
}

/** A run in the shared S3 server, which from now on lets everybody read the prefix, and nothing else. */
export async function serveByPolicy({ bucket, prefix }: Prefix): Promise<WebServer> {
  const { environment } = await sharedServers();
  const template = await readFile(join(packageFolder(), 'docs', 'bucket-policy.json'), 'utf8');
  const client = new S3Client({
    endpoint: environment.AWS_ENDPOINT_URL_S3,
    forcePathStyle: true,
    region: environment.AWS_REGION,
    credentials: {
      accessKeyId: environment.AWS_ACCESS_KEY_ID,
      secretAccessKey: environment.AWS_SECRET_ACCESS_KEY,
    },
  });
  const Policy = template.replaceAll('BUCKET/PREFIX/', `${bucket}/${prefix}`);
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  client.destroy();
  return { url: `${environment.AWS_ENDPOINT_URL_S3}/${bucket}/${prefix}`, close: () => Promise.resolve() };
}

/** `riffle browse` in a process of its own. */
export interface BrowseProcess extends WebServer {
  /** What it printed on stdout so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Ends it by a signal; resolves to its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** The built `riffle browse RUN --no-open --json` on the shared S3 server. @param environment put on top of the stack's */
export async function startBrowse(
  run: string,
  args: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): Promise<BrowseProcess> {
  const stack = await sharedServers();
  const main = join(packageFolder(), 'dist', 'src', 'cli', 'main.js');
  const child = spawn(process.execPath, [main, 'browse', run, '--json', ...args], {
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

async function serve(listener: RequestListener): Promise<WebServer> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
