import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { AccessDenied } from '../errors.js';
import { combineCrc32 } from './crc32.js';
import { MemorySink } from './byteSinks.js';
import { defaultHedgePolicy, HedgedReads, type HedgePolicy } from './hedging.js';
import {
  type ByteRange,
  type ByteSink,
  type CallOptions,
  type SettledPart,
  type GetOptions,
  type ListedObject,
  type ObjectHead,
  type ObjectLocation,
  type ObjectStore,
  type Part,
  partBytes,
  type PutOptions,
  type PutOutcome,
} from './objectStore.js';
import { defaultRetryPolicy, type RetryPolicy } from './retry.js';
import { abortUploads, createBucket, deleteObjects, listObjects, type ListOptions, requireBucket } from './s3Bucket.js';
import { BrokenAnswer } from './s3Faults.js';
import { readRange, readWhole, type Version } from './s3Read.js';
import { defaultTimeouts, S3Session, type S3Timeouts } from './s3Session.js';
import { settled, partLength, type Upload, uploadAtOnce, uploadInParts } from './s3Upload.js';
import type { TransferStatistics } from './transferStatistics.js';

export interface S3StoreOptions {
  /** Where `AWS_*` variables are read from; the process's environment by default. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  /** Attempts in a row without progress [8]. */
  readonly attempts?: number | undefined;
  /** Bound of the first pause between attempts, in milliseconds [500]; it doubles up to half a minute. */
  readonly firstPause?: number | undefined;
  readonly timeouts?: Partial<S3Timeouts> | undefined;
  readonly hedging?: Partial<HedgePolicy> | undefined;
  /** Bytes up to which several parts are joined and written by one request [64 MiB]; for tests. */
  readonly largestPut?: number | undefined;
}

export interface S3Store extends ObjectStore {
  /** What was transferred so far. */
  readonly statistics: TransferStatistics;

  /** Makes a bucket; one that these credentials can use already is fine. */
  createBucket(bucket: string, options?: CallOptions): Promise<void>;

  /** Closes all connections. Requests under way fail. */
  close(): void;
}

/**
 * The adapter to S3 and its likes. It is configured like every AWS client: `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`
 * (then with path-style addresses), `AWS_REGION` [us-east-1], `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or else
 * the SDK's default chain (profiles, roles, instance metadata). Making a store sends no request.
 */
export function createS3Store(options: S3StoreOptions = {}): S3Store {
  const policy: RetryPolicy = {
    attempts: options.attempts ?? defaultRetryPolicy.attempts,
    firstPause: options.firstPause ?? defaultRetryPolicy.firstPause,
    longestPause: defaultRetryPolicy.longestPause,
  };
  const session = new S3Session(options.environment ?? process.env, policy, {
    ...defaultTimeouts,
    ...options.timeouts,
  });
  return new SdkStore(session, options.largestPut ?? partBytes, { ...defaultHedgePolicy, ...options.hedging });
}

class SdkStore implements S3Store {
  readonly #session: S3Session;
  readonly #largestPut: number;
  readonly #reads: HedgedReads;
  readonly #knownBuckets = new Set<string>();

  constructor(session: S3Session, largestPut: number, hedging: HedgePolicy) {
    this.#session = session;
    this.#largestPut = largestPut;
    this.#reads = new HedgedReads(hedging);
  }

  get statistics(): TransferStatistics {
    return this.#session.counters;
  }

