import { fillSink } from './byteSinks.js';
import type { ByteSink } from './objectStore.js';
import { BrokenAnswer } from './s3Faults.js';

export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What becomes of a response. */
export interface ResponseSink extends ByteSink {
  /**
   * Takes the head, and says how many bytes of a body it wants; undefined where the body is a short message, to be put
   * together. Throws when the response is not the wanted one.
   */
  begin(head: ResponseHead): number | undefined;
}

const headEnd = '\r\n\r\n';
const largestHead = 64 * 1024;
/** Messages of S3 have some hundred bytes. */
const largestMessage = 256 * 1024;

/**
 * Reads one HTTP/1.1 response to a GET from the bytes of a connection (RFC 9112): bodies with Content-Length, bodies in
 * chunks and bodies that end with the connection.
 * @throws BrokenAnswer, and what the sink throws
 */
export class ResponseReader {
  head: ResponseHead | undefined;
  /** Whether all has arrived. */
  complete = false;
  /** The body, where it did not go into the sink. */
  readonly message: Buffer[] = [];
  private text = '';
  /** Bytes that the sink wants. */
  private wanted: number | undefined;
  private filled = 0;
  /** Bytes of the body; undefined where only the connection's end ends it. */
  private length: number | undefined;
  private chunks: ChunkReader | undefined;

  constructor(private readonly sink: ResponseSink) {}

  /** Whether the connection serves another request after this response. */
  get reusable(): boolean {
    return this.complete && this.length !== undefined && this.head?.headers.connection?.toLowerCase() !== 'close';
  }

  /** Takes bytes in; they are valid during the call only. */
  push(bytes: Uint8Array): void {
    const rest = this.head === undefined ? this.readHead(bytes) : bytes;
    if (rest && (rest.length > 0 || this.length === 0)) this.readBody(rest);
  }

  /**
   * Memory into which the next bytes may be received, which are then told by `arrived`; undefined where they are to be
   * pushed. It has no room for the body's last byte: that is pushed, together with what came unasked behind it.
   */
  room(): Uint8Array | undefined {
    if (this.wanted === undefined || this.length === undefined || this.chunks || this.complete) return undefined;
    const most = this.length - this.filled - 1;
    return most > 0 ? this.sink.room().subarray(0, most) : undefined;
  }

  /** So many bytes have arrived in `room()`. */
  arrived(bytes: number): void {
    this.filled += bytes;
    this.sink.arrived(bytes);
  }

  /** The connection ended. */
  end(): void {
    if (this.head && this.length === undefined && !this.chunks) {
      this.checkFilled();
      this.complete = true;
    }
    if (!this.complete) throw new BrokenAnswer('the connection ended before the answer was complete');
  }

  private readHead(bytes: Uint8Array): Uint8Array | undefined {
    let rest: Uint8Array | undefined = bytes;
    // Interim answers come before the real one.
    while (rest && this.head === undefined) rest = this.readOneHead(rest);
    return rest;
  }

  /** @returns what follows the head; undefined where the head is not complete */
  private readOneHead(bytes: Uint8Array): Uint8Array | undefined {
    const before = this.text.length;
    // No more than may belong to the head: a read of the kernel brings much of the body along.
    const candidate = bytes.subarray(0, largestHead + headEnd.length - before);
    this.text += Buffer.from(candidate.buffer, candidate.byteOffset, candidate.length).toString('latin1');
    const end = this.text.indexOf(headEnd);
    if (end < 0) {
      if (this.text.length >= largestHead + headEnd.length) {
        throw new BrokenAnswer('the head of the answer is too long');
      }
      return undefined;
    }
    const head = parseHead(this.text.slice(0, end));
    this.text = '';
    const body = bytes.subarray(end + headEnd.length - before);
    if (head.status < 200) return body;
    this.head = head;
    const { 'content-length': length, 'transfer-encoding': coding } = head.headers;
    if (coding !== undefined) {
      if (coding.toLowerCase() !== 'chunked') throw new BrokenAnswer(`the answer has transfer coding "${coding}"`);
      this.chunks = new ChunkReader();
    } else if (length !== undefined) {
      if (!/^\d{1,15}$/.test(length)) throw new BrokenAnswer(`the answer has length "${length}"`);
      this.length = Number(length);
    }
    this.wanted = this.sink.begin(head);
    if (this.wanted !== undefined && this.length !== undefined && this.length !== this.wanted) {
      throw new BrokenAnswer(`${this.length} bytes come where ${this.wanted} were asked for`);
    }
    if (head.status === 204 || head.status === 304) {
      this.length = 0;
      this.chunks = undefined;
    }
    return body;
  }

