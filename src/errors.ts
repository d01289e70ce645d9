/**
 * Every error that riffle raises on purpose.
 *
 * The class decides three things once and for all: `code` (stable, for programs; also the Temporal failure type),
 * `retryable` (may the same call succeed later?) and `refusal` (found before any data was moved: exit code 2).
 * A message says what is wrong, where, and what to do next.
 */
export abstract class RiffleError extends Error {
  abstract readonly code: string;
  /** Whether the same call may succeed when it is tried again. */
  readonly retryable: boolean = false;
  /** Whether riffle refused before it moved any data. */
  readonly refusal: boolean = true;

  /**
   * @param message what is wrong, where, and what to do next
   * @param fields facts for programs, printed beside `code` and `message` in `--json` output
   */
  constructor(
    message: string,
    readonly fields: Record<string, unknown> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }

  toJSON(): Record<string, unknown> {
    return { ...this.fields, code: this.code, message: this.message };
  }
}

/** An option, an input field or a URI that is not what riffle accepts. */
export class InvalidInput extends RiffleError {
  readonly code = 'InvalidInput';
}

/** The bucket does not exist. */
export class NoSuchBucket extends RiffleError {
  readonly code = 'NoSuchBucket';
}

/** The S3 server refused the credentials, or there are none. */
export class AccessDenied extends RiffleError {
  readonly code = 'AccessDenied';
}

/** S3 did not answer as it should, after all retries; a later try may work. */
export class StorageUnavailable extends RiffleError {
  readonly code = 'StorageUnavailable';
  override readonly retryable = true;
  override readonly refusal = false;
}

/** The S3 server lets more than one of several racing `If-None-Match: *` PUTs win. */
export class ConditionalPutBroken extends RiffleError {
  readonly code = 'ConditionalPutBroken';
}

/** An object that must be there is not. */
export class ObjectMissing extends RiffleError {
  readonly code = 'ObjectMissing';
  override readonly refusal = false;
}

/** An object is not the one that was read before: its ETag differs. */
export class ObjectChanged extends RiffleError {
  readonly code = 'ObjectChanged';
  override readonly refusal = false;
}

/** Something else stands at a key that riffle must not overwrite. */
export class ObjectConflict extends RiffleError {
  readonly code = 'ObjectConflict';
  override readonly refusal = false;
}

/** The prefix holds no `dataset.json`: it is not (or not yet) a dataset. */
export class DatasetMissing extends RiffleError {
  readonly code = 'DatasetMissing';
}

/** `dataset.json` cannot be read, is of another version, or contradicts itself or the files. */
export class DatasetInvalid extends RiffleError {
  readonly code = 'DatasetInvalid';
}

/** A shard file is truncated, lies in its header, or does not agree with its siblings. */
export class ShardInvalid extends RiffleError {
  readonly code = 'ShardInvalid';
}

/** `describe --write` found another dataset.json in its place. */
export class DatasetConflict extends RiffleError {
  readonly code = 'DatasetConflict';
}

/** `put` found another object of the same name. */
export class UploadConflict extends RiffleError {
  readonly code = 'UploadConflict';
}
