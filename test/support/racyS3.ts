import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A faulty S3 server: it ignores `If-None-Match`, so every conditional PUT wins. Enough of S3 for the probe. */
export async function startRacyS3(): Promise<{ url: string; close: () => Promise<void> }> {
  const objects = new Map<string, Buffer>();
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const key = new URL(request.url ?? '/', 'http://s3').pathname;
      if (request.method === 'PUT') {
        objects.set(key, Buffer.concat(chunks));
        response.setHeader('ETag', '"stand-in"').end();
      } else if (request.method === 'POST') {
        response.end('<?xml version="1.0"?><DeleteResult></DeleteResult>');
      } else {
        const body = objects.get(key);
        if (body === undefined) response.writeHead(404).end();
        else response.setHeader('ETag', '"stand-in"').end(body);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
