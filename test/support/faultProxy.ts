import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TokenBucket } from './tokenBucket.js';

/** A whole answer of the S3 server. */
export interface Upstream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** One request as a fault sees it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /**
   * Hands the request to the S3 server and waits for its answer. Its body may be changed; not its headers, most of which
   * are signed.
   */
  readonly forward: (change?: (body: Buffer) => Buffer) => Promise<Upstream>;
}

/** Decides what happens to one request. */
export type Fault = (exchange: Exchange) => void | Promise<void>;

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/**
 * An HTTP proxy before an S3 server that does to chosen requests what tests say, and nothing to the others. It keeps
 * the Host header, so that signatures stay valid, and holds whole bodies in memory.
 */
export class FaultProxy {
  /** All requests so far. */
  readonly seen: SeenRequest[] = [];
  readonly #planned: { matches: (request: IncomingMessage) => boolean; faults: Fault[] }[] = [];
  readonly #standing: { pattern: RegExp; fault: Fault }[] = [];
  readonly #server = http.createServer((request, response) => void this.#serve(request, response));
  readonly #agent = new http.Agent({ keepAlive: true });

  private constructor(private readonly target: URL) {}

  /** @param endpoint the S3 server's URL */
  static async start(endpoint: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(new URL(endpoint));
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next requests like `pattern` (matched against "METHOD /path?query") meet these faults, one each, in order. */
  plan(pattern: RegExp, ...faults: Fault[]): void {
    this.#planned.push({ matches: (request) => pattern.test(line(request)), faults: [...faults] });
  }

  /** All requests like `pattern` meet this fault until the next reset, unless they are planned to meet another. */
  always(pattern: RegExp, fault: Fault): void {
    this.#standing.push({ pattern, fault });
  }

  /** How many requests like `pattern` there were. */
  count(pattern: RegExp): number {
    return this.seen.filter((request) => pattern.test(`${request.method} ${request.url}`)).length;
  }

  /** Forgets plans and requests; says whether a planned fault was never met. */
  reset(): { unmet: number } {
    const unmet = this.#planned.reduce((sum, { faults }) => sum + faults.length, 0);
    this.#planned.length = 0;
    this.#standing.length = 0;
    this.seen.length = 0;
    return { unmet };
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
    const fault =
      this.#planned.find(({ matches, faults }) => faults.length > 0 && matches(request))?.faults.shift() ??
      this.#standing.find(({ pattern }) => pattern.test(line(request)))?.fault;
    let body: Promise<Buffer> | undefined;
    const forward: Exchange['forward'] = async (change = (whole) => whole) =>
      this.#forward(request, change(await (body ??= collect(request))));
    try {
      if (fault) await fault({ request, response, forward });
      else answer(response, await forward());
    } catch {
      // The client hung up while its request was on the way, as it should under some faults.
      response.destroy();
    }
  }

  async #forward(request: IncomingMessage, body: Buffer): Promise<Upstream> {
    const { hostname, port } = this.target;
    return new Promise((resolve, reject) => {
      const onward = http.request(
        { hostname, port, method: request.method, path: request.url, headers: request.headers, agent: this.#agent },
        (upstream) => {
          collect(upstream).then(
            (whole) => resolve({ status: upstream.statusCode ?? 0, headers: upstream.headers, body: whole }),
            reject,
          );
        },
      );
      onward.on('error', reject);
      onward.end(body);
    });
  }
}

/** Answers 503 SlowDown, or another error, without asking the S3 server. */
export function refuse(status = 503, code = 'SlowDown', headers: Record<string, string> = {}): Fault {
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>Made up.</Message></Error>`;
  return say(status, text, headers);
}

/** Answers 503 SlowDown to what comes above a rate, and to the rest what the S3 server says, or `pass`. */
export function limitTo(
  bucket: TokenBucket,
  pass: Fault = async ({ response, forward }) => answer(response, await forward()),
): Fault {
  return (exchange) => (bucket.take(performance.now()) ? pass(exchange) : refuse()(exchange));
}

/** Answers 200, as S3 does when it notices late that a request failed. */
export function errorInBody(code = 'InternalError'): Fault {
  return refuse(200, code);
}

/** Closes the connection without an answer; the S3 server never hears of the request. */
export const hangUp: Fault = ({ response }) => void response.destroy();

/** Never answers. */
export const silence: Fault = ({ request }) => void request.resume();

/** Never answers, but keeps the connection busy. */
export const stalling: Fault = ({ request, response }) => {
  request.resume();
  const timer = setInterval(() => response.writeProcessing(), 100);
  response.on('close', () => clearInterval(timer));
};

/** The S3 server does what it was asked to, but the answer is lost. */
export const loseAnswer: Fault = async ({ response, forward }) => {
  await forward();
  response.destroy();
};

/** Sends the headers and so many bytes of the answer, then closes the connection. */
export function breakAfter(bytes: number): Fault {
  return async ({ response, forward }) => {
    await sendBeginning(response, await forward(), bytes);
    response.destroy();
  };
}

/** Sends the headers and so many bytes of the answer, then resets the connection; some of them may get lost. */
export function resetAfter(bytes: number): Fault {
  return async ({ response, forward }) => {
    await sendBeginning(response, await forward(), bytes);
    response.socket?.resetAndDestroy();
  };
}

/** Sends the headers and so many bytes of the answer, then nothing more. */
export function stallAfter(bytes: number, onStall: () => void = () => undefined): Fault {
  return async ({ response, forward }) => {
    await sendBeginning(response, await forward(), bytes);
    onStall();
  };
}

/** Answers without Content-Length and ends in good order after so many bytes. */
export function endAfter(bytes: number): Fault {
  return async ({ response, forward }) => {
    const upstream = await forward();
    answer(response, { ...upstream, headers: chunked(upstream), body: upstream.body.subarray(0, bytes) });
  };
}

/** Answers without Content-Length, and with bytes after the end. */
export function goOnFor(bytes: number): Fault {
  return async ({ response, forward }) => {
    const upstream = await forward();
    answer(response, {
      ...upstream,
      headers: chunked(upstream),
      body: Buffer.concat([upstream.body, Buffer.alloc(bytes)]),
    });
  };
}

/** One byte of the request's body changes on its way. */
export const corruptRequest: Fault = async ({ response, forward }) => {
  const upstream = await forward((body) => {
    const changed = Buffer.from(body);
    changed[0] = (changed[0] ?? 0) ^ 1;
    return changed;
  });
  answer(response, upstream);
};

/** Answers so without asking the S3 server. */
export function say(status: number, text: string | Buffer, headers: Record<string, string> = {}): Fault {
  return ({ request, response }) => {
    request.resume();
    response.writeHead(status, { 'content-length': Buffer.byteLength(text), ...headers }).end(text);
  };
}

/** Does something of the test's before the request goes on. */
export function first(action: () => void | Promise<void>): Fault {
  return async ({ response, forward }) => {
    await action();
    answer(response, await forward());
  };
}

function answer(response: ServerResponse, upstream: Upstream): void {
  response.writeHead(upstream.status, upstream.headers).end(upstream.body);
}

function chunked({ headers }: Upstream): IncomingHttpHeaders {
  const others = { ...headers };
  delete others['content-length'];
  return others;
}

async function sendBeginning(response: ServerResponse, upstream: Upstream, bytes: number): Promise<void> {
  response.writeHead(upstream.status, upstream.headers);
  response.flushHeaders();
  if (bytes > 0) {
    await new Promise((resolve) => response.write(upstream.body.subarray(0, bytes), resolve));
  }
}

async function collect(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function line(request: IncomingMessage): string {
  return `${request.method} ${request.url}`;
}
