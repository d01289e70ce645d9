import { createHash } from 'node:crypto';
import { crc32 } from '@node-rs/crc32';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type CompletedPart,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { SettledPart, ObjectHead, ObjectLocation, Part, PutOptions, PutOutcome } from './objectStore.js';
import { BrokenAnswer } from './s3Faults.js';
import type { S3Session } from './s3Session.js';

/** Parts of one object in flight at a time. */
const concurrentParts = 4;

/** Milliseconds for the one attempt to remove an upload that will not be completed. */
const abandonTime = 10_000;

export interface Upload extends PutOptions {
  readonly object: ObjectLocation;
  /** Write only where nothing is. */
  readonly ifAbsent: boolean;
}

/**
 * Writes an object by one request; the server checks the body's CRC32.
 *
 * A server that refuses a conditional write early (versitygw does) may close the connection while the body is still
 * being sent, and the refusal is lost. A broken attempt is therefore followed by a look at the key.
 * @param head looks the object up
 */
export async function uploadAtOnce(
  session: S3Session,
  upload: Upload,
  { bytes: body, crc32 }: SettledPart,
  head: () => Promise<ObjectHead | undefined>,
): Promise<PutOutcome> {
  const { object, ifAbsent, signal } = upload;
  const ChecksumCRC32 = checksum(crc32);
  let attempts = 0;
  return session.call<PutOutcome>(
    { verb: 'write', operation: 'put', ...object, signal, bytes: body.length },
    async (options) => {
      if (ifAbsent && attempts++ > 0 && (await head())) return { created: false };
      const { ETag } = await session.client.send(
        new PutObjectCommand({
          Bucket: object.bucket,
          Key: object.key,
          Body: body,
          ContentLength: body.length,
          ChecksumCRC32,
          ...headersOf(upload),
          ...condition(ifAbsent),
        }),
        options,
      );
      return { created: true, etag: present(ETag) };
    },
    ifAbsent ? { precondition: () => ({ created: false }) } : {},
  );
}

/**
 * Writes an object as a multipart upload of `parts` as they are; the server checks each part's CRC32.
 *
 * An upload that turns out to be void (a competing conditional write, or somebody aborted it) is made anew.
 * @param head looks the object up, to learn what became of a completion whose answer was lost
 */
export async function uploadInParts(
  session: S3Session,
  upload: Upload,
  parts: readonly Part[],
  head: () => Promise<ObjectHead | undefined>,
): Promise<PutOutcome> {
  const { object, signal } = upload;
  return session.call({ verb: 'write', ...object, signal }, async () => {
    const id = await create(session, upload);
    try {
      const outcome = await complete(session, upload, id, await sendParts(session, upload, id, parts), head);
      if (!outcome.created) await abandon(session, object, id);
      return outcome;
    } catch (error) {
      await abandon(session, object, id);
      throw error;
    }
  });
}

async function create(session: S3Session, upload: Upload): Promise<string> {
  const { object, signal } = upload;
  return session.call({ verb: 'begin to write', operation: 'put', ...object, signal }, async (options) => {
    const { UploadId } = await session.client.send(
      new CreateMultipartUploadCommand({
        Bucket: object.bucket,
        Key: object.key,
        ChecksumAlgorithm: 'CRC32',
        ...headersOf(upload),
      }),
      options,
    );
    return present(UploadId);
  });
}

/** Sends all parts. When one fails for good the others are aborted, and have ended before this function does. */
async function sendParts(
  session: S3Session,
  { object, signal }: Upload,
  id: string,
  parts: readonly Part[],
): Promise<CompletedPart[]> {
  const failure = new AbortController();
  const anySignal = signal ? AbortSignal.any([signal, failure.signal]) : failure.signal;
  const waiting = parts.entries();
  const sent: CompletedPart[] = [];

  const lane = async (): Promise<void> => {
    try {
      for (const [index, part] of waiting) {
        sent[index] = await sendPart(session, object, id, index + 1, part, anySignal);
      }
    } catch (error) {
      failure.abort(error);
      throw error;
    }
  };
  const lanes = Array.from({ length: Math.min(concurrentParts, parts.length) }, lane);
  await Promise.allSettled(lanes);
  // The reason is the first lane's error; those of the others follow from it.
  failure.signal.throwIfAborted();
  return sent;
}

