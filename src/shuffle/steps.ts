import type { Pause } from './recordTarget.js';

/** A long computation that yields now and then, so that whoever runs it can let timers and heartbeats out in between. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Runs a computation at one go. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Runs a computation with a pause at every step. */
export async function finishWithPauses<T>(steps: Steps<T>, pause: Pause): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await pause();
  }
}
