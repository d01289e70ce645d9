/**
 * The narrow view of S3 that all of riffle uses. One adapter implements it (`s3.ts`); tests wrap it to count or to
 * inject faults.
 *
 * Every call retries what is transient by itself, with bounded attempts, backoff and jitter, and raises the classes of
 * `errors.ts`: `NoSuchBucket`, `AccessDenied`, `StorageUnavailable`, and those named per method.
 * Every call takes an `AbortSignal` and rejects with its reason when it is aborted.
 */
export interface ObjectLocation {
  readonly bucket: string;
  readonly key: string;
}

/** Bytes [start, end) of an object. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface ObjectHead {
  /** Length in bytes. */
  readonly bytes: number;
  /** Entity tag as S3 sends it, quotes included. */
  readonly etag: string;
}

export interface ListedObject extends ObjectHead {
  readonly key: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface GetOptions extends CallOptions {
  /** Refuse with `ObjectChanged` when the object's ETag is another one. */
  readonly ifMatch?: string | undefined;
}

export interface PutOptions extends CallOptions {
  /** Media type that browsers are told [application/octet-stream]. */
  readonly contentType?: string | undefined;
  /** Cache-Control header that browsers get [none]. */
  readonly cacheControl?: string | undefined;
}

/** Takes bytes as they arrive, each once and in their order. Whoever works on them at once finds them in the cache. */
export interface ByteSink {
  /** Memory for the next bytes, at least one, as long as there are any to come; used until `arrived` is called. */
  room(): Uint8Array;
  /** So many bytes have arrived at the beginning of `room()`. What it throws ends the read. */
  arrived(bytes: number): void;
}

/**
 * A part that is read when its turn comes, so that an object larger than memory can be written. `read` gives `length`
 * bytes, may be called again (a retry), and rejects when its source changed; the upload is then aborted and rejects
 * with the same error.
 */
export interface LazyPart {
  readonly length: number;
  read(): Promise<Uint8Array>;
}

/** A part in memory whose checksum is settled. */
export interface SettledPart {
  readonly bytes: Uint8Array;
  /** CRC-32, which the server checks. */
  readonly crc32: number;
}

/** One part of an object to write. */
export type Part = Uint8Array | SettledPart | LazyPart;

export type PutOutcome = { readonly created: true; readonly etag: string } | { readonly created: false };

export interface ObjectStore {
  /** Length and ETag, or undefined when there is no such object. */
  head(object: ObjectLocation, options?: CallOptions): Promise<ObjectHead | undefined>;

  /**
   * Reads exactly `range` through `sink`. A broken body is resumed where it broke, by range and ETag; a stalled one
   * counts as broken.
   * @throws ObjectMissing, ObjectChanged; ShardInvalid is the caller's to raise
   */
  read(object: ObjectLocation, range: ByteRange, sink: ByteSink, options?: GetOptions): Promise<void>;

  /** `read` into `target`, whose length is the range's. */
  readInto(object: ObjectLocation, range: ByteRange, target: Uint8Array, options?: GetOptions): Promise<void>;

  /**
   * Reads a whole object of at most `limit` bytes, or returns undefined when there is no such object.
   * @throws ObjectConflict when the object is larger than `limit` (never reads it)
   */
  readWhole(
    object: ObjectLocation,
    limit: number,
    options?: CallOptions,
  ): Promise<{ data: Uint8Array; etag: string } | undefined>;

  /** Writes an object, replacing what is there. `parts` are concatenated; more than one part makes a multipart upload. */
  put(object: ObjectLocation, parts: readonly Part[], options?: PutOptions): Promise<{ etag: string }>;

  /**
   * Writes an object only where none is (`If-None-Match: *`). `{created: false}` says that something is there: it may
   * be this very call's own earlier attempt whose answer was lost, so the caller compares contents.
   */
  putIfAbsent(object: ObjectLocation, parts: readonly Part[], options?: PutOptions): Promise<PutOutcome>;

  /** All objects whose keys start with `prefix`, in byte order of the keys; with `delimiter: '/'` only those directly below. */
  list(bucket: string, prefix: string, options?: CallOptions & { delimiter?: '/' }): AsyncIterable<ListedObject>;

  /** Deletes objects; those that are not there count as deleted. */
  delete(bucket: string, keys: readonly string[], options?: CallOptions): Promise<void>;

  /** Aborts every unfinished multipart upload whose key starts with `prefix` and satisfies `belongs`; returns how many. */
  abortUploads(
    bucket: string,
    prefix: string,
    belongs: (key: string) => boolean,
    options?: CallOptions,
  ): Promise<number>;
}

/** Objects are uploaded in one PUT up to this size, in parts of this size above it, so that ETags repeat. */
export const partBytes = 64 * 1024 * 1024;
