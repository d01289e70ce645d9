import { setMaxListeners } from 'node:events';
import { S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { RiffleError } from '../errors.js';
import { SinkFailure } from './byteSinks.js';
import { ReceivingHandler } from './receivingHandler.js';
import { Pacing } from './pacing.js';
import { type RetryPolicy, retry } from './retry.js';
import { classify, type Fault, type FaultKind, type RequestPlace, toRiffleError } from './s3Faults.js';
import { directionOf, newCounters, type Operation } from './transferStatistics.js';

/** All in milliseconds. */
export interface S3Timeouts {
  /** To open a connection. */
  readonly connect: number;
  /** Until an answer begins, beside the time that an upload takes at `slowestUpload`. */
  readonly answer: number;
  /** Without a byte in the body of an answer. */
  readonly stall: number;
  /** While the store throttles: in which it does nothing of what is asked. */
  readonly throttled: number;
}

export const defaultTimeouts: S3Timeouts = { connect: 5_000, answer: 60_000, stall: 20_000, throttled: 60_000 };

/** Bytes per millisecond below which an upload counts as stalled. */
const slowestUpload = 512;

/** One request: what it is, for messages, and what bounds it. */
export interface RequestOptions extends RequestPlace {
  /** What kind of request it is; undefined where several are one call, each of which makes a call of its own. */
  readonly operation?: Operation;
  readonly signal?: AbortSignal | undefined;
  /** Bytes that the request uploads. */
  readonly bytes?: number;
}

/** What to hand to `S3Client.send`. */
export interface SendOptions {
  readonly abortSignal?: AbortSignal;
  readonly requestTimeout: number;
}

/** Faults that are results to the caller: neither retried nor thrown. */
export type Expected<T> = { readonly [kind in FaultKind]?: (fault: Fault) => T | Promise<T> };

/** An AWS client together with riffle's retries and errors: every request to S3 goes through `call`. */
export class S3Session {
  readonly client: S3Client;
  readonly counters = newCounters();
  readonly pacing = new Pacing();
  readonly #endpoint: string;

  constructor(
    environment: NodeJS.ProcessEnv,
    readonly policy: RetryPolicy,
    readonly timeouts: S3Timeouts,
  ) {
    const endpoint = environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL;
    this.#endpoint = endpoint ?? 'AWS';
    this.client = createClient(environment, endpoint, timeouts);
  }

  /**
   * Sends one request, again and again while its faults are transient. Refusals of a store that throttles are none of
   * its attempts: they slow all such requests down, and stand only when for long no such request is let through.
   *
   * @param send one attempt; may call `progressed`, see `retry`
   * @param expected faults that are results to the caller
   * @throws the classes of `toRiffleError`; a RiffleError or SinkFailure of `send`; the reason of `request.signal`
   */
  async call<T>(
    request: RequestOptions,
    send: (options: SendOptions, progressed: () => void) => Promise<T>,
    expected: Expected<T> = {},
  ): Promise<T> {
    const requestTimeout = this.timeouts.answer + (request.bytes ?? 0) / slowestUpload;
    // Each request in flight listens to it, and an activity has many of them.
    if (request.signal) setMaxListeners(0, request.signal);
    const options = request.signal ? { abortSignal: request.signal, requestTimeout } : { requestTimeout };
    let attempts = 0;
    try {
      return await retry(
        this.policy,
        (progressed) => {
          if (attempts++ > 0) this.counters.retries++;
          return this.#inTurn(request, (accepted) => send(options, () => (progressed(), accepted())));
        },
        (error) => isWorthAnotherAttempt(error, expected),
        request.signal,
      );
    } catch (error) {
      request.signal?.throwIfAborted();
      if (error instanceof RiffleError || error instanceof SinkFailure) throw error;
      const fault = classify(error);
      const answer = expected[fault.kind];
      if (answer) return answer(fault);
      throw toRiffleError(fault, request, this.#endpoint);
    }
  }

  async #inTurn<T>(request: RequestOptions, send: (accepted: () => void) => Promise<T>): Promise<T> {
    const { operation, bucket, key, signal, bytes = 0 } = request;
    if (operation === undefined) return send(() => undefined);
    const { counters } = this;
    return this.pacing.send(
      { bucket, key, direction: directionOf(operation), patience: this.timeouts.throttled, signal },
      async (accepted) => {
        counters.requests[operation]++;
        const result = await send(accepted);
        counters.bytesWritten += bytes;
        return result;
      },
      (error) => {
        const isThrottled = classify(error).kind === 'throttled';
        if (isThrottled) counters.throttled++;
        return isThrottled;
      },
    );
  }
}

function isWorthAnotherAttempt(error: unknown, expected: Expected<unknown>): boolean {
  if (error instanceof RiffleError || error instanceof SinkFailure) return false;
  const { kind } = classify(error);
  return (kind === 'transient' || kind === 'conflict') && !(kind in expected);
}

function createClient(environment: NodeJS.ProcessEnv, endpoint: string | undefined, timeouts: S3Timeouts): S3Client {
  // The SDK reads it when a client is made; README says what Node the SDK will want.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const agent = { keepAlive: true, maxSockets: 128 };
  const client = new S3Client({
    ...(endpoint ? { endpoint, forcePathStyle: true } : {}),
    ...givenCredentials(environment),
    region: environment.AWS_REGION || environment.AWS_DEFAULT_REGION || configuredRegion(),
    // Our own loop retries, because it also covers bodies and conditional writes.
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // With this header the SDK opens a new connection for each upload.
    expectContinueHeader: false,
    requestHandler: new ReceivingHandler(
      new NodeHttpHandler({
        connectionTimeout: timeouts.connect,
        requestTimeout: timeouts.answer,
        throwOnRequestTimeout: true,
        socketTimeout: timeouts.answer,
        httpAgent: agent,
        httpsAgent: agent,
      }),
      timeouts,
    ),
  });
  leavePayloadsUnsigned(client);
  return client;
}

/**
 * Hashing payloads for signatures costs most of an upload's CPU. Their CRC32, which is signed, protects them, or what
 * they hold: whoever reads a packed object checks every record.
 */
function leavePayloadsUnsigned(client: S3Client): void {
  client.middlewareStack.add(
    (next) => (args) => {
      const { headers, method } = args.request as { headers: Record<string, string>; method: string };
      if (method === 'PUT') headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
      return next(args);
    },
    { step: 'build', name: 'riffleUnsignedPayload', priority: 'low' },
  );
}

/** Keys of an environment that is not the process's own; the SDK's default chain knows the process's by itself. */
function givenCredentials(environment: NodeJS.ProcessEnv) {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  if (environment === process.env || !accessKeyId || !secretAccessKey) return {};
  const sessionToken = environment.AWS_SESSION_TOKEN;
  return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } };
}

/** The region of the user's AWS configuration, which the SDK would insist on. Asked when first needed. */
function configuredRegion(): () => Promise<string> {
  let region: Promise<string> | undefined;
  const ask = async (): Promise<string> => {
    const client = new S3Client({});
    try {
      return await client.config.region();
    } catch {
      return 'us-east-1';
    } finally {
      client.destroy();
    }
  };
  return () => (region ??= ask());
}
