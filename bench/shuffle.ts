import { Client, Connection } from '@temporalio/client';
import { parseArgs } from 'node:util';
import { lockOf } from '../src/activities/admission.js';
import { startWorkflow } from '../src/cli/start.js';
import { formatSize, parseSize } from '../src/sizes.js';
import type { EmbeddedStack } from '../src/stack/embeddedStack.js';
import { createS3Store, type S3Store } from '../src/storage/s3.js';
import { formatPrefix, type Prefix } from '../src/storage/uri.js';
import { boto3Copy, type CopyFigures, CopyThreads } from './copy.js';
import { makeDataset, removeAll } from './dataset.js';
import { cpuSeconds, peakBytes } from './processes.js';
import { median, report } from './report.js';
import { startWorkers, withStack } from './stack.js';

interface Settings {
  readonly rows: number;
  readonly recordBytes: number;
  /** Bytes of an input shard. */
  readonly shardBytes: number;
  /** Bytes of a task, of an output shard, and of the worker process. */
  readonly memory: number;
  readonly outputShard: number;
  readonly workerMemory: number;
  readonly rounds: number;
  readonly threads: number;
}

/** Seconds and CPU seconds of one shuffle. */
interface RunFigures {
  readonly passes: readonly { readonly seconds: number; readonly cpuSeconds: number }[];
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/**
 * The shuffle against a plain copy of the same bytes through the same transfer layer, and that against boto3: rounds of
 * all in turn on one embedded stack, medians and ratios.
 */
export async function shuffle(): Promise<void> {
  const settings = readSettings();
  await withStack(async (stack) => {
    const store = createS3Store();
    const source: Prefix = { bucket: stack.bucket, prefix: 'input/' };
    await makeDataset(store, source, settings);
    const workers = await startWorkers(stack, 1, settings.workerMemory);
    const copier = new CopyThreads(settings.threads);
    const connection = await Connection.connect({ address: stack.environment.TEMPORAL_ADDRESS });
    const client = new Client({ connection });
    const pid = workers.pids[0]!;

    const copies: CopyFigures[] = [];
    const peers: CopyFigures[] = [];
    const runs: RunFigures[] = [];
    for (let round = 0; round < settings.rounds; round++) {
      console.error(`round ${round + 1} of ${settings.rounds}`);
      copies.push(await plainCopy(store, copier, source));
      runs.push(await oneRun(client, stack, pid, settings, `run-${round}`));
      const peer = await boto3Copy(source, { ...source, prefix: 'peer/' }, settings.threads);
      if (peer) peers.push(peer);
      await removeAll(store, source.bucket, ['copy/', 'peer/', `run-${round}/`]);
    }
    const peakRssBytes = peakBytes(pid);
    await copier.close();
    await workers.stop();
    await connection.close();
    store.close();
    await present(settings, copies, peers, runs, peakRssBytes);
  });
}

function readSettings(): Settings {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      bytes: { type: 'string', default: '2GiB' },
      record: { type: 'string', default: '1024' },
      memory: { type: 'string', default: '512MiB' },
      shard: { type: 'string', default: '128MiB' },
      worker: { type: 'string', default: '2GiB' },
      rounds: { type: 'string', default: '3' },
      threads: { type: 'string', default: '4' },
    },
  });
  const recordBytes = parseSize(values.record, '--record');
  return {
    recordBytes,
    rows: Math.floor(parseSize(values.bytes, '--bytes') / recordBytes),
    shardBytes: parseSize(values.shard, '--shard'),
    memory: parseSize(values.memory, '--memory'),
    outputShard: parseSize(values.shard, '--shard'),
    workerMemory: parseSize(values.worker, '--worker'),
    rounds: Number(values.rounds),
    threads: Number(values.threads),
  };
}

async function plainCopy(store: S3Store, copier: CopyThreads, { bucket, prefix }: Prefix): Promise<CopyFigures> {
  const objects = [];
  for await (const object of store.list(bucket, prefix)) if (object.key.endsWith('.bin')) objects.push(object);
  return copier.copy({ bucket, objects, from: prefix, to: 'copy/' });
}

