import { Client, Connection } from '@temporalio/client';
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { startWorkflow } from '../src/cli/start.js';
import type { Dataset } from '../src/formats/dataset.js';
import { Geometry } from '../src/shuffle/geometry.js';
import { parseShuffleInput } from '../src/shuffle/input.js';
import { layoutOf, shapeOf } from '../src/shuffle/layout.js';
import { planShuffle } from '../src/shuffle/prepare.js';
import { formatSize } from '../src/sizes.js';
import { createS3Store, type S3Store } from '../src/storage/s3.js';
import { parsePrefix } from '../src/storage/uri.js';
import type { Progress } from '../src/workflows/contract.js';
import { makeDataset } from './dataset.js';
import { allHistories, type HistoryFigures, PendingActivities } from './histories.js';
import { childrenCpuSeconds, peakBytes } from './processes.js';
import { report } from './report.js';
import { startWorkers, withStack } from './stack.js';

const recordBytes = 32;
/** A gather task takes one output shard, and a scatter task about as many records. */
const shardRows = 256;
const shardNeed = shardRows * (recordBytes + 8);
/** With these, 5,000 output shards take three scatter passes of about 5,000 tasks each, with fan-outs of 16, 16 and 20. */
const blockRows = 16;
const memory = 1.8 * shardNeed;
const minSegment = 256;

/** What issue 4 asks for, of 20,000 tasks and more. */
const bars = { seconds: 1800, historyEvents: 4096, eventsPerTask: 3.6, payloadBytes: 2048 };

interface Settings {
  /** Tasks of a pass, about. */
  readonly tasks: number;
  readonly workers: number;
  /** Tasks at once of a worker. */
  readonly slots: number;
  /**
   * Tasks that are scheduled at once: more than there are slots, so that no slot waits for the workflow. Then several
   * tasks end while a workflow task is under way, and share the next one: fewer events.
   */
  readonly parallelism: number;
}

/**
 * One shuffle of very many tiny tasks on the embedded stack: how long a task takes, and what it leaves in Temporal; then
 * the same shuffle in a few tasks, which must write the same bytes.
 */
export async function tasks(): Promise<void> {
  const settings = readSettings();
  await withStack(async (stack) => {
    const store = createS3Store();
    const size = { rows: settings.tasks * shardRows, recordBytes, shardBytes: 16 * 1024 ** 2 };
    const dataset = await makeDataset(store, { bucket: stack.bucket, prefix: 'input/' }, size);
    const inputOf = (name: string, taskMemory: number): object => ({
      input: `s3://${stack.bucket}/input`,
      output: `s3://${stack.bucket}/${name}`,
      seed: 'tasks',
      memory: taskMemory,
      minSegment,
      blockRows,
      outputShardRows: shardRows,
      parallelism: settings.parallelism,
    });
    const many = inputOf('many', memory);
    const few = inputOf('few', Math.ceil((settings.tasks / 3) * shardNeed));
    const planned = printPlan('many tasks', dataset, many);
    printPlan('few tasks', dataset, few);

    const pool = await startWorkers(stack, settings.workers, 1024 ** 3, settings.slots);
    const connection = await Connection.connect({ address: stack.environment.TEMPORAL_ADDRESS });
    const client = new Client({ connection });
    const pending = new PendingActivities(client);
    const cpuBefore = childrenCpuSeconds();
    const seconds = await timedRun(client, many);
    const cpu = differences(childrenCpuSeconds(), cpuBefore);
    await pending.stop();
    const histories = await allHistories(client);
    const peakRssBytes = Math.max(...pool.pids.map(peakBytes));
    const fewSeconds = await timedRun(client, few);
    const [digest, fewDigest] = [await shardsDigest(store, many), await shardsDigest(store, few)];
    await pool.stop();
    await connection.close();
    store.close();

    const counted = { ...totals(histories), planned, seconds, pendingActivities: pending.most, peakRssBytes, cpu };
    if (counted.tasks < planned)
      throw new Error(`${planned} tasks were planned, ${counted.tasks} are in the histories`);
    await present(settings, counted, { fewSeconds, digest, sameBytes: digest === fewDigest });
  });
}

function readSettings(): Settings {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      tasks: { type: 'string', default: '5000' },
      workers: { type: 'string', default: '2' },
      slots: { type: 'string', default: '16' },
      parallelism: { type: 'string', default: '100' },
    },
  });
  return {
    tasks: Number(values.tasks),
    workers: Number(values.workers),
    slots: Number(values.slots),
    parallelism: Number(values.parallelism),
  };
}

