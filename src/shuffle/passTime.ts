import type { Instance, PriceTable } from './prices.js';
import { readsAtOnce } from './reading.js';
import { secondsOf } from './rates.js';
import type { PassWork, Rates } from './rates.js';

/** Machines of one kind, and how many tasks of a plan each of them holds at a time. */
export interface Fleet {
  readonly instance: Instance;
  readonly machines: number;
  readonly tasksAtOnce: number;
}

/** A pass's work together with what the network and S3 see of it. */
export interface PassLoad extends PassWork {
  readonly get: number;
  readonly put: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** What a pass waits for: if there were more of it, the pass would be faster. */
export type Bound = 'processor' | 'network' | 'latency' | 'memory' | 'GET rate' | 'PUT rate' | 'number of tasks';

export interface PassTime {
  readonly seconds: number;
  readonly bound: Bound;
}

/** How many tasks fit into a machine's memory and processors; 0 where not even one does. */
export function tasksAtOnce(instance: Instance, taskBytes: number, { fleet }: PriceTable): number {
  return Math.min(instance.vCpus, tasksInMemory(instance, taskBytes, fleet.reservedMemory));
}

function tasksInMemory({ memory }: Instance, taskBytes: number, reserved: number): number {
  return Math.max(0, Math.floor((memory - reserved) / taskBytes));
}

/**
 * The time of a pass: the longest of what processors, network, connections and S3's request rates take.
 *
 * A task reads, then writes, in one thread. So a machine with one task at a time uses its network in one direction at a
 * time, and one processor.
 */
export function passTime(load: PassLoad, fleet: Fleet, table: PriceTable, rates: Rates): PassTime {
  const { instance, machines } = fleet;
  const { s3 } = table;
  const slots = machines * fleet.tasksAtOnce;
  // The last tasks leave machines idle: as long as the tasks of a full round take.
  const rounds = (Math.ceil(load.tasks / slots) * slots) / load.tasks;
  const read = load.bytesRead / instance.networkIn;
  const written = load.bytesWritten / instance.networkOut;
  const turns = fleet.tasksAtOnce > 1 ? Math.max(read, written) : read + written;
  const crowded = fleet.tasksAtOnce < instance.vCpus;
  const bounds: [Bound, number][] = [
    [
      crowded ? 'memory' : 'processor',
      (rounds * secondsOf(rates.cpuSeconds, load)) / (slots * table.fleet.utilization),
    ],
    [fleet.tasksAtOnce > 1 ? 'network' : 'memory', (rounds * turns) / machines],
    [
      crowded ? 'memory' : 'latency',
      (rounds * ((load.get + load.put) * s3.firstByteSeconds + load.bytes / s3.connectionBytesPerSecond)) /
        (slots * readsAtOnce(load.bytes / load.tasks, load.bytesRead / Math.max(1, load.get))),
    ],
    ['GET rate', load.get / (s3.getsPerSecond * s3.partitions)],
    ['PUT rate', load.put / (s3.putsPerSecond * s3.partitions)],
  ];
  const [bound, longest] = bounds.reduce((most, next) => (next[1] > most[1] ? next : most));
  const idle = rounds >= 2 && bound !== 'GET rate' && bound !== 'PUT rate';
  return { seconds: rates.seconds.pass + longest, bound: idle ? 'number of tasks' : bound };
}
