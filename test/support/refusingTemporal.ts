import { connect, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { sharedServers } from './stack.js';

/**
 * Stands in front of the shared Temporal server, hands on every call, and refuses those of one method, as a server does
 * whose caller lacks a permission.
 */
export class RefusingTemporal {
  private constructor(
    readonly address: string,
    readonly close: () => Promise<void>,
  ) {}

  static async start(method: RegExp, status: number, reason: string): Promise<RefusingTemporal> {
    const { environment } = await sharedServers();
    const client = connect(`http://${environment.TEMPORAL_ADDRESS}`);
    const server = createServer();
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      // A caller that goes away mid-call is nothing to report.
      stream.on('error', () => undefined);
      if (method.test(headers[':path']!)) {
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(status), 'grpc-message': reason },
          { endStream: true },
        );
        return;
      }
      const call = client.request(headers);
      let trailers: Record<string, string> = {};
      call.on('error', () => stream.close());
      call.on('response', ({ ':status': answer, 'content-type': type, ...others }) => {
        const grpc = Object.fromEntries(Object.entries(others).filter(([name]) => name.startsWith('grpc-')));
        stream.respond({ ':status': answer, 'content-type': type, ...grpc }, { waitForTrailers: true });
      });
      call.on('trailers', (found) => (trailers = found as Record<string, string>));
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      stream.pipe(call);
      call.pipe(stream);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return new RefusingTemporal(`127.0.0.1:${port}`, async () => {
      client.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    });
  }
}
