import { ApplicationFailure, Context } from '@temporalio/activity';
import { setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { RiffleError, TaskStalled } from '../errors.js';

/** An attempt that gets no byte further for this long is given up; the next one may fare better. */
const stallMilliseconds = 60_000;
const heartbeatMilliseconds = 1000;

/** What an activity's work needs to be observed and stopped. */
export interface Attempt {
  /** Aborted when the activity is cancelled, timed out or stalled, or the worker shuts down. */
  readonly signal: AbortSignal;
  /** Counts bytes for the heartbeat. */
  readonly onBytes: (bytes: number) => void;
  /** Lets heartbeats out during long computations; counts as progress. */
  readonly pause: () => Promise<void>;
}

export interface AttemptOptions {
  /** Whatever fails here fails before any data was moved [false]. */
  readonly refusal?: boolean;
  /** The work reports every byte, so that a minute without any means that it hangs [false]. */
  readonly givesUpWhenStalled?: boolean;
}

/**
 * Runs an activity's work with heartbeats that tell its progress, and turns what it throws into Temporal failures:
 * errors of riffle keep their code as the failure's type, and their class decides whether a retry makes sense.
 */
export async function attempt<T>(work: (attempt: Attempt) => Promise<T>, options: AttemptOptions = {}): Promise<T> {
  const context = Context.current();
  const stalled = new AbortController();
  const signal = AbortSignal.any([context.cancellationSignal, stalled.signal]);
  // A task's requests all listen to it; Node takes more than ten listeners for a leak.
  setMaxListeners(0, signal);
  let bytes = 0;
  let lastProgress = Date.now();
  const timer = setInterval(() => {
    context.heartbeat({ bytes });
    if (!options.givesUpWhenStalled || Date.now() - lastProgress < stallMilliseconds) return;
    stalled.abort(
      new TaskStalled(`Nothing was read or written for ${stallMilliseconds / 1000} s; the attempt was given up.`),
    );
  }, heartbeatMilliseconds);
  try {
    signal.throwIfAborted();
    return await work({
      signal,
      onBytes: (count) => {
        bytes += count;
        lastProgress = Date.now();
      },
      pause: async () => {
        await setImmediate();
        lastProgress = Date.now();
        signal.throwIfAborted();
      },
    });
  } catch (error) {
    // A cancelled activity must say so by the failure that the SDK provides.
    if (context.cancellationSignal.aborted) await context.cancelled;
    throw toFailure(stalled.signal.aborted ? stalled.signal.reason : error, options.refusal === true);
  } finally {
    clearInterval(timer);
  }
}

function toFailure(error: unknown, refusal: boolean): unknown {
  if (!(error instanceof RiffleError)) return error;
  return ApplicationFailure.create({
    type: error.code,
    message: error.message,
    nonRetryable: !error.retryable,
    details: [{ ...error.toJSON(), refused: refusal && !error.retryable }],
    cause: error.cause instanceof Error ? error.cause : undefined,
  });
}
