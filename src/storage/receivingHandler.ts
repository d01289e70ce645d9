import { validateHeaderValue } from 'node:http';
import { type HttpHandler, type HttpRequest, buildQueryString, HttpResponse } from '@smithy/core/protocols';
import type { NodeHttpHandler, NodeHttpHandlerOptions } from '@smithy/node-http-handler';
import type { HttpHandlerOptions } from '@smithy/types';
import { Readable } from 'node:stream';
import { type ExchangeTimeouts, type Origin, ReceivingSocket } from './receivingSocket.js';
import type { ResponseReader, ResponseSink } from './responseReader.js';

/** An option of one request: its answer's body goes to this sink. */
export interface ReceiveOptions extends HttpHandlerOptions {
  readonly receive?: ResponseSink;
}

/** Idle connections that are kept. */
const mostIdle = 128;

/**
 * The SDK's HTTP handler, except for requests that say where the body of the answer goes: these it sends itself, over
 * connections that receive without garbage. The response that the SDK sees then has an empty body.
 */
export class ReceivingHandler implements HttpHandler<NodeHttpHandlerOptions> {
  private readonly idle = new Map<string, ReceivingSocket[]>();

  constructor(
    private readonly inner: NodeHttpHandler,
    private readonly timeouts: ExchangeTimeouts,
  ) {}

  async handle(request: HttpRequest, options: ReceiveOptions = {}): Promise<{ response: HttpResponse }> {
    const { receive } = options;
    if (!receive) return this.inner.handle(request, options);
    const signal = options.abortSignal as AbortSignal | undefined;
    const { head, message } = await this.exchange(originOf(request), encode(request), receive, signal);
    const { status, reason, headers } = head!;
    return { response: new HttpResponse({ statusCode: status, reason, headers, body: Readable.from(message) }) };
  }

  destroy(): void {
    for (const sockets of this.idle.values()) for (const socket of sockets) socket.close();
    this.idle.clear();
    this.inner.destroy();
  }

  updateHttpClientConfig(key: keyof NodeHttpHandlerOptions, value: NodeHttpHandlerOptions[typeof key]): void {
    this.inner.updateHttpClientConfig(key, value);
  }

  httpHandlerConfigs(): NodeHttpHandlerOptions {
    return this.inner.httpHandlerConfigs();
  }

  private async exchange(
    origin: Origin,
    request: string,
    sink: ResponseSink,
    signal: AbortSignal | undefined,
  ): Promise<ResponseReader> {
    const name = `${origin.secure} ${origin.host} ${origin.port}`;
    const idle = this.idle.get(name) ?? [];
    this.idle.set(name, idle);
    const socket = takeUsable(idle) ?? new ReceivingSocket(origin);
    const answer = await socket.exchange(request, sink, this.timeouts, signal);
    if (socket.usable && idle.length < mostIdle) idle.push(socket);
    else socket.close();
    return answer;
  }
}

function takeUsable(idle: ReceivingSocket[]): ReceivingSocket | undefined {
  for (let socket = idle.pop(); socket; socket = idle.pop()) if (socket.usable) return socket;
  return undefined;
}

function originOf({ protocol, hostname, port }: HttpRequest): Origin {
  const secure = protocol === 'https:';
  return { secure, host: hostname.replace(/^\[|\]$/g, ''), port: port ?? (secure ? 443 : 80) };
}

/** The head of a request. The SDK has encoded the path; what it signed is sent as it is. */
function encode({ method, path, query, headers, hostname, port }: HttpRequest): string {
  const search = buildQueryString(query);
  const all: Record<string, string> = { host: port === undefined ? hostname : `${hostname}:${port}`, ...headers };
  // What comes from outside, such as an ETag, must not become a header of its own.
  for (const [name, value] of Object.entries(all)) validateHeaderValue(name, value);
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path}${search ? `?${search}` : ''} HTTP/1.1\r\n${lines.join('')}\r\n`;
}