async function sendPart(
  session: S3Session,
  object: ObjectLocation,
  id: string,
  number: number,
  part: Part,
  signal: AbortSignal,
): Promise<CompletedPart> {
  const { bytes: body, crc32 } = await settled(part);
  const ChecksumCRC32 = checksum(crc32);
  return session.call<CompletedPart>(
    { verb: `write part ${number} of`, operation: 'put', ...object, signal, bytes: body.length },
    async (options) => {
      const { ETag } = await session.client.send(
        new UploadPartCommand({
          Bucket: object.bucket,
          Key: object.key,
          UploadId: id,
          PartNumber: number,
          Body: body,
          ContentLength: body.length,
          ChecksumCRC32,
        }),
        options,
      );
      return { PartNumber: number, ETag: present(ETag), ChecksumCRC32 };
    },
    { noUpload: uploadIsVoid },
  );
}

/**
 * Makes the parts an object. The answer may be lost; the repeated request then finds no such upload, and the object
 * itself decides: with the ETag that these parts give, it is this upload's. Under `ifAbsent` it may as well be another
 * writer's equal object, so any object counts as "something is there".
 */
async function complete(
  session: S3Session,
  { object, ifAbsent, signal }: Upload,
  id: string,
  parts: CompletedPart[],
  head: () => Promise<ObjectHead | undefined>,
): Promise<PutOutcome> {
  return session.call<PutOutcome>(
    { verb: 'finish writing', operation: 'put', ...object, signal },
    async (options) => {
      const { ETag } = await session.client.send(
        new CompleteMultipartUploadCommand({
          Bucket: object.bucket,
          Key: object.key,
          UploadId: id,
          MultipartUpload: { Parts: parts },
          ...condition(ifAbsent),
        }),
        options,
      );
      return { created: true, etag: present(ETag) };
    },
    {
      conflict: uploadIsVoid,
      noUpload: async (fault) => {
        const found = await head();
        if (found && ifAbsent) return { created: false };
        if (found?.etag === multipartEtag(parts)) return { created: true, etag: found.etag };
        return uploadIsVoid(fault);
      },
      ...(ifAbsent ? { precondition: () => ({ created: false }) } : {}),
    },
  );
}

/**
 * Removes an upload that will not be completed. This is a courtesy, hence one attempt whose failure is nobody's error:
 * `abortUploads` finds what is left. It is made even after the caller's signal was aborted.
 */
async function abandon(session: S3Session, object: ObjectLocation, id: string): Promise<void> {
  const request = new AbortMultipartUploadCommand({ Bucket: object.bucket, Key: object.key, UploadId: id });
  session.counters.requests.delete++;
  await session.client.send(request, { abortSignal: AbortSignal.timeout(abandonTime) }).catch(() => undefined);
}

/** The bytes of a part and their CRC-32; a lazy one is read now. */
export async function settled(part: Part): Promise<SettledPart> {
  if ('bytes' in part) return part;
  const bytes = part instanceof Uint8Array ? part : await part.read();
  return { bytes, crc32: crc32(bytes) };
}

export function partLength(part: Part): number {
  return 'bytes' in part ? part.bytes.length : part.length;
}

function uploadIsVoid(fault: { code: string; message: string }): never {
  // Transient to `uploadInParts`, which begins anew.
  throw new BrokenAnswer(`the multipart upload cannot be completed (${fault.code}: ${fault.message})`);
}

/** What S3 sends along with the object later. */
function headersOf({ contentType, cacheControl }: PutOptions): { ContentType?: string; CacheControl?: string } {
  return {
    ...(contentType === undefined ? {} : { ContentType: contentType }),
    ...(cacheControl === undefined ? {} : { CacheControl: cacheControl }),
  };
}

function condition(ifAbsent: boolean): { IfNoneMatch?: string } {
  return ifAbsent ? { IfNoneMatch: '*' } : {};
}

/** The ETag of a multipart object: the MD5 of its parts' MD5s, and their number. */
function multipartEtag(parts: readonly CompletedPart[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(Buffer.from((part.ETag ?? '').replaceAll('"', ''), 'hex'));
  return `"${hash.digest('hex')}-${parts.length}"`;
}

function present(value: string | undefined): string {
  if (value === undefined) throw new BrokenAnswer('the answer lacks an ETag or an upload id');
  return value;
}

/** A CRC32 as S3 writes it: four bytes, big end first, base64. */
function checksum(crc: number): string {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(crc);
  return buffer.toString('base64');
}
