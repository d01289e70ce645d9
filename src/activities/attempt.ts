import { ApplicationFailure, Context } from '@temporalio/activity';
import { setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { RiffleError } from '../errors.js';

const heartbeatMilliseconds = 1000;

/** What an activity's work needs to be observed and stopped. */
export interface Attempt {
  /** Aborted when the activity is cancelled or timed out, or the worker shuts down. */
  readonly signal: AbortSignal;
  /** Counts bytes for the heartbeat. */
  readonly onBytes: (bytes: number) => void;
  /** Lets heartbeats out during long computations. */
  readonly pause: () => Promise<void>;
}

export interface AttemptOptions {
  /** Whatever fails here fails before any data was moved [false]. */
  readonly refusal?: boolean;
}

/**
 * Runs an activity's work with heartbeats that tell its progress, and turns what it throws into Temporal failures:
 * errors of riffle keep their code as the failure's type, and their class decides whether a retry makes sense.
 *
 * The work cannot hang: computations pause now and then, and the store ends or retries requests that get no further.
 */
export async function attempt<T>(work: (attempt: Attempt) => Promise<T>, options: AttemptOptions = {}): Promise<T> {
  const context = Context.current();
  const signal = context.cancellationSignal;
  // A task's requests all listen to it; Node takes more than ten listeners for a leak.
  setMaxListeners(0, signal);
  let bytes = 0;
  const timer = setInterval(() => {
    context.heartbeat({ bytes });
  }, heartbeatMilliseconds);
  try {
    signal.throwIfAborted();
    return await work({
      signal,
      onBytes: (count) => {
        bytes += count;
      },
      pause: async () => {
        await setImmediate();
        signal.throwIfAborted();
      },
    });
  } catch (error) {
    // A cancelled activity must say so by the failure that the SDK provides.
    if (signal.aborted) await context.cancelled;
    throw toFailure(error, options.refusal === true);
  } finally {
    clearInterval(timer);
  }
}

function toFailure(error: unknown, refusal: boolean): unknown {
  if (error instanceof ApplicationFailure) return error;
  if (!(error instanceof RiffleError)) {
    const cause = error instanceof Error ? error : new Error(String(error));
    return ApplicationFailure.create({ type: 'Unexpected', message: String(cause), cause });
  }
  // Credentials that worked when the run was admitted have expired, or their source has a moment's trouble.
  const retryable = error.retryable || (error.code === 'AccessDenied' && !refusal);
  return ApplicationFailure.create({
    type: error.code,
    message: error.message,
    nonRetryable: !retryable,
    details: [{ ...error.toJSON(), refused: refusal && !retryable }],
    cause: error.cause instanceof Error ? error.cause : undefined,
  });
}