  async head(object: ObjectLocation, { signal }: CallOptions = {}): Promise<ObjectHead | undefined> {
    const found = await this.#session
      .call<ObjectHead | undefined>(
        { verb: 'look up', operation: 'head', ...object, signal },
        async (options) => {
          const command = new HeadObjectCommand({ Bucket: object.bucket, Key: object.key });
          const { ContentLength: bytes, ETag: etag } = await this.#session.client.send(command, options);
          if (bytes === undefined || etag === undefined)
            throw new BrokenAnswer('the answer names no length or no ETag');
          return { bytes, etag };
        },
        { notFound: () => undefined },
      )
      .catch(async (error: unknown) => {
        // A refused HEAD does not say whether the key is unknown, the secret wrong or a right missing; a listing does.
        if (error instanceof AccessDenied) await requireBucket(this.#session, object.bucket, signal);
        throw error;
      });
    // An answer to HEAD has no text, so a missing bucket looks like a missing object.
    if (!found) await this.#requireBucket(object.bucket, signal);
    return found;
  }

  async read(object: ObjectLocation, range: ByteRange, sink: ByteSink, options: GetOptions = {}): Promise<void> {
    const { ifMatch, signal } = options;
    if (range.end === range.start) return;
    const version: Version = { etag: ifMatch };
    await this.#reads.read(
      range.end - range.start,
      sink,
      (into, ownSignal, isHedge) => {
        if (isHedge) this.#session.counters.hedges++;
        return readRange(this.#session, object, range, version, into, { signal: ownSignal, isHedge });
      },
      // A store that throttles is slow because more is asked of it than it gives.
      () => !this.#session.pacing.isSlowed({ ...object, direction: 'read' }),
      signal,
    );
  }

  async readInto(
    object: ObjectLocation,
    range: ByteRange,
    target: Uint8Array,
    options: GetOptions = {},
  ): Promise<void> {
    if (target.length !== range.end - range.start) {
      throw new RangeError(`Target of ${target.length} bytes for the range ${range.start} to ${range.end}.`);
    }
    await this.read(object, range, new MemorySink(target), options);
  }

  async readWhole(
    object: ObjectLocation,
    limit: number,
    options: CallOptions = {},
  ): Promise<{ data: Uint8Array; etag: string } | undefined> {
    return readWhole(this.#session, object, limit, options);
  }

  async put(object: ObjectLocation, parts: readonly Part[], options: PutOptions = {}): Promise<{ etag: string }> {
    const outcome = await this.#upload({ ...options, object, ifAbsent: false }, parts);
    if (!outcome.created) throw new Error('An unconditional upload cannot find its place taken.');
    return { etag: outcome.etag };
  }

  async putIfAbsent(object: ObjectLocation, parts: readonly Part[], options: PutOptions = {}): Promise<PutOutcome> {
    return this.#upload({ ...options, object, ifAbsent: true }, parts);
  }

  list(bucket: string, prefix: string, options: ListOptions = {}): AsyncIterable<ListedObject> {
    return listObjects(this.#session, bucket, prefix, options);
  }

  async delete(bucket: string, keys: readonly string[], options: CallOptions = {}): Promise<void> {
    await deleteObjects(this.#session, bucket, keys, options);
  }

  async abortUploads(
    bucket: string,
    prefix: string,
    belongs: (key: string) => boolean,
    options: CallOptions = {},
  ): Promise<number> {
    return abortUploads(this.#session, bucket, prefix, belongs, options);
  }

  async createBucket(bucket: string, options: CallOptions = {}): Promise<void> {
    await createBucket(this.#session, bucket, options);
  }

  close(): void {
    this.#session.client.destroy();
  }

  async #upload(upload: Upload, parts: readonly Part[]): Promise<PutOutcome> {
    const total = parts.reduce((sum, part) => sum + partLength(part), 0);
    const head = (): Promise<ObjectHead | undefined> => this.head(upload.object, upload);
    if (parts.length > 1 && total > this.#largestPut) return uploadInParts(this.#session, upload, parts, head);
    return uploadAtOnce(this.#session, upload, await joined(parts), head);
  }

  async #requireBucket(bucket: string, signal: AbortSignal | undefined): Promise<void> {
    if (this.#knownBuckets.has(bucket)) return;
    try {
      await requireBucket(this.#session, bucket, signal);
    } catch (error) {
      // Credentials for objects alone may not list the bucket; then it is there. Unknown credentials are another matter.
      if (!(error instanceof AccessDenied && error.fields.cause === 'AccessDenied')) throw error;
    }
    this.#knownBuckets.add(bucket);
  }
}

/** Several parts as one. */
async function joined(parts: readonly Part[]): Promise<SettledPart> {
  const bodies = await Promise.all(parts.map(settled));
  const [first] = bodies;
  if (first && bodies.length === 1) return first;
  return {
    bytes: Buffer.concat(bodies.map(({ bytes }) => bytes)),
    crc32: bodies.reduce((crc, { bytes, crc32 }) => combineCrc32(crc, crc32, bytes.length), 0),
  };
}
