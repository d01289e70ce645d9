import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ObjectChanged } from '../errors.js';
import type { ByteRange, ObjectHead, ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import type { Prefix } from '../storage/uri.js';
import { matchesTag, requestedRange } from './byteRange.js';

/** So much of a file is in memory at a time for each request under way. */
const chunkBytes = 1024 * 1024;

/** Hands files of a run in S3 on to HTTP clients, as they are, whole or one range of them. */
export class FileForwarder {
  /** Files that were asked for. They are few: only names of a run's files come here, and only those that exist stay. */
  readonly #heads = new Map<string, ObjectHead>();

  constructor(
    private readonly store: ObjectStore,
    private readonly place: Prefix,
  ) {}

  /**
   * Answers a GET or HEAD request for a file.
   * @returns whether there is such a file; if not, nothing was answered
   * @throws errors of the store; those that come after `response.headersSent` can only cut the answer off
   */
  async answer(
    file: string,
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      return await this.#answer(file, request, response, signal);
    } catch (error) {
      this.#heads.delete(file);
      // The object was replaced since its length and ETag were asked for.
      if (!(error instanceof ObjectChanged) || response.headersSent) throw error;
      return await this.#answer(file, request, response, signal);
    }
  }

  async #answer(
    file: string,
    { method, headers }: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<boolean> {
    const object = { bucket: this.place.bucket, key: this.place.prefix + file };
    // Who asks whether a file has changed wants no answer from memory.
    const known = headers['if-none-match'] === undefined ? this.#heads.get(file) : undefined;
    const head = known ?? (await this.store.head(object, { signal }));
    if (head === undefined) return false;
    this.#heads.set(file, head);
    const { bytes, etag } = head;
    // What is private does not stay with an address that another program may have tomorrow.
    const about = { 'accept-ranges': 'bytes', 'cache-control': 'no-store', etag };

    if (matchesTag(headers['if-none-match'], etag)) {
      response.writeHead(304, about).end();
      return true;
    }
    // Range means something for GET only, and where If-Range names this version.
    const ranged = method === 'GET' && (headers['if-range'] ?? etag) === etag;
    const range = ranged ? requestedRange(headers.range, bytes) : 'whole';
    if (range === 'unsatisfiable') {
      response.writeHead(416, { ...about, 'content-range': `bytes */${bytes}`, 'content-length': 0 }).end();
      return true;
    }
    const part = range === 'whole' ? { start: 0, end: bytes } : range;
    const description = {
      ...about,
      'content-length': part.end - part.start,
      'content-type': file.endsWith('.json') ? 'application/json' : 'application/octet-stream',
      ...(range === 'whole' ? {} : { 'content-range': `bytes ${part.start}-${part.end - 1}/${bytes}` }),
    };
    if (method === 'HEAD') {
      response.writeHead(200, description).end();
      return true;
    }
    await this.#send(object, part, etag, response, signal, () =>
      response.writeHead(range === 'whole' ? 200 : 206, description),
    );
    return true;
  }

  /** @param begin called when the first bytes are there: until then a failure can still be told */
  async #send(
    object: ObjectLocation,
    { start, end }: ByteRange,
    etag: string,
    response: ServerResponse,
    signal: AbortSignal,
    begin: () => void,
  ): Promise<void> {
    if (start === end) begin();
    for (let at = start; at < end; at += chunkBytes) {
      const chunk = new Uint8Array(Math.min(chunkBytes, end - at));
      await this.store.readInto(object, { start: at, end: at + chunk.length }, chunk, { ifMatch: etag, signal });
      if (at === start) begin();
      if (!response.write(chunk)) await once(response, 'drain', { signal });
    }
    response.end();
  }
}
