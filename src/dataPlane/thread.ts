import { setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { RiffleError } from '../errors.js';
import { WorkMemory } from '../memory/workMemory.js';
import { createS3Store } from '../storage/s3.js';
import { Jobs } from './jobs.js';
import type { Job } from './jobs.js';
import type { ForwardedFailure, Note, Order } from './messages.js';

/**
 * A data thread: transfers, copies and hashes for one task at a time, with connections and memory of its own, so that
 * the main thread always answers Temporal.
 */
const port = parentPort!;
const store = createS3Store();
const memory = new WorkMemory();
const jobs = new Jobs();

const progressMilliseconds = 500;

let cancelling: AbortController | undefined;
let granted: (() => void) | undefined;

function tell(note: Note): void {
  port.postMessage(note);
}

async function run(job: Job): Promise<void> {
  const cancel = (cancelling = new AbortController());
  // A task's requests all listen to it; Node takes more than ten listeners for a leak.
  setMaxListeners(0, cancel.signal);
  let bytes = 0;
  let steps = 0;
  const tellProgress = (): void => {
    // The store ends requests that get no further by itself; while it tries again, the task is not stalled.
    const requests = Object.values(store.statistics.requests).reduce((sum, count) => sum + count, 0);
    tell({ note: 'progress', bytes, steps: steps + requests });
  };
  const timer = setInterval(tellProgress, progressMilliseconds);
  try {
    const outcome = await jobs.run(job, {
      store,
      memory,
      signal: cancel.signal,
      onBytes: (count) => {
        bytes += count;
      },
      pause: async () => {
        steps++;
        await setImmediate();
        cancel.signal.throwIfAborted();
      },
      reserve: async (wanted) => {
        cancel.signal.throwIfAborted();
        await new Promise<void>((resolve, reject) => {
          granted = resolve;
          cancel.signal.addEventListener('abort', () => {
            reject(cancel.signal.reason as Error);
          });
          tell({ note: 'reserve', bytes: wanted });
        });
      },
    });
    tellProgress();
    tell({ note: 'done', outcome });
  } catch (error) {
    tell({ note: 'failed', error: forward(error) });
  } finally {
    clearInterval(timer);
    memory.reset();
  }
}

function forward(error: unknown): ForwardedFailure {
  if (!(error instanceof Error)) return { message: String(error), stack: undefined };
  const { message, stack } = error;
  if (!(error instanceof RiffleError)) return { message: String(error), stack };
  const { code, fields, retryable, refusal } = error;
  return { message, stack, known: { code, fields, retryable, refusal } };
}

port.on('message', (order: Order) => {
  switch (order.order) {
    case 'run':
      void run(order.job);
      break;
    case 'granted':
      granted?.();
      break;
    case 'cancel':
      cancelling?.abort();
      break;
  }
});
