import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { parseArgs } from 'node:util';
import { lockOf } from '../src/activities/admission.js';
import { startWorkflow } from '../src/cli/start.js';
import { formatSize, parseSize } from '../src/sizes.js';
import type { EmbeddedStack } from '../src/stack/embeddedStack.js';
import { createS3Store, type S3Store } from '../src/storage/s3.js';
import { formatPrefix, type Prefix } from '../src/storage/uri.js';
import { boto3Copy, type CopyFigures, CopyThreads } from './copy.js';
import { makeDataset, removeAll } from './dataset.js';
import { FullMemory } from './fullMemory.js';
import { childrenCpuSeconds, cpuSeconds, peakBytes } from './processes.js';
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

/** What one step took. */
interface StepFigures {
  readonly seconds: number;
  /** Of the worker, or of the process that copies. */
  readonly cpuSeconds: number;
  readonly serverCpuSeconds: number;
}

interface RunFigures extends StepFigures {
  readonly passes: readonly StepFigures[];
}

/**
 * The shuffle against a plain copy of the same bytes through the same transfer layer, and that against boto3: rounds of
 * all in turn on one embedded stack, medians and ratios. What a step writes is deleted at the end of its round.
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
    const memory = new FullMemory(stack.dataFolder);

    const copies: StepFigures[] = [];
    const peers: StepFigures[] = [];
    const runs: RunFigures[] = [];
    for (let round = 0; round < settings.rounds; round++) {
      console.error(`round ${round + 1} of ${settings.rounds}`);
      memory.fill();
      copies.push(await withServer(() => plainCopy(store, copier, source)));
      memory.fill();
      runs.push(await oneRun(client, stack, pid, settings, `run-${round}`));
      memory.fill();
      const peer = await withServer(() => boto3Copy(source, { ...source, prefix: 'peer/' }, settings.threads));
      if (peer) peers.push(peer);
      await removeAll(store, source.bucket, ['copy/', 'peer/', `run-${round}/`]);
    }
    const peakRssBytes = peakBytes(pid);
    await memory.remove();
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
  const marks: { readonly cpu: number; readonly server: number }[] = [];
  const mark = (): void => void marks.push({ cpu: cpuSeconds(pid), server: serverCpuSeconds() });
  const passOf = (pass: number): WorkflowHandle => client.workflow.getHandle(`${lockOf(output)}/pass-${pass}`);
  const watch = setInterval(() => {
    const begun = marks.length;
    void passOf(begun + 1)
      .describe()
      .then(() => {
        if (marks.length === begun) mark();
      })
      .catch(() => undefined);
  }, 250);
  const cpu = cpuSeconds(pid);
  const run = await withServer(async () => {
    const start = performance.now();
    const { handle } = await startWorkflow(client, 'shuffle', input);
    await handle.result();
    clearInterval(watch);
    return { seconds: (performance.now() - start) / 1000, cpuSeconds: cpuSeconds(pid) - cpu };
  });
  mark();
  const passes: StepFigures[] = [];
  for (let pass = 1; pass < marks.length; pass++) {
    const [begin, end] = [marks[pass - 1]!, marks[pass]!];
    const { startTime, closeTime } = await passOf(pass).describe();
    passes.push({
      seconds: (closeTime!.getTime() - startTime.getTime()) / 1000,
      cpuSeconds: end.cpu - begin.cpu,
      serverCpuSeconds: end.server - begin.server,
    });
  }
  return { ...run, passes };
}

async function withServer<T extends object | undefined>(
  step: () => Promise<T>,
): Promise<T & { serverCpuSeconds: number }> {
  const before = serverCpuSeconds();
  const figures = await step();
  return figures && { ...figures, serverCpuSeconds: serverCpuSeconds() - before };
}

/** CPU time of the S3 server so far. */
function serverCpuSeconds(): number {
  const all = [...childrenCpuSeconds()];
  return all.find(([program]) => program.startsWith('versitygw'))![1];
}

async function present(
  settings: Settings,
  copies: readonly StepFigures[],
  peers: readonly StepFigures[],
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
  const row = (step: string, steps: readonly StepFigures[]): object => {
    const seconds = steps.map((one) => one.seconds);
    return {
      step,
      seconds: median(seconds).toFixed(2),
      'MiB/s': Math.round(bytes / median(seconds) / 1024 ** 2),
      'of copy': over(seconds),
      'client CPU s/GiB': perGiB(steps.map(({ cpuSeconds: cpu }) => cpu)),
      'server CPU s/GiB': perGiB(steps.map(({ serverCpuSeconds: cpu }) => cpu)),
    };
  };
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
    row('plain copy', copies),
    ...(peers.length > 0 ? [row('boto3 copy', peers)] : []),
    ...Array.from({ length: passCount }, (_, pass) =>
      row(
        pass + 1 < passCount ? `scatter pass ${pass + 1}` : 'gather pass',
        runs.map(({ passes }) => passes[pass]!),
      ),
    ),
    row('whole run', runs),
  ]);
  console.log(
    `${formatSize(bytes)} of ${settings.recordBytes}-byte records; memory ${formatSize(settings.memory)} a task, ` +
      `${formatSize(settings.workerMemory)} the worker; peak RSS ${formatSize(peakRssBytes)}.`,
  );
}
