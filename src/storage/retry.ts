import { setTimeout as sleep } from 'node:timers/promises';

export interface RetryPolicy {
  /** Attempts in a row without progress before the last error stands. */
  readonly attempts: number;
  /** Bound of the first pause in milliseconds; it doubles from pause to pause. */
  readonly firstPause: number;
  /** Bound of every pause in milliseconds. */
  readonly longestPause: number;
}

/** Eight attempts with at most 0.5 + 1 + 2 + 4 + 8 + 16 + 30 seconds between them. */
export const defaultRetryPolicy: RetryPolicy = { attempts: 8, firstPause: 500, longestPause: 30_000 };

/**
 * Repeats `work` until it succeeds, fails for good, or has failed `policy.attempts` times in a row.
 * Each pause is drawn uniformly from zero to its bound, so that clients which failed together do not come back together.
 *
 * @param work one attempt; it may call `progressed` when it got further than the attempt before, which starts the count
 *   of attempts (and the pauses) anew
 * @param isTransient whether an error may be gone at the next attempt
 * @throws the last error of `work`; the reason of `signal` as soon as it is aborted
 */
export async function retry<T>(
  policy: RetryPolicy,
  work: (progressed: () => void) => Promise<T>,
  isTransient: (error: unknown) => boolean,
  signal?: AbortSignal,
): Promise<T> {
  let failures = 0;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await work(() => (failures = 0));
    } catch (error) {
      signal?.throwIfAborted();
      failures++;
      if (failures >= policy.attempts || !isTransient(error)) throw error;
    }
    await pause(Math.random() * Math.min(policy.longestPause, policy.firstPause * 2 ** (failures - 1)), signal);
  }
}

async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
