import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { parseArgs } from 'node:util';
import { lockOf } from '../src/activities/admission.js';
import { startWorkflow } from '../src/cli/start.js';
import { parseSize } from '../src/sizes.js';
import type { EmbeddedStack } from '../src/stack/embeddedStack.js';
import { createS3Store, type S3Store } from '../src/storage/s3.js';
import { formatPrefix, type Prefix } from '../src/storage/uri.js';
import { boto3Copy, type CopyFigures, CopyThreads } from './copy.js';
import { makeDataset, removeAll } from './dataset.js';
import { FullMemory } from './fullMemory.js';
import { childrenCpuSeconds, cpuSeconds, peakBytes } from './processes.js';
import { present, type RunFigures, type Settings, type StepFigures, type TwoCopies } from './shuffleReport.js';
import { startWorkers, withStack } from './stack.js';

/**
 * The shuffle against a plain copy of the same bytes through the same transfer layer, and that against boto3: rounds of
 * all in turn on one embedded stack, medians and ratios. What a step writes is deleted at the end of its round.
 *
 * The copy is made twice in a row, the second time from what the first wrote, as the passes of a run follow each other:
 * by then the kernel writes the first one's bytes to the disk.
 */
export async function shuffle(): Promise<void> {
  const settings = readSettings();
  await withStack(async (stack) => {
    const store = createS3Store();
    const source: Prefix = { bucket: stack.bucket, prefix: 'input/' };
    await makeDataset(store, source, settings);
    const workers = await startWorkers(stack, 1, settings.workerMemory, settings.threads);
    const copier = new CopyThreads(settings.threads);
    const connection = await Connection.connect({ address: stack.environment.TEMPORAL_ADDRESS });
    const client = new Client({ connection });
    const pid = workers.pids[0]!;
    const memory = new FullMemory(stack.dataFolder);

    const copies: TwoCopies[] = [];
    const peers: StepFigures[] = [];
    const runs: RunFigures[] = [];
    for (let round = 0; round < settings.rounds; round++) {
      console.error(`round ${round + 1} of ${settings.rounds}`);
      memory.fill();
      copies.push({
        first: await withServer(() => plainCopy(store, copier, source, 'copy-1/')),
        second: await withServer(() => plainCopy(store, copier, { ...source, prefix: 'copy-1/' }, 'copy-2/')),
      });
      memory.fill();
      runs.push(await oneRun(client, stack, pid, settings, `run-${round}`));
      memory.fill();
      const peer = await withServer(() => boto3Copy(source, { ...source, prefix: 'peer/' }, settings.threads));
      if (peer) peers.push(peer);
      await removeAll(store, source.bucket, ['copy-1/', 'copy-2/', 'peer/', `run-${round}/`]);
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
      rounds: { type: 'string', default: '5' },
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

async function plainCopy(
  store: S3Store,
  copier: CopyThreads,
  { bucket, prefix }: Prefix,
  to: string,
): Promise<CopyFigures> {
  const objects = [];
  for await (const object of store.list(bucket, prefix)) if (object.key.endsWith('.bin')) objects.push(object);
  return copier.copy({ bucket, objects, from: prefix, to });
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
