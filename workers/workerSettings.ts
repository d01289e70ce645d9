import { InvalidInput } from '../src/errors.js';

export interface WorkerSettings {
  /** Bytes that all data tasks together may hold. */
  readonly memory: number;
  /** Data tasks at once. */
  readonly slots: number;
  /** Milliseconds without a heartbeat after which an attempt counts as lost. */
  readonly heartbeatTimeout: number;
  /** Longest time between two heartbeats sent, milliseconds. */
  readonly heartbeatThrottle: number;
  /** Milliseconds without a poll after which a worker counts as gone; more than a poll may take. */
  readonly pollerTimeout: number;
  /** Events that a workflow's history may have before it continues as new. */
  readonly historyEvents: number;
  /** Milliseconds for which a workflow waits for the worker that knows it. */
  readonly stickyTimeout: number;
}

/** Above it Temporal suggests to continue as new. */
const defaultHistoryEvents = 4096;
const defaultMemory = 4 * 1024 ** 3;
/** Each slot has a data thread with buffers and connections of its own. */
const slotMemory = 512 * 1024 ** 2;
/** Enough that some tasks read while others write, and few enough that what they need besides their records stays small. */
const mostSlotsByDefault = 4;
const mostSlots = 256;

/**
 * Reads a worker's settings: `RIFFLE_WORKER_MEMORY` (bytes [4 GiB]), `RIFFLE_WORKER_SLOTS` (1 to 256 [one per 512 MiB of
 * memory, at least one, at most four]), and the timing, which `riffle dev` shortens: `RIFFLE_HEARTBEAT_TIMEOUT` [30s], `RIFFLE_HEARTBEAT_THROTTLE` [10s], `RIFFLE_STICKY_TIMEOUT` [10s],
 * `RIFFLE_POLLER_TIMEOUT` [150s]; and `RIFFLE_HISTORY_EVENTS` [4096].
 * @throws InvalidInput
 */
export function workerSettings(environment: NodeJS.ProcessEnv): WorkerSettings {
  const memory = Number(environment.RIFFLE_WORKER_MEMORY ?? defaultMemory);
  if (!(Number.isSafeInteger(memory) && memory > 0)) {
    throw new InvalidInput(`RIFFLE_WORKER_MEMORY is ${environment.RIFFLE_WORKER_MEMORY}: write a number of bytes.`);
  }
  const historyEvents = Number(environment.RIFFLE_HISTORY_EVENTS ?? defaultHistoryEvents);
  if (!(Number.isSafeInteger(historyEvents) && historyEvents > 0)) {
    throw new InvalidInput(`RIFFLE_HISTORY_EVENTS is ${environment.RIFFLE_HISTORY_EVENTS}: write a whole number.`);
  }
  return {
    memory,
    slots: slots(environment.RIFFLE_WORKER_SLOTS, memory),
    heartbeatTimeout: seconds(environment, 'RIFFLE_HEARTBEAT_TIMEOUT', 30),
    heartbeatThrottle: seconds(environment, 'RIFFLE_HEARTBEAT_THROTTLE', 10),
    pollerTimeout: seconds(environment, 'RIFFLE_POLLER_TIMEOUT', 150),
    historyEvents,
    stickyTimeout: seconds(environment, 'RIFFLE_STICKY_TIMEOUT', 10),
  };
}

function slots(text: string | undefined, memory: number): number {
  if (text === undefined) return Math.min(mostSlotsByDefault, Math.max(1, Math.floor(memory / slotMemory)));
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= mostSlots) return count;
  throw new InvalidInput(
    `RIFFLE_WORKER_SLOTS is ${JSON.stringify(text)}: write a whole number from 1 to ${mostSlots}.`,
  );
}

function seconds(environment: NodeJS.ProcessEnv, name: string, byDefault: number): number {
  const text = environment[name] ?? `${byDefault}s`;
  const match = /^(\d+(?:\.\d+)?)s$/.exec(text);
  if (!match) throw new InvalidInput(`${name} is ${JSON.stringify(text)}: write seconds, such as "5s".`);
  return Number(match[1]) * 1000;
}
