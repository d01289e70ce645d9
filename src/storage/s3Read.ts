import { Readable } from 'node:stream';
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { ObjectChanged, ObjectConflict } from '../errors.js';
import type { ByteRange, ByteSink, CallOptions, ObjectLocation } from './objectStore.js';
import type { ReceiveOptions } from './receivingHandler.js';
import type { ResponseHead, ResponseSink } from './responseReader.js';
import { BrokenAnswer, type Fault } from './s3Faults.js';
import type { S3Session } from './s3Session.js';

/** So much of a body is progress: the attempts are counted anew after it. Less could go on nearly for ever. */
const progressBytes = 256 * 1024;

/** The version of an object of which all tries of a read must be: its ETag, once one of them knows it. */
export interface Version {
  etag: string | undefined;
}

/**
 * One try of `ObjectStore.read`. Bytes that arrived before a body broke are kept; the next attempt asks for the rest.
 * @throws what `ObjectStore.read` throws; SinkFailure
 */
export async function readRange(
  session: S3Session,
  object: ObjectLocation,
  range: ByteRange,
  version: Version,
  sink: ByteSink,
  { signal, isHedge }: CallOptions & { readonly isHedge: boolean },
): Promise<void> {
  let done = 0;
  await session.call<void>(
    { verb: `read bytes ${range.start} to ${range.end} of`, operation: 'get', ...object, signal },
    async (options, progressed) => {
      const rest = { start: range.start + done, end: range.end };
      // All had arrived, but the end of the answer was broken.
      if (rest.start === rest.end) return;
      const before = done;
      const receive: ResponseSink = {
        begin: (head) => {
          if (head.status !== 200 && head.status !== 206) return undefined;
          checkSameObject(object, version.etag, head.headers.etag);
          checkRange(object, rest, head);
          version.etag = head.headers.etag;
          return rest.end - rest.start;
        },
        room: () => sink.room(),
        arrived: (bytes) => {
          done += bytes;
          sink.arrived(bytes);
        },
      };
      const command = new GetObjectCommand({
        Bucket: object.bucket,
        Key: object.key,
        Range: `bytes=${rest.start}-${rest.end - 1}`,
        IfMatch: version.etag,
      });
      if (isHedge) markAsHedge(command);
      try {
        // The SDK hands options on to the request handler as they are.
        const handed: ReceiveOptions = { ...options, receive };
        await session.client.send(command, handed);
      } finally {
        session.counters.bytesRead += done - before;
        if (done - before >= progressBytes) progressed();
      }
    },
    {
      range: (fault) => {
        throw tooShort(object, range, fault.objectBytes, fault);
      },
    },
  );
}

/** `ObjectStore.readWhole`. A body that broke is read again from its start. */
export async function readWhole(
  session: S3Session,
  object: ObjectLocation,
  limit: number,
  { signal }: CallOptions,
): Promise<{ data: Uint8Array; etag: string } | undefined> {
  return session.call<{ data: Uint8Array; etag: string } | undefined>(
    { verb: 'read', operation: 'get', ...object, signal },
    async (options) => {
      const answer = await session.client.send(
        new GetObjectCommand({ Bucket: object.bucket, Key: object.key }),
        options,
      );
      const body = bodyOf(answer);
      try {
        const { ContentLength: bytes, ETag: etag } = answer;
        if (bytes === undefined || etag === undefined) throw new BrokenAnswer('the answer names no length or no ETag');
        if (bytes > limit) {
          throw new ObjectConflict(
            `s3://${object.bucket}/${object.key} has ${bytes} bytes, where at most ${limit} are expected: ` +
              'something else stands at this key. Move it away, or use another prefix.',
            { ...object, bytes, limit },
          );
        }
        const data = new Uint8Array(bytes);
        await receive(body, data, session.timeouts.stall);
        session.counters.bytesRead += bytes;
        return { data, etag };
      } finally {
        body.destroy();
      }
    },
    { missing: () => undefined },
  );
}

/** Lets whoever counts requests tell those that no plan foresees. */
function markAsHedge(command: GetObjectCommand): void {
  command.middlewareStack.add(
    (next) => (args) => {
      (args.request as { headers: Record<string, string> }).headers['x-riffle-hedge'] = '1';
      return next(args);
    },
    { step: 'build', name: 'riffleHedge' },
  );
}

function bodyOf(answer: GetObjectCommandOutput): Readable {
  if (answer.Body instanceof Readable) return answer.Body;
  throw new BrokenAnswer('the answer has no body');
}

/**
 * Fills `target` from a body.
 * @param stall milliseconds without a byte after which the body counts as broken
 * @throws BrokenAnswer when it stalls or has another length than `target`; the socket's error when it breaks off
 */
async function receive(body: Readable, target: Uint8Array, stall: number): Promise<void> {
  let filled = 0;
  const timer = setTimeout(() => body.destroy(new BrokenAnswer(`no byte arrived for ${stall} ms`)), stall);
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      timer.refresh();
      if (filled + chunk.length > target.length) {
        throw new BrokenAnswer(`more than the ${target.length} bytes asked for arrived`);
      }
      target.set(chunk, filled);
      filled += chunk.length;
    }
  } finally {
    clearTimeout(timer);
  }
  if (filled < target.length) throw new BrokenAnswer(`${filled} of ${target.length} bytes arrived`);
}

/** A server that ignores If-Match must not mix two objects. */
function checkSameObject(object: ObjectLocation, expected: string | undefined, etag: string | undefined): void {
  if (etag === undefined) throw new BrokenAnswer('the answer names no ETag');
  if (expected !== undefined && expected !== etag) {
    throw new ObjectChanged(
      `s3://${object.bucket}/${object.key} is not the object that was read before: its ETag is ${etag}, not ` +
        `${expected}. Restore the earlier one, or describe the dataset anew and use another output.`,
      { ...object, expected, etag },
    );
  }
}

/** Are these the bytes that were asked for? Some servers and proxies answer a Range request with the whole object. */
function checkRange(object: ObjectLocation, asked: ByteRange, { status, headers }: ResponseHead): void {
  const { 'content-range': range = '', 'content-length': length } = headers;
  if (status === 200) {
    if (asked.start === 0 && Number(length) === asked.end) return;
    throw new BrokenAnswer(`the server ignored the range and sent all ${length ?? 'unknown'} bytes`);
  }
  const [, first, last] = /^bytes (\d+)-(\d+)\//.exec(range) ?? [];
  const objectBytes = lengthIn(range);
  if (objectBytes !== undefined && objectBytes < asked.end) throw tooShort(object, asked, objectBytes);
  if (Number(first) !== asked.start || Number(last) !== asked.end - 1) {
    throw new BrokenAnswer(`asked for bytes ${asked.start} to ${asked.end}, got "${range}"`);
  }
}

/** The object's length in a Content-Range header: `bytes 0-9/100` or `bytes *\/100`. */
function lengthIn(contentRange: string | undefined): number | undefined {
  const digits = /\/(\d+)$/.exec(contentRange ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function tooShort(object: ObjectLocation, range: ByteRange, actual: number | undefined, fault?: Fault): ObjectChanged {
  return new ObjectChanged(
    `s3://${object.bucket}/${object.key} has ${actual ?? 'fewer'} bytes, but should have at least ${range.end}. ` +
      'It was replaced or cut short: restore it, or describe the dataset anew and use another output.',
    { ...object, expected: range.end, actual },
    { cause: fault?.cause },
  );
}
