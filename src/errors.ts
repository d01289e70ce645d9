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
    return { code: this.code, message: this.message, ...this.fields };
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

/** Another dataset.json stands where one was to be written. */
export class DatasetConflict extends RiffleError {
  readonly code = 'DatasetConflict';
}

/** `put` found another object of the same name. */
export class UploadConflict extends RiffleError {
  readonly code = 'UploadConflict';
}

/** S3 understood a request and refused it; the same request will never succeed. */
export class StorageRefused extends RiffleError {
  readonly code = 'StorageRefused';
  override readonly refusal = false;
}

/** This machine's clock is too far from the S3 server's for a signature to be accepted. */
export class ClockSkewed extends RiffleError {
  readonly code = 'ClockSkewed';
}

/** A server of the embedded stack was not found, and there is no Go toolchain to build it with. */
export class BinariesMissing extends RiffleError {
  readonly code = 'BinariesMissing';
}

/** A program that an environment variable names is not there, or not of a usable version. */
export class BinaryUnusable extends RiffleError {
  readonly code = 'BinaryUnusable';
}

/** `go install` of a server failed. */
export class BinaryBuildFailed extends RiffleError {
  readonly code = 'BinaryBuildFailed';
}

/** Another process runs the embedded stack of this folder. */
export class StackBusy extends RiffleError {
  readonly code = 'StackBusy';
}

/** A server or a worker of the embedded stack did not start, or ended by itself. */
export class StackFailed extends RiffleError {
  readonly code = 'StackFailed';
  override readonly refusal = false;
}

/** No plan exists that keeps a task within `memory`; `leastMemory` (bytes) is the least that works. */
export class MemoryTooSmall extends RiffleError {
  readonly code = 'MemoryTooSmall';
}

/** The output prefix is the input prefix, lies inside it, or holds it. */
export class OutputOverlapsInput extends RiffleError {
  readonly code = 'OutputOverlapsInput';
}

/** The output prefix holds objects that are not this shuffle's. */
export class OutputForeign extends RiffleError {
  readonly code = 'OutputForeign';
}

/** The output prefix belongs to a shuffle of another layout. */
export class LayoutMismatch extends RiffleError {
  readonly code = 'LayoutMismatch';
}

/** plan.json is not what riffle wrote. */
export class PlanDamaged extends RiffleError {
  readonly code = 'PlanDamaged';
}

/** Another workflow is at work on the same output. */
export class OutputBusy extends RiffleError {
  readonly code = 'OutputBusy';
}

/** The input is riffle's own output, and this seed and layout would apply the same permutation once more. */
export class SelfShuffle extends RiffleError {
  readonly code = 'SelfShuffle';
}

/** What earlier tasks wrote is missing or corrupt; `pass` and `tasks` name the tasks that must be done again. */
export class WorkDamaged extends RiffleError {
  readonly code = 'WorkDamaged';
  override readonly refusal = false;
}

/** Collected statistics of features are truncated, corrupt, or of another run; their task must be done again. */
export class CollectedDamaged extends RiffleError {
  readonly code = 'CollectedDamaged';
  override readonly refusal = false;
}

/** Counts or multiset digests of two passes differ: records were lost, doubled or altered. */
export class RecordsUnaccounted extends RiffleError {
  readonly code = 'RecordsUnaccounted';
  override readonly refusal = false;
}

/** Tasks failed for good; the others of their pass have finished. */
export class TasksFailed extends RiffleError {
  readonly code = 'TasksFailed';
  override readonly refusal = false;
}

/** A dump's completion marker has not appeared; later it may be there. */
export class DumpIncomplete extends RiffleError {
  readonly code = 'DumpIncomplete';
  override readonly retryable = true;
}

/** Temporal answers, and does not let the caller do what it asks for. */
export class TemporalRefused extends RiffleError {
  readonly code = 'TemporalRefused';
}

/** `describe` found no shard file under the prefix. */
export class ShardsMissing extends RiffleError {
  readonly code = 'ShardsMissing';
}

/** A local file changed while it was being uploaded. */
export class FileChanged extends RiffleError {
  readonly code = 'FileChanged';
  override readonly refusal = false;
}

/** Datasets that are to be compared, read as one or aligned differ in encoding, columns or rows. */
export class DatasetsDiffer extends RiffleError {
  readonly code = 'DatasetsDiffer';
}

/** No Temporal server answers. */
export class TemporalUnreachable extends RiffleError {
  readonly code = 'TemporalUnreachable';
}

/** The prefix is the output of a shuffle that has not been committed. */
export class ShuffleUnfinished extends RiffleError {
  readonly code = 'ShuffleUnfinished';
}

/** The prefix holds no `run.json`: it is not (or not yet) the output of a visualize run. */
export class RunMissing extends RiffleError {
  readonly code = 'RunMissing';
}

/** `run.json` cannot be read, is of another version, or contradicts itself. */
export class RunInvalid extends RiffleError {
  readonly code = 'RunInvalid';
}

