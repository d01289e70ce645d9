import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectSecure } from 'node:tls';
import { BrokenAnswer } from './s3Faults.js';
import { ResponseReader, type ResponseSink } from './responseReader.js';

/** Where to connect. */
export interface Origin {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

/** In milliseconds. */
export interface ExchangeTimeouts {
  readonly connect: number;
  /** Until the head of the answer has arrived. */
  readonly answer: number;
  /** Without a byte of the body. */
  readonly stall: number;
}

/** What one read of the kernel takes at most. */
const readBytes = 256 * 1024;

/** A request whose answer is under way. Nothing of this throws. */
interface Exchange {
  /** Where the next bytes are wanted; undefined where that is no matter. */
  room(): Uint8Array | undefined;
  push(bytes: Uint8Array): void;
  arrived(bytes: number): void;
  end(): void;
  fail(error: unknown): void;
}

/**
 * A connection that receives bodies where they are wanted, and all else in one buffer which is used again and again.
 * Node's streams, and its HTTP client on top of them, make a buffer for every 64 KiB: five times the CPU of this
 * (docs/architecture.md).
 */
export class ReceivingSocket {
  /** Whether it may be used for another request. */
  usable = true;
  private readonly socket: Socket;
  private readonly connected: string;
  private exchanging: Exchange | undefined;
  /** For heads, and for what comes unasked. */
  private readonly buffer = Buffer.allocUnsafeSlow(readBytes);

  constructor({ secure, host, port }: Origin) {
    const onread = {
      // Asked at the beginning, and after every read for the next one: when an exchange has ended, it is its own memory.
      buffer: (): Uint8Array => this.exchanging?.room() ?? this.buffer,
      callback: (count: number, buffer: Uint8Array): boolean => {
        // Bytes that nobody has asked for are no answer to the next request.
        if (!this.exchanging) this.close();
        else if (buffer === this.buffer) this.exchanging.push(buffer.subarray(0, count));
        else this.exchanging.arrived(count);
        return true;
      },
    };
    const options = { host, port, onread };
    this.connected = secure ? 'secureConnect' : 'connect';
    this.socket = secure
      ? connectSecure({ ...options, servername: isIP(host) ? '' : host, ALPNProtocols: ['http/1.1'] })
      : connectPlain(options);
    this.socket.setNoDelay(true);
    this.socket.setKeepAlive(true, 1000);
    this.socket.on('error', (error) => this.exchanging?.fail(error));
    this.socket.on('end', () => {
      this.usable = false;
      this.exchanging?.end();
    });
    this.socket.on('close', () => {
      this.usable = false;
      this.exchanging?.fail(new BrokenAnswer('the connection was closed'));
    });
  }

  /**
   * Sends a request without a body and reads its answer.
   * @throws BrokenAnswer, errors of the network, what the sink throws, the signal's reason
   */
  async exchange(
    request: string,
    sink: ResponseSink,
    timeouts: ExchangeTimeouts,
    signal: AbortSignal | undefined,
  ): Promise<ResponseReader> {
    const { socket } = this;
    const reader = new ResponseReader(sink);
    const abort = (): void => this.exchanging?.fail(signal?.reason);
    let timer: NodeJS.Timeout | undefined;
    const allow = (milliseconds: number, what: string): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        this.exchanging?.fail(new BrokenAnswer(`${what} for ${milliseconds} ms`));
      }, milliseconds);
    };
    const allowAnswer = (): void => allow(timeouts.answer, 'no answer came');
    socket.ref();
    try {
      await new Promise<void>((resolve, reject) => {
        let failed = false;
        const fail = (error: unknown): void => {
          failed = true;
          reject(error instanceof Error ? error : new Error(String(error)));
        };
        const take = (step: () => void): void => {
          try {
            const inBody = reader.head !== undefined;
            step();
            if (reader.complete) resolve();
            else if (inBody) timer?.refresh();
            else if (reader.head) allow(timeouts.stall, 'no byte arrived');
          } catch (error) {
            fail(error);
          }
        };
        this.exchanging = {
          room: () => {
            try {
              return failed ? undefined : reader.room()?.subarray(0, readBytes);
            } catch (error) {
              fail(error);
              return undefined;
            }
          },
          push: (bytes) => {
            take(() => reader.push(bytes));
          },
          arrived: (bytes) => {
            take(() => reader.arrived(bytes));
          },
          end: () => {
            take(() => reader.end());
          },
          fail,
        };
        signal?.addEventListener('abort', abort);
        if (signal?.aborted) abort();
        if (socket.connecting) {
          allow(timeouts.connect, 'no connection came about');
          socket.once(this.connected, allowAnswer);
        } else allowAnswer();
        socket.write(request, 'latin1');
      });
      if (!reader.reusable) this.close();
      return reader;
    } catch (error) {
      this.close();
      // Until it is closed, a secure connection may still decrypt what it has received into the sink's memory.
      if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
      throw error;
    } finally {
      this.exchanging = undefined;
      signal?.removeEventListener('abort', abort);
      socket.removeListener(this.connected, allowAnswer);
      clearTimeout(timer);
      // An idle connection does not keep the process alive.
      socket.unref();
    }
  }

  close(): void {
    this.usable = false;
    this.socket.destroy();
  }
}