  private readBody(bytes: Uint8Array): void {
    if (!this.chunks) {
      this.take(bytes);
      if (this.length !== undefined && this.filled > this.length)
        throw new BrokenAnswer('more bytes came than announced');
      this.complete = this.filled === this.length;
      return;
    }
    if (this.complete && bytes.length > 0) throw new BrokenAnswer('more bytes came than announced');
    for (const piece of this.chunks.push(bytes)) this.take(piece);
    if (!this.chunks.complete) return;
    this.length = this.filled;
    this.checkFilled();
    this.complete = true;
  }

  /** A body that does not say its length may end early in good order. */
  private checkFilled(): void {
    if (this.wanted !== undefined && this.filled < this.wanted) {
      throw new BrokenAnswer(`${this.filled} of ${this.wanted} bytes arrived`);
    }
  }

  private take(bytes: Uint8Array): void {
    this.filled += bytes.length;
    if (this.wanted !== undefined) {
      if (this.filled > this.wanted) throw new BrokenAnswer(`more than the ${this.wanted} bytes asked for arrived`);
      fillSink(this.sink, bytes);
      return;
    }
    if (this.filled > largestMessage) throw new BrokenAnswer('the answer is too long for a message');
    this.message.push(Buffer.from(bytes));
  }
}

function parseHead(text: string): ResponseHead {
  const [start = '', ...lines] = text.split('\r\n');
  const [, status, reason = ''] = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(start) ?? [];
  if (status === undefined) throw new BrokenAnswer('the answer is not HTTP/1.1');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    // Where the body ends must not depend on which of the two is believed.
    if (name === 'content-length' && (headers[name] ?? value) !== value) {
      throw new BrokenAnswer('the answer has two lengths');
    }
    headers[name] = value;
  }
  return { status: Number(status), reason, headers };
}

/** The chunked transfer coding (RFC 9112, section 7.1), trailers ignored. */
class ChunkReader {
  complete = false;
  private line = '';
  /** Bytes of the chunk that are to come; with the line end after it. */
  private left = 0;
  private state: 'size' | 'data' | 'trailer' = 'size';

  *push(bytes: Uint8Array): Generator<Uint8Array, void> {
    for (let at = 0; at < bytes.length;) {
      if (this.complete) throw new BrokenAnswer('more bytes came than announced');
      if (this.state === 'data') {
        const count = Math.min(this.left, bytes.length - at);
        const data = Math.max(0, Math.min(count, this.left - 2));
        if (data > 0) yield bytes.subarray(at, at + data);
        for (let end = data; end < count; end++) {
          if (bytes[at + end] !== (this.left - end === 2 ? 13 : 10)) {
            throw new BrokenAnswer('a chunk of the answer is longer than its length');
          }
        }
        at += count;
        this.left -= count;
        if (this.left === 0) this.state = 'size';
        continue;
      }
      const byte = bytes[at++]!;
      if (byte !== 10) {
        this.line += String.fromCharCode(byte);
        if (this.line.length > 1024) throw new BrokenAnswer('a chunk of the answer has no length');
        continue;
      }
      this.endLine(this.line.trimEnd());
      this.line = '';
    }
  }

  private endLine(line: string): void {
    if (this.state === 'trailer') {
      this.complete = line === '';
      return;
    }
    const [, size] = /^([0-9a-fA-F]{1,12})(?:;.*)?$/.exec(line) ?? [];
    if (size === undefined) throw new BrokenAnswer('a chunk of the answer has no length');
    const bytes = Number.parseInt(size, 16);
    this.state = bytes === 0 ? 'trailer' : 'data';
    this.left = bytes + 2;
  }
}
