/** Requests over real connections: which are used again, which are not, and how one ends. Answers: responseReader.test.ts. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HttpRequest } from '@smithy/core/protocols';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { StorageUnavailable } from '../../src/errors.js';
import { MemorySink } from '../../src/storage/byteSinks.js';
import { ReceivingHandler } from '../../src/storage/receivingHandler.js';
import { BrokenAnswer } from '../../src/storage/s3Faults.js';
import { type Fault, first } from '../support/faultProxy.js';
import { data, requests, times, withFaultyStorage, type FaultyStorage } from '../support/faultyStorage.js';

const timeouts = { connect: 30_000, answer: 30_000, stall: 30_000 };
const reason = new Error('no longer wanted');

/** A body that differs at every place, larger than one read of the kernel. */
const content = Buffer.alloc(1_000_003, 'a body of some length');

describe('ReceivingHandler', () => {
  let handler: ReceivingHandler;
  const servers: Server[] = [];
  /** Connections in the order in which the servers got them. */
  const connections: Socket[] = [];
  beforeEach(() => (handler = handlerWith({})));
  afterEach(async () => {
    handler.destroy();
    for (const connection of connections.splice(0)) connection.destroy();
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  });

  const handlerWith = (some: Partial<typeof timeouts>): ReceivingHandler =>
    new ReceivingHandler(new NodeHttpHandler(), { ...timeouts, ...some });

  async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
    servers.push(server);
    server.on('connection', (socket: Socket) => {
      connections.push(socket);
      socket.on('error', () => undefined);
    });
    server.listen(0, host);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  /** A server that answers each request by `answer`, which may write what it likes to the connection. */
  const raw = (answer: (socket: Socket) => void): Promise<number> =>
    listen(net.createServer((socket) => void socket.on('data', () => answer(socket))));

  interface Place {
    readonly hostname?: string;
    readonly protocol?: string;
    readonly method?: string;
    readonly bytes?: number;
    readonly signal?: AbortSignal;
    readonly by?: ReceivingHandler;
    readonly onHead?: () => void;
    readonly onBytes?: () => void;
  }

  async function get(port: number, options: Place = {}): Promise<Buffer> {
    const {
      hostname = '127.0.0.1',
      protocol = 'http:',
      method = 'GET',
      bytes = content.length,
      by = handler,
    } = options;
    const target = Buffer.alloc(bytes);
    const sink = new MemorySink(target);
    const request = new HttpRequest({ protocol, hostname, port, method, path: '/a%20key', query: { 'x-id': 'a b' } });
    await by.handle(request, {
      abortSignal: options.signal,
      receive: {
        begin: () => (options.onHead?.(), bytes),
        room: () => sink.room(),
        arrived: (count) => (sink.arrived(count), options.onBytes?.()),
      },
    });
    return target;
  }

  it('sends the request as it was signed, and uses connections again, one for each request under way', async () => {
    const seen: (string | undefined)[] = [];
    const port = await listen(
      http.createServer((request, response) => {
        seen.push(request.url, request.headers.host);
        response.writeHead(200, { 'content-length': content.length }).end(content);
      }),
    );
    for (let index = 0; index < 5; index++) assert.ok(content.equals(await get(port)));
    assert.deepEqual(seen.slice(0, 2), ['/a%20key?x-id=a%20b', `127.0.0.1:${port}`]);
    assert.equal(connections.length, 1);
    await Promise.all(Array.from({ length: 4 }, () => get(port)));
    assert.equal(connections.length, 4);
    await Promise.all(Array.from({ length: 4 }, () => get(port)));
    assert.equal(connections.length, 4);
  });

  it('reads bodies in chunks, and uses the connection again', async () => {
    const port = await listen(
      http.createServer((_, response) => {
        for (let at = 0; at < content.length; at += 99_991) response.write(content.subarray(at, at + 99_991));
        response.end();
      }),
    );
    for (let index = 0; index < 3; index++) assert.ok(content.equals(await get(port)));
    assert.equal(connections.length, 1);
  });

  it('leaves HEAD, whose answers announce bodies that never come, to the SDK', async () => {
    const port = await listen(
      http.createServer((_, response) => void response.writeHead(200, { 'content-length': 77 }).end()),
    );
    const request = new HttpRequest({ protocol: 'http:', hostname: '127.0.0.1', port, method: 'HEAD', path: '/' });
    const { response } = await handler.handle(request);
    assert.deepEqual([response.statusCode, response.headers['content-length']], [200, '77']);
  });

  const short = (length: number): string => `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`;

  for (const [name, answer] of Object.entries<(socket: Socket) => void>({
    'that the server closed while it was idle': (socket) => void socket.end(`${short(2)}ab`),
    'that the server wants closed': (socket) =>
      void socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 2\r\n\r\nab'),
    'whose end was the end of a body': (socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nab'),
  })) {
    it(`uses no connection again ${name}`, async () => {
      const port = await raw(answer);
      for (let index = 0; index < 3; index++) {
        assert.equal((await get(port, { bytes: 2 })).toString(), 'ab');
        assert.equal(connections.length, index + 1);
        const connection = connections[index]!;
        // It closes the connection by itself, before the next request.
        if (!connection.closed) await once(connection, 'close');
      }
    });
  }

  it('uses no connection again on which bytes came that nobody had asked for', async () => {
    const port = await raw((socket) => void socket.write(`${short(2)}ab`));
    for (let index = 0; index < 2; index++) {
      await get(port, { bytes: 2 });
      connections[index]!.write(`${short(2)}cd`);
      await once(connections[index]!, 'close');
    }
    assert.equal(connections.length, 2);
  });

  for (const [name, answer] of Object.entries<(socket: Socket) => void>({
    'before an answer': (socket) => void socket.end(),
    'within a head': (socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-le'),
    'within a body': (socket) => void socket.end(`${short(9)}abc`),
    'within a body in chunks': (socket) =>
      void socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nabc'),
    'within a body of no length': (socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nabc'),
    'with too many bytes': (socket) => void socket.end(`${short(9)}${'abc'.repeat(4)}`),
  })) {
    it(`takes a connection that ends ${name} for a broken answer`, async () => {
      const port = await raw(answer);
      for (let index = 0; index < 2; index++) await assert.rejects(get(port, { bytes: 9 }), BrokenAnswer);
      assert.equal(connections.length, 2);
    });
  }

  it('takes bytes behind a large body for a broken answer, and never for the next one', async () => {
    const surplus = `${short(2)}ab`;
    const port = await raw((socket) => void socket.write(`${short(content.length)}${content.toString()}${surplus}`));
    for (let index = 0; index < 2; index++) await assert.rejects(get(port), BrokenAnswer);
    assert.equal(connections.length, 2);
  });

  it('hands on that a connection was refused, or reset', async () => {
    const port = await raw((socket) => void socket.write(`${short(9)}abc`, () => socket.resetAndDestroy()));
    await assert.rejects(
      get(port, { bytes: 9 }),
      (error) => error instanceof BrokenAnswer || (error as NodeJS.ErrnoException).code === 'ECONNRESET',
    );
    const closed = await listen(net.createServer());
    await new Promise((resolve) => servers.at(-1)!.close(resolve));
    await assert.rejects(get(closed), { code: 'ECONNREFUSED' });
  });

  it('gives up on connections, answers and bodies that do not come', async () => {
    const silent = await raw(() => undefined);
    const stalling = await raw((socket) => void socket.write(`${short(9)}abc`));
    for (const [some, port, options, message] of [
      // A TLS handshake that nobody answers.
      [{ connect: 50 }, silent, { protocol: 'https:' }, 'no connection came about for 50 ms'],
      [{ answer: 50 }, silent, {}, 'no answer came for 50 ms'],
      [{ stall: 50 }, stalling, { bytes: 9 }, 'no byte arrived for 50 ms'],
    ] as const) {
      const impatient = handlerWith(some);
      const before = connections.length;
      await assert.rejects(get(port, { ...options, by: impatient }), new BrokenAnswer(message));
      const connection = connections[before];
      if (connection && !connection.closed) await once(connection, 'close');
      impatient.destroy();
    }
  });

  it('ends at once, and closes the connection, where it is aborted', async () => {
    const port = await raw((socket) => void socket.write(`${short(9)}abc`));
    const silent = await raw(() => undefined);
    const aborting = async (start: (abort: () => void, signal: AbortSignal) => Promise<unknown>): Promise<void> => {
      const before = connections.length;
      const controller = new AbortController();
      await assert.rejects(
        start(() => controller.abort(reason), controller.signal),
        reason,
      );
      const connection = connections[before];
      if (connection && !connection.closed) await once(connection, 'close');
    };
    await aborting((abort, signal) => (abort(), get(port, { bytes: 9, signal })));
    // While it connects: the handshake has begun, and nobody answers.
    await aborting((abort, signal) => {
      servers.at(-1)!.once('connection', (socket: Socket) => void socket.once('data', abort));
      return get(silent, { protocol: 'https:', signal });
    });
    await aborting((abort, signal) => {
      servers.at(-1)!.once('connection', (socket: Socket) => void socket.once('data', abort));
      return get(silent, { signal });
    });
    await aborting((abort, signal) => get(port, { bytes: 9, signal, onBytes: () => setImmediate(abort) }));
    assert.equal(connections.filter(({ closed }) => !closed).length, 0);
  });

  it('reaches hosts by their IPv6 addresses', async function () {
    const server = http.createServer((request, response) => {
      const { host = '' } = request.headers;
      response.writeHead(200, { 'content-length': host.length }).end(host);
    });
    const port = await listen(server, '::1').catch(() => undefined);
    if (port === undefined) {
      servers.pop();
      this.test!.title += ' (skipped: this machine has no ::1)';
      this.skip();
    }
    const host = `[::1]:${port}`;
    assert.equal((await get(port, { hostname: '[::1]', bytes: host.length })).toString(), host);
  });

  describe('with TLS', () => {
    let folder: string;
    const at = (name: string): string => join(folder, name);
    before(async function () {
      folder = await mkdtemp(join(tmpdir(), 'riffle-tls-'));
      try {
        const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
        const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', at('key.pem'), '-out', at('certificate.pem')];
        execFileSync('openssl', ['req', '-x509', ...key, '-days', '2', '-subj', '/CN=riffle', '-addext', names], {
          stdio: 'pipe',
        });
      } catch {
        this.test!.title += ' (skipped: there is no openssl to make a certificate)';
        this.skip();
      }
    });
    after(() => rm(folder, { recursive: true, force: true }));

    /** What a process gets that trusts, besides the usual ones, the authorities in such a file. */
    async function ask(port: number, authorities: string | undefined): Promise<string[]> {
      const program = `
        import { ReceivingSocket } from './src/storage/receivingSocket.ts';
        for (const host of ['localhost', '127.0.0.1', '127.0.0.2']) {
          const socket = new ReceivingSocket({ secure: true, host, port: ${port} });
          const target = new Uint8Array(${content.length});
          const request = 'GET / HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n';
          const timeouts = { connect: 30000, answer: 30000, stall: 30000 };
          let bytes = 0;
          const sink = {
            begin: () => target.length,
            room: () => target.subarray(bytes % target.length),
            arrived: (count) => { bytes += count; },
          };
          try {
            await socket.exchange(request, sink, timeouts, undefined);
            await socket.exchange(request, sink, timeouts, undefined);
            console.log(bytes + ' bytes ' + (Buffer.from(target).equals(Buffer.alloc(target.length, 'a body of some length'))));
          } catch (error) {
            console.log(error.code);
          }
        }`;
      const environment = { ...process.env };
      delete environment.NODE_EXTRA_CA_CERTS;
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--import', 'tsx', '--input-type=module', '--eval', program],
        { env: { ...environment, ...(authorities ? { NODE_EXTRA_CA_CERTS: authorities } : {}) } },
      );
      return stdout.trim().split('\n');
    }

    it('trusts the authorities that Node trusts, NODE_EXTRA_CA_CERTS among them, and checks names', async () => {
      const [key, cert] = await Promise.all([readFile(at('key.pem')), readFile(at('certificate.pem'))]);
      const server = https.createServer({ key, cert }, (_, response) => {
        response.writeHead(200, { 'content-length': content.length }).end(content);
      });
      const port = await listen(server, '0.0.0.0');
      const all = `${2 * content.length} bytes true`;
      assert.deepEqual(await ask(port, at('certificate.pem')), [all, all, 'ERR_TLS_CERT_ALTNAME_INVALID']);
      assert.equal(connections.length, 3);
      assert.deepEqual(await ask(port, undefined), times3('DEPTH_ZERO_SELF_SIGNED_CERT'));
    });
    const times3 = (text: string): string[] => [text, text, text];
  });

  describe('below the store', () => {
    let s3: FaultyStorage;
    withFaultyStorage((storage) => (s3 = storage));

    /** Sends so much of the body without saying its length, and closes the connection in good order. */
    const closeAfter =
      (bytes: number): Fault =>
      async ({ response, forward }) => {
        const { status, headers, body } = await forward();
        delete headers['content-length'];
        response.useChunkedEncodingByDefault = false;
        response.writeHead(status, { ...headers, connection: 'close' }).end(body.subarray(0, bytes));
      };

    it('a range that ends early with its connection is read to its end', async () => {
      await s3.direct.put(s3.object, [data]);
      s3.proxy.plan(requests.get, closeAfter(100_000), closeAfter(0), closeAfter(data.length));
      await s3.readMiddle(s3.store);
      assert.equal(s3.proxy.count(requests.get), 3);
      s3.proxy.plan(requests.get, ...times(4, closeAfter(0)));
      await assert.rejects(s3.readMiddle(s3.store), StorageUnavailable);
    });

    it('no connection stays with a read that was given up', async () => {
      await s3.direct.put(s3.object, [data]);
      for (let index = 0; index < 20; index++) {
        const controller = new AbortController();
        s3.proxy.plan(
          requests.get,
          first(() => controller.abort(reason)),
        );
        await assert.rejects(s3.readMiddle(s3.store, undefined, controller.signal), reason);
      }
      await s3.readMiddle(s3.store);
    });
  });
});