/** The plan that the workflow will make. @returns its number of tasks */
function printPlan(name: string, dataset: Dataset, input: object): number {
  const parsed = parseShuffleInput(input);
  const layout = layoutOf(dataset, parsed);
  const { plan } = planShuffle(dataset, layout, parsed);
  const geometry = Geometry.of(shapeOf(dataset.rows, layout), plan);
  const counts = Array.from({ length: geometry.passes }, (_, index) => geometry.taskCount(index + 1));
  const fanOuts = plan.scatter.map(({ fanOut }) => fanOut).join(', ');
  console.log(
    `${name}: passes of ${counts.join(', ')} tasks; fan-out ${fanOuts || 'none'}; ${plan.memory} bytes a task`,
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

async function timedRun(client: Client, input: object): Promise<number> {
  const start = performance.now();
  const { handle } = await startWorkflow(client, 'shuffle', input);
  const show = setInterval(() => {
    handle
      .query<Progress>('progress')
      .then(({ stage, pass, tasks: { done, total } }) => {
        const seconds = Math.round((performance.now() - start) / 1000);
        console.error(`${seconds} s: ${stage}, pass ${pass}, ${done} of ${total} tasks`);
      })
      .catch(() => undefined);
  }, 15_000);
  try {
    await handle.result();
  } finally {
    clearInterval(show);
  }
  return (performance.now() - start) / 1000;
}

/** SHA-256 over names and bytes of all output shards. */
async function shardsDigest(store: S3Store, input: object): Promise<string> {
  const { bucket, prefix } = parsePrefix(parseShuffleInput(input).output!);
  const hash = createHash('sha256');
  const keys = [];
  for await (const { key } of store.list(bucket, prefix)) if (key.endsWith('.bin')) keys.push(key);
  for (const key of keys.sort()) {
    const found = await store.readWhole({ bucket, key }, 1024 ** 2);
    hash.update(key.slice(prefix.length)).update(found!.data);
  }
  return hash.digest('hex');
}

interface Counted extends ReturnType<typeof totals> {
  readonly planned: number;
  readonly seconds: number;
  readonly pendingActivities: number;
  readonly peakRssBytes: number;
  /** CPU seconds by process. */
  readonly cpu: Readonly<Record<string, number>>;
}

function totals(histories: readonly HistoryFigures[]) {
  const sum = (of: (history: HistoryFigures) => number): number => histories.reduce((all, one) => all + of(one), 0);
  const most = (of: (history: HistoryFigures) => number): number => Math.max(...histories.map(of));
  return {
    tasks: sum(({ tasks }) => tasks),
    events: sum(({ events }) => events),
    workflowTasks: sum(({ workflowTasks }) => workflowTasks),
    executions: histories.length,
    longestHistory: most(({ events }) => events),
    largestPayload: most(({ largestPayload }) => largestPayload),
  };
}

function differences(after: ReadonlyMap<string, number>, before: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...after].map(([name, seconds]) => [name, seconds - (before.get(name) ?? 0)]));
}

async function present(
  settings: Settings,
  counted: Counted,
  outcome: { readonly fewSeconds: number; readonly digest: string; readonly sameBytes: boolean },
): Promise<void> {
  const { seconds, planned, events, longestHistory, largestPayload } = counted;
  const eventsPerTask = events / planned;
  const row = (figure: string, value: number | string, bar: number | string = '', met?: boolean): object => ({
    figure,
    value,
    bar,
    met: met ?? '',
  });
  await report('tasks', { settings, bars, ...counted, eventsPerTask, ...outcome }, [
    row('tasks', planned),
    row('seconds', seconds.toFixed(1), bars.seconds, seconds <= bars.seconds),
    row('milliseconds a task', ((seconds / planned) * 1000).toFixed(1)),
    row('longest history, events', longestHistory, bars.historyEvents, longestHistory <= bars.historyEvents),
    row('events a task', eventsPerTask.toFixed(2), bars.eventsPerTask, eventsPerTask <= bars.eventsPerTask),
    row('workflow tasks a task', (counted.workflowTasks / planned).toFixed(2)),
    row('largest payload, bytes', largestPayload, bars.payloadBytes, largestPayload < bars.payloadBytes),
    row('pending activities, at most', counted.pendingActivities),
    row('peak RSS of a worker', formatSize(counted.peakRssBytes)),
    ...Object.entries(counted.cpu)
      .filter(([, cpu]) => cpu > 0)
      .map(([name, cpu]) => row(`CPU of ${name}, ms a task`, ((cpu / planned) * 1000).toFixed(1))),
    row('seconds in few tasks', outcome.fewSeconds.toFixed(1)),
    row('same bytes as in few tasks', String(outcome.sameBytes), 'true', outcome.sameBytes),
  ]);
}
