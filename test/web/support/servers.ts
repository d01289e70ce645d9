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
