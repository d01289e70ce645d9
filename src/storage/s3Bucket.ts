import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  type MultipartUpload,
} from '@aws-sdk/client-s3';
import type { CallOptions, ListedObject } from './objectStore.js';
import { BrokenAnswer, classify, mayPass } from './s3Faults.js';
import type { S3Session } from './s3Session.js';

/** Keys in one DeleteObjects request, S3's maximum. */
export const deleteBatch = 1000;

export interface ListOptions extends CallOptions {
  readonly delimiter?: '/' | undefined;
}

/** `ObjectStore.list`. A server that does not list in byte order is refused: row order would depend on it. */
export async function* listObjects(
  session: S3Session,
  bucket: string,
  prefix: string,
  { signal, delimiter }: ListOptions,
): AsyncGenerator<ListedObject> {
  let token: string | undefined;
  let last = Buffer.alloc(0);
  do {
    // XML cannot hold every character that a key may hold, hence the encoding.
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: prefix,
      Delimiter: delimiter,
      ContinuationToken: token,
      EncodingType: 'url',
    });
    const request = { verb: 'list', operation: 'list', bucket, key: prefix, signal } as const;
    const page = await session.call(request, async (options) => {
      const answer = await session.client.send(command, options);
      const listed = (answer.Contents ?? []).map((object) => listedObject(object, answer.EncodingType));
      const keys = [last, ...listed.map(({ key }) => Buffer.from(key))];
      if (keys.some((key, index) => Buffer.compare(keys[index - 1] ?? key, key) > 0)) {
        throw new BrokenAnswer('the keys are not in byte order; S3 directory buckets, which list so, cannot be used');
      }
      if (answer.IsTruncated && !answer.NextContinuationToken) throw new BrokenAnswer('the next page is not named');
      return { listed, lastKey: keys[keys.length - 1] ?? last, next: answer.NextContinuationToken };
    });
    yield* page.listed;
    last = page.lastKey;
    token = page.next;
  } while (token);
}

type ListedContent = NonNullable<ListObjectsV2CommandOutput['Contents']>[number];

function listedObject({ Key, Size, ETag }: ListedContent, encoding: string | undefined): ListedObject {
  if (Key === undefined || Size === undefined || ETag === undefined) {
    throw new BrokenAnswer('an entry lacks its key, its size or its ETag');
  }
  return { key: decodeKey(Key, encoding), bytes: Size, etag: ETag };
}

/** Servers that do not know the encoding answer without naming it. */
function decodeKey(key: string, encoding: string | undefined): string {
  return encoding === 'url' ? decodeURIComponent(key.replaceAll('+', ' ')) : key;
}

/** `ObjectStore.delete`: what could not be deleted is tried again, until only lasting refusals are left. */
export async function deleteObjects(
  session: S3Session,
  bucket: string,
  keys: readonly string[],
  { signal }: CallOptions,
): Promise<void> {
  for (let start = 0; start < keys.length; start += deleteBatch) {
    let left = keys.slice(start, start + deleteBatch);
    const verb = `delete ${left.length} objects, from`;
    const request = { verb, operation: 'delete', bucket, key: left[0], signal } as const;
    await session.call<void>(request, async (options, progressed) => {
      const command = new DeleteObjectsCommand({
        Bucket: bucket,
        Delete: { Objects: left.map((Key) => ({ Key })), Quiet: true },
      });
      const { Errors = [] } = await session.client.send(command, options);
      const refusals = Errors.map(({ Key = '', Code = '', Message = '' }) => ({
        key: Key,
        // In the form of an error that is an answer of its own.
        error: Object.assign(new Error(`${Message} (key "${Key}", ${Errors.length} of ${left.length} keys)`), {
          name: Code,
        }),
      })).filter(({ error }) => classify(error).kind !== 'missing');
      if (refusals.length === 0) return;
      if (refusals.length < left.length) progressed();
      left = refusals.map(({ key }) => key);
      throw (refusals.find(({ error }) => !mayPass(classify(error).kind)) ?? refusals[0])?.error ?? new Error();
    });
  }
}

/** `ObjectStore.abortUploads`. */
export async function abortUploads(
  session: S3Session,
  bucket: string,
  prefix: string,
  belongs: (key: string) => boolean,
  { signal }: CallOptions,
): Promise<number> {
  let aborted = 0;
  for await (const { Key: key, UploadId } of listUploads(session, bucket, prefix, signal)) {
    if (key === undefined || UploadId === undefined || !belongs(key)) continue;
    aborted += await session.call<number>(
      { verb: 'abort an upload of', operation: 'delete', bucket, key, signal },
      async (options) => {
        await session.client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId }), options);
        return 1;
      },
      { noUpload: () => 0 },
    );
  }
  return aborted;
}

async function* listUploads(
  session: S3Session,
  bucket: string,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<MultipartUpload> {
  let markers: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  while (markers) {
    const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
      Bucket: bucket,
      Prefix: prefix,
      EncodingType: 'url',
      ...markers,
    });
    const verb = 'list the unfinished uploads under';
    const request = { verb, operation: 'list', bucket, key: prefix, signal } as const;
    const page = await session.call(request, (options) => session.client.send(command, options));
    for (const upload of page.Uploads ?? []) {
      yield upload.Key === undefined ? upload : { ...upload, Key: decodeKey(upload.Key, page.EncodingType) };
    }
    markers = page.IsTruncated
      ? {
          KeyMarker: decodeKey(page.NextKeyMarker ?? '', page.EncodingType),
          UploadIdMarker: page.NextUploadIdMarker ?? '',
        }
      : undefined;
  }
}

/** Makes a bucket; one that these credentials can use is fine. */
export async function createBucket(session: S3Session, bucket: string, { signal }: CallOptions): Promise<void> {
  await session.call<void>(
    { verb: 'create bucket', operation: 'put', bucket, signal },
    async (options) => {
      await session.client.send(new CreateBucketCommand({ Bucket: bucket }), options);
    },
    { exists: () => requireBucket(session, bucket, signal) },
  );
}

/** @throws NoSuchBucket, AccessDenied */
export async function requireBucket(
  session: S3Session,
  bucket: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await session.call<void>({ verb: 'list', operation: 'list', bucket, signal }, async (options) => {
    // Not HeadBucket: answers to HEAD give no reason, and a wrong key would look like a missing bucket.
    await session.client.send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1 }), options);
  });
}