/** A file of a visualize run is missing, cut short or corrupt; `file` names it. */
export class RunDamaged extends RiffleError {
  readonly code = 'RunDamaged';
  override readonly refusal = false;
}

/** riffle was not built, so there is no feature browser to put into a run or to serve. */
export class AppMissing extends RiffleError {
  readonly code = 'AppMissing';
}

/** The run has no page of this feature. */
export class FeatureMissing extends RiffleError {
  readonly code = 'FeatureMissing';
}

/** A web server answered a request for a range of a file with the whole file. */
export class RangeIgnored extends RiffleError {
  readonly code = 'RangeIgnored';
  override readonly refusal = false;
}

/** A task needs more memory than a worker process may use at all. */
export class WorkerTooSmall extends RiffleError {
  readonly code = 'WorkerTooSmall';
  override readonly refusal = false;
}

/** This machine cannot compute in the way that was asked for (CUDA). */
export class ComputeUnavailable extends RiffleError {
  readonly code = 'ComputeUnavailable';
}

/** Products on this machine differ in their bits from run to run, so that pages would depend on how work is cut. */
export class ComputeUnreproducible extends RiffleError {
  readonly code = 'ComputeUnreproducible';
}

/** An activation is too large for float32, or not a number; `row` and `feature` say which. */
export class ActivationNotFinite extends RiffleError {
  readonly code = 'ActivationNotFinite';
  override readonly refusal = false;
}

/** A task got no further for a while, and its attempt was given up; another attempt may get through. */
export class TaskStalled extends RiffleError {
  readonly code = 'TaskStalled';
  override readonly retryable = true;
  override readonly refusal = false;
}

/** tokenizer.json is not a tokenizer's file, or contradicts itself. */
export class TokenizerInvalid extends RiffleError {
  readonly code = 'TokenizerInvalid';
}

/** The tokenizer decodes in a way that riffle does not know. */
export class TokenizerUnsupported extends RiffleError {
  readonly code = 'TokenizerUnsupported';
}

/** A token id is not in the tokenizer's vocabulary. */
export class TokenUnknown extends RiffleError {
  readonly code = 'TokenUnknown';
  override readonly refusal = false;
}

/** A column that `visualize` needs is missing, or has a dtype or a shape that it cannot use. */
export class ColumnUnusable extends RiffleError {
  readonly code = 'ColumnUnusable';
}

/** An integer of a column lies outside the range that `visualize` can hold. */
export class ValueUnusable extends RiffleError {
  readonly code = 'ValueUnusable';
  override readonly refusal = false;
}

/** The rows of a dump do not follow each other as the text does: they were shuffled, or two dumps do not belong together. */
export class NotInReadingOrder extends RiffleError {
  readonly code = 'NotInReadingOrder';
  override readonly refusal = false;
}

/** No sparse autoencoder is where one was looked for, or one of its objects is not there. */
export class SaeMissing extends RiffleError {
  readonly code = 'SaeMissing';
}

/** The objects of a sparse autoencoder cannot be read, lie, contradict each other, or hold NaN or infinities. */
export class SaeInvalid extends RiffleError {
  readonly code = 'SaeInvalid';
}

/** A sparse autoencoder has an architecture, an option, a tensor or a dtype that riffle does not implement. */
export class SaeUnsupported extends RiffleError {
  readonly code = 'SaeUnsupported';
}

/** An error of riffle that was raised in another thread: the same to everyone who looks at its fields. */
export class ForwardedError extends RiffleError {
  readonly code: string;
  override readonly retryable: boolean;
  override readonly refusal: boolean;

  constructor(
    message: string,
    { code, fields, retryable, refusal }: Pick<RiffleError, 'code' | 'fields' | 'retryable' | 'refusal'>,
  ) {
    super(message, fields);
    this.code = code;
    this.retryable = retryable;
    this.refusal = refusal;
  }
}

/** Rows of activations that hold an infinity or no number. */
export class RowsNotFinite extends RiffleError {
  readonly code = 'RowsNotFinite';
  override readonly refusal = false;
}

/** Nothing is left of a dataset when all exclusions are made. */
export class NothingCounted extends RiffleError {
  readonly code = 'NothingCounted';
  override readonly refusal = false;
}

/** An unembedding that is not what its tensors must be, or does not fit the SAE. */
export class UnembeddingInvalid extends RiffleError {
  readonly code = 'UnembeddingInvalid';
}

/** Labels that cannot be read. */
export class LabelsInvalid extends RiffleError {
  readonly code = 'LabelsInvalid';
}

/** An activation that was computed twice came out different: machines that compute differently share a run. */
export class ActivationsDisagree extends RiffleError {
  readonly code = 'ActivationsDisagree';
  override readonly refusal = false;
}

/** A task that computes came to a machine whose results may differ from those of the run's other machines. */
export class ComputeMismatch extends RiffleError {
  readonly code = 'ComputeMismatch';
  override readonly retryable = true;
  override readonly refusal = false;
}
