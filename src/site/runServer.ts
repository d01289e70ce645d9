import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InvalidInput, ObjectMissing, RiffleError } from '../errors.js';
import { ownsPageFile } from '../pages/run.js';
import { loopback } from '../stack/ports.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { formatPrefix, type Prefix } from '../storage/uri.js';
import { type App, type AppFile, indexFile, serviceWorkerFile } from './app.js';
import { matchesTag } from './byteRange.js';
import { FileForwarder } from './fileForwarder.js';
import { securityHeaders } from './securityHeaders.js';

export interface RunServerOptions {
  readonly store: ObjectStore;
  /** The run. */
  readonly place: Prefix;
  readonly app: App;
  /** TCP port; 0 for any that is free. */
  readonly port: number;
  /** Told of requests that failed. */
  readonly onFailure: (line: string) => void;
}

export interface RunServer {
  /** Where the feature browser opens, with a slash at its end. */
  readonly url: string;
  /** Breaks off what is under way. */
  close(): Promise<void>;
}

/**
 * Serves one run to browsers on this machine: the app of this riffle, and the run's own files from S3. The app in the run's
 * prefix is not used: whoever may write to a bucket must not have scripts run on somebody's loopback interface, where
 * cookies of all ports meet.
 * @throws InvalidInput when the port cannot be had
 */
export async function serveRun({ store, place, app, port, onFailure }: RunServerOptions): Promise<RunServer> {
  const where = formatPrefix(place);
  const site = new RunSite(new FileForwarder(store, place), appFor(app, where), where, onFailure);
  const server = createServer((request, response) => void site.answer(request, response));
  await listen(server, port);
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `http://${loopback}:${own}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** The app as it is served for a run: without the service worker, since nothing is to be kept (web/src/offline.ts). */
function appFor(app: App, where: string): App {
  const served = new Map(app);
  served.delete(serviceWorkerFile);
  const index = served.get(indexFile)!;
  served.set(indexFile, { ...index, bytes: nameRun(index.bytes, where) });
  return served;
}

/** Tells the page where its run lies, for the commands that it shows. */
function nameRun(index: Uint8Array, where: string): Uint8Array {
  const escaped = where.replace(/[&"<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  return Buffer.from(
    Buffer.from(index)
      .toString('utf8')
      .replace('<meta name="riffle-run" content=""', () => `<meta name="riffle-run" content="${escaped}"`),
  );
}

class RunSite {
  constructor(
    private readonly files: FileForwarder,
    private readonly app: App,
    private readonly where: string,
    private readonly onFailure: (line: string) => void,
  ) {}

  /** Answers one request. Never rejects. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on('close', () => {
      gone.abort();
    });
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    try {
      await this.#route(request, response, gone.signal);
    } catch (error) {
      // Nobody waits for the answer any more.
      if (gone.signal.aborted) return;
      this.#fail(error, request, response);
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const { method, headersDistinct, url = '' } = request;
    if (!namesThisMachine(headersDistinct.host)) {
      return refuse(response, 403, `This server answers to ${loopback} and localhost only.`);
    }
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return refuse(response, 405, 'Only GET and HEAD are answered.');
    }
    const name = nameOf(url);
    const appFile = this.app.get(name);
    if (appFile) return sendAppFile(appFile, request, response);
    if (!ownsPageFile(name))
      return refuse(response, 404, 'A run has no file of this name. The feature browser is at /.');
    if (await this.files.answer(name, request, response, signal)) return;
    refuse(response, 404, `There is no ${name} in ${this.where}.`);
  }

  #fail(error: unknown, { url }: IncomingMessage, response: ServerResponse): void {
    const isKnown = error instanceof RiffleError;
    const message = error instanceof Error ? error.message : String(error);
    this.onFailure(`${JSON.stringify(url)}: ${message}`);
    // The length was announced, so a client sees that something is missing.
    if (response.headersSent) response.destroy();
    else if (error instanceof ObjectMissing) refuse(response, 404, message);
    else refuse(response, isKnown ? 502 : 500, isKnown ? message : 'riffle browse failed; its terminal says how.');
  }
}

/**
 * Whether a request means this server by a name of this machine. A page of another site that had its own name point
 * here (DNS rebinding) would be taken for this server's by the browser. The port is left open: ssh may forward another.
 */
function namesThisMachine(hosts: readonly string[] = []): boolean {
  const [host = ''] = hosts;
  return hosts.length === 1 && /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/i.test(host);
}

/** What a request's target names, as it was sent: names are looked up as they are, so there is nothing to decode. */
function nameOf(target: string): string {
  const [, name = ''] = /^\/([^?]*)/.exec(target) ?? ['', '?'];
  return name || indexFile;
}

function sendAppFile(
  { bytes, contentType, cacheControl }: AppFile,
  { method, headers }: IncomingMessage,
  response: ServerResponse,
): void {
  const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`;
  const about = { 'cache-control': cacheControl, etag };
  if (matchesTag(headers['if-none-match'], etag)) {
    response.writeHead(304, about).end();
    return;
  }
  response.writeHead(200, { ...about, 'content-type': contentType, 'content-length': bytes.length });
  response.end(method === 'HEAD' ? undefined : bytes);
}

function refuse(response: ServerResponse, status: number, message: string): void {
  const body = Buffer.from(`${message}\n`);
  response.writeHead(status, {
    'cache-control': 'no-store',
    'content-type': 'text/plain; charset=utf-8',
    'content-length': body.length,
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** @throws InvalidInput */
function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'another program uses it' : error.message;
      reject(
        new InvalidInput(`Port ${port} of ${loopback} cannot be had (${reason}): choose another --port.`, { port }),
      );
    });
    server.listen({ host: loopback, port, exclusive: true }, resolve);
  });
}
