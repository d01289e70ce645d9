import {
  AccessDenied,
  ClockSkewed,
  InvalidInput,
  NoSuchBucket,
  ObjectChanged,
  ObjectMissing,
  type RiffleError,
  StorageRefused,
  StorageUnavailable,
} from '../errors.js';

/** What a failed S3 request means for its caller. */
export type FaultKind =
  | 'transient' // may be gone at the next attempt
  | 'throttled' // requests come too fast
  | 'conflict' // another conditional write was under way: 409
  | 'noBucket'
  | 'missing' // no object at this key
  | 'notFound' // 404 without a reason: all that HEAD can say, but from other requests no answer of an S3 server
  | 'noUpload' // the multipart upload was completed or aborted
  | 'exists' // the bucket to be created exists
  | 'precondition' // If-Match or If-None-Match did not hold: 412
  | 'range' // the object ends before the range begins: 416
  | 'denied'
  | 'clock'
  | 'region'
  | 'refused'; // understood and refused: the same request will never succeed

export interface Fault {
  readonly kind: FaultKind;
  /** S3's or the system's code, such as `SlowDown` or `ECONNRESET`. */
  readonly code: string;
  /** HTTP status, where there was an answer. */
  readonly status?: number | undefined;
  readonly message: string;
  /** The object's length in bytes, where the answer to a range names it. */
  readonly objectBytes?: number | undefined;
  /** The bucket's region, where the answer names it. */
  readonly region?: string | undefined;
  readonly cause: unknown;
}

/** Where and what a request was, for messages. */
export interface RequestPlace {
  /** What was tried, as in "could not <verb> s3://bucket/key". */
  readonly verb: string;
  readonly bucket: string;
  readonly key?: string | undefined;
}

/** An answer that arrived but cannot be used: broken off, stalled, or not what was asked for. */
export class BrokenAnswer extends Error {
  override readonly name = 'BrokenAnswer';
}

const kindByCode: Readonly<Record<string, FaultKind>> = {
  NoSuchBucket: 'noBucket',
  NoSuchKey: 'missing',
  NotFound: 'notFound',
  NoSuchUpload: 'noUpload',
  BucketAlreadyOwnedByYou: 'exists',
  BucketAlreadyExists: 'exists',
  PreconditionFailed: 'precondition',
  InvalidRange: 'range',
  ConditionalRequestConflict: 'conflict',
  OperationAborted: 'conflict',
  RequestTimeTooSkewed: 'clock',
  AuthorizationHeaderMalformed: 'region',
  PermanentRedirect: 'region',
  IllegalLocationConstraintException: 'region',
  // S3 answers these with 4xx, although nothing is wrong with the request.
  BadDigest: 'transient',
  XAmzContentChecksumMismatch: 'transient',
  IncompleteBody: 'transient',
  RequestTimeout: 'transient',
  InternalError: 'transient',
  BrokenAnswer: 'transient',
  TimeoutError: 'transient',
  AccessDenied: 'denied',
  AllAccessDisabled: 'denied',
  AccountProblem: 'denied',
  CredentialsProviderError: 'denied',
  ExpiredToken: 'denied',
  InvalidAccessKeyId: 'denied',
  InvalidToken: 'denied',
  NotSignedUp: 'denied',
  SignatureDoesNotMatch: 'denied',
  XAdminUserNotFound: 'denied', // versitygw's InvalidAccessKeyId
  NotImplemented: 'refused',
  BandwidthLimitExceeded: 'throttled',
  RequestLimitExceeded: 'throttled',
  ServiceUnavailable: 'throttled',
  SlowDown: 'throttled',
  SlowDownRead: 'throttled', // MinIO's
  SlowDownWrite: 'throttled',
  Throttling: 'throttled',
  ThrottlingException: 'throttled',
  TooManyRequestsException: 'throttled',
};

const kindByStatus: Readonly<Record<number, FaultKind>> = {
  301: 'region',
  307: 'transient',
  401: 'denied',
  403: 'denied',
  408: 'transient',
  409: 'conflict',
  412: 'precondition',
  416: 'range',
  429: 'throttled',
  503: 'throttled',
};

interface SdkError extends Error {
  readonly code?: unknown;
  readonly ActualObjectSize?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Record<string, string> };
}

/** Says what an error thrown by the AWS client, by its sockets or by the body of an answer means. */
export function classify(error: unknown): Fault {
  const raw: SdkError = error instanceof Error ? error : new Error(String(error));
  const status = raw.$metadata?.httpStatusCode ?? raw.$response?.statusCode;
  const system = typeof raw.code === 'string' ? raw.code : undefined;
  // Answers to HEAD have no text, and the client calls their errors unknown.
  const textless = raw.name === 'Unknown' || raw.name === 'UnknownError';
  const code = textless ? `HTTP ${status ?? 'error'}` : (system ?? raw.name);
  return {
    kind: kindOf(raw, code, status, system),
    code,
    status,
    message: raw.message === 'UnknownError' || raw.message === 'Unknown' ? 'no reason given' : raw.message,
    objectBytes: raw.ActualObjectSize === undefined ? undefined : Number(raw.ActualObjectSize),
    region: raw.$response?.headers?.['x-amz-bucket-region'],
    cause: error,
  };
}