async function oneRun(
  client: Client,
  stack: EmbeddedStack,
  pid: number,
  settings: Settings,
  name: string,
): Promise<RunFigures> {
  const output = formatPrefix({ bucket: stack.bucket, prefix: `${name}/` });
  const input = {
    input: `s3://${stack.bucket}/input`,
    output,
    seed: name,
    memory: settings.memory,
    outputShardRows: Math.floor(settings.outputShard / settings.recordBytes),
  };
  const marks: { pass: number; cpu: number }[] = [];
  const watch = setInterval(() => {
    const pass = marks.length;
    void client.workflow
      .getHandle(`${lockOf(output)}/pass-${pass + 1}`)
      .describe()
      .then(() => {
        if (marks.length === pass) marks.push({ pass, cpu: cpuSeconds(pid) });
      })
      .catch(() => undefined);
  }, 100);
  const cpu = cpuSeconds(pid);
  const start = performance.now();
  const { handle } = await startWorkflow(client, 'shuffle', input);
  await handle.result();
  const seconds = (performance.now() - start) / 1000;
  clearInterval(watch);
  const ends = [...marks.slice(1).map((mark) => mark.cpu), cpuSeconds(pid)];
  const passes = [];
  for (const { pass, cpu: begun } of marks) {
    const { startTime, closeTime } = await client.workflow.getHandle(`${lockOf(output)}/pass-${pass + 1}`).describe();
    passes.push({ seconds: (closeTime!.getTime() - startTime.getTime()) / 1000, cpuSeconds: ends[pass]! - begun });
  }
  return { passes, seconds, cpuSeconds: cpuSeconds(pid) - cpu };
}

async function present(
  settings: Settings,
  copies: readonly CopyFigures[],
  peers: readonly CopyFigures[],
  runs: readonly RunFigures[],
  peakRssBytes: number,
): Promise<void> {
  const bytes = settings.rows * settings.recordBytes;
  const copy = median(copies.map(({ seconds }) => seconds));
  const over = (seconds: readonly number[]): number => Number((copy / median(seconds)).toFixed(3));
  const passCount = runs[0]!.passes.length;
  const scatter = runs.flatMap(({ passes }) => passes.slice(0, -1).map(({ seconds }) => seconds));
  const gather = runs.map(({ passes }) => passes.at(-1)!.seconds);
  const perGiB = (cpu: readonly number[]): string => ((median(cpu) * 1024 ** 3) / bytes).toFixed(2);
  const row = (step: string, seconds: readonly number[], cpu: readonly number[]): object => ({
    step,
    seconds: median(seconds).toFixed(2),
    'MiB/s': Math.round(bytes / median(seconds) / 1024 ** 2),
    'of copy': over(seconds),
    'client CPU s/GiB': perGiB(cpu),
  });
  const figures = {
    ...settings,
    scatterOverCopy: scatter.length > 0 ? over(scatter) : null,
    gatherOverCopy: over(gather),
    runOverCopy: over(runs.map(({ seconds }) => seconds)),
    copyOverBoto3: peers.length > 0 ? Number((median(peers.map(({ seconds }) => seconds)) / copy).toFixed(3)) : null,
    peakRssBytes,
    memoryBytes: settings.workerMemory,
    copies,
    peers,
    runs,
  };
  await report('shuffle', figures, [
    row(
      'plain copy',
      copies.map(({ seconds }) => seconds),
      copies.map(({ cpuSeconds: cpu }) => cpu),
    ),
    ...(peers.length > 0
      ? [
          row(
            'boto3 copy',
            peers.map(({ seconds }) => seconds),
            peers.map(({ cpuSeconds: cpu }) => cpu),
          ),
        ]
      : []),
    ...Array.from({ length: passCount }, (_, pass) =>
      row(
        pass + 1 < passCount ? `scatter pass ${pass + 1}` : 'gather pass',
        runs.map(({ passes }) => passes[pass]!.seconds),
        runs.map(({ passes }) => passes[pass]!.cpuSeconds),
      ),
    ),
    row(
      'whole run',
      runs.map(({ seconds }) => seconds),
      runs.map(({ cpuSeconds: cpu }) => cpu),
    ),
  ]);
  console.log(
    `${formatSize(bytes)} of ${settings.recordBytes}-byte records; memory ${formatSize(settings.memory)} a task, ` +
      `${formatSize(settings.workerMemory)} the worker; peak RSS ${formatSize(peakRssBytes)}.`,
  );
}