function kindOf(raw: SdkError, code: string, status: number | undefined, system: string | undefined): FaultKind {
  // The client has learnt the server's time from this answer and signs the next attempt by it.
  if (code === 'RequestTimeTooSkewed' && raw.$metadata?.clockSkewCorrected) return 'transient';
  const known = kindByCode[code] ?? (status === undefined ? undefined : kindByStatus[status]);
  if (known) return known;
  if (status !== undefined) {
    // Below 300: the answer said success, but its text could not be understood.
    return status >= 500 || status < 300 ? 'transient' : 'refused';
  }
  if (system === undefined || /CERT|SELF_SIGNED|^ERR_(TLS|SSL|INVALID)/.test(system)) return 'refused';
  return 'transient';
}

/** Whether the same request may succeed later. */
export function mayPass(kind: FaultKind): boolean {
  return kind === 'transient' || kind === 'throttled';
}

/** The error that a caller of riffle sees. */
export function toRiffleError(fault: Fault, place: RequestPlace, endpoint: string): RiffleError {
  const uri = `s3://${place.bucket}${place.key === undefined ? '' : `/${place.key}`}`;
  const failed = `Could not ${place.verb} ${uri} at ${endpoint}`;
  const said = `${fault.code}: ${fault.message}`;
  const fields = { bucket: place.bucket, ...(place.key === undefined ? {} : { key: place.key }), cause: fault.code };
  const options = { cause: fault.cause };
  switch (fault.kind) {
    case 'noBucket':
      return new NoSuchBucket(
        `There is no bucket "${place.bucket}" at ${endpoint}. Check its name and AWS_ENDPOINT_URL_S3, or create it.`,
        fields,
        options,
      );
    case 'missing':
      return new ObjectMissing(`${failed}: there is no such object. Restore it and start again.`, fields, options);
    case 'precondition':
      return new ObjectChanged(
        `${failed}: the object is not the one that was read before (its ETag differs). Restore the earlier one, ` +
          'or describe the dataset anew and use another output.',
        fields,
        options,
      );
    case 'range':
      return new ObjectChanged(`${failed}: the object is shorter than it should be (${said}).`, fields, options);
    case 'denied':
      return new AccessDenied(
        `${failed}: access was denied (${said}). ${credentialAdvice(fault.code)}`,
        fields,
        options,
      );
    case 'clock':
      return new ClockSkewed(
        `${failed}: this machine's clock is too far from the server's (${said}). Set the clock (for example with NTP).`,
        fields,
        options,
      );
    case 'region':
      return new InvalidInput(
        `${failed}: the bucket is in another region (${said}). Set AWS_REGION to ` +
          `${fault.region ?? "the bucket's region"}.`,
        fields,
        options,
      );
    case 'throttled':
      return new StorageUnavailable(
        `${failed}: for a while the server refused every request of this kind because too many came; it said ${said}. ` +
          'Check its limits and who else uses it, then start again: finished work is kept.',
        fields,
        options,
      );
    case 'transient':
    case 'conflict':
      return new StorageUnavailable(
        `${failed}, even after several attempts; the last one ended with ${said}. ` +
          'Check that the S3 server and the network are well, then start again: finished work is kept.',
        fields,
        options,
      );
    case 'notFound':
      return new StorageRefused(
        `${failed}: the answer was 404 without a reason. Check that AWS_ENDPOINT_URL_S3 is the address of an S3 server.`,
        fields,
        options,
      );
    case 'noUpload':
    case 'exists':
    case 'refused':
      return new StorageRefused(
        `${failed}: the request was refused (${said}). ` +
          'Trying again cannot help; check the endpoint, the bucket and its settings.',
        fields,
        options,
      );
  }
}

function credentialAdvice(code: string): string {
  switch (code) {
    case 'CredentialsProviderError':
      return 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.';
    case 'ExpiredToken':
    case 'InvalidToken':
      return 'Get fresh credentials: the session token is not valid any more.';
    case 'InvalidAccessKeyId':
    case 'SignatureDoesNotMatch':
    case 'XAdminUserNotFound':
      return 'Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: the server does not know this pair.';
    default:
      return (
        'Allow these credentials (AWS_ACCESS_KEY_ID or AWS_PROFILE) to list the bucket and to read, write and ' +
        'delete its objects.'
      );
  }
}
