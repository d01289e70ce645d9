import { putDirectory } from '../../src/formats/put.js';
import { formatPrefix } from '../../src/storage/uri.js';
import type { Progress } from '../../src/workflows/contract.js';
import { fetchTree, type RecordedHistory } from './histories.js';
import { sampleCut, ShuffleBench } from './shuffles.js';
import { until } from './until.js';
import { uploadSample } from './visualizeSample.js';

/** A few tasks in each of two passes. */
const cut = { ...sampleCut, memory: '3MiB', minSegment: '64KiB' };
const pages = { tokenShards: 2, featureBlocks: 2, featuresPerPack: 1024 };
/** Larger histories add nothing that smaller ones lack. */
const mostEvents = 400;

/** Runs every workflow type, in the ways that make it take different steps. */
export async function recordHistories(): Promise<RecordedHistory[]> {
  const bench = await ShuffleBench.open();
  const { client, bucket } = bench;
  const recorded: RecordedHistory[] = [];
  const keep = async (name: string, workflowId: string): Promise<void> => {
    const tree = await fetchTree(client, name, workflowId);
    recorded.push(...tree.filter(({ history }) => history.events!.length <= mostEvents));
  };
  const run = async (name: string, type: string, input: object): Promise<void> => {
    const { handle } = await bench.start(input, type);
    await handle.result().catch(() => undefined);
    await keep(name, handle.workflowId);
  };
  const place = (): string => formatPrefix(bucket.newPlace());
  try {
    await bench.startWorkers(2);
    const dump = formatPrefix(bench.sample);
    const { input: features } = await uploadSample(bucket);
    const ofDump = Object.fromEntries(Object.entries(features).filter(([name]) => name !== 'activations'));

    const shuffled = place();
    const shuffle = { input: dump, output: shuffled, ...cut };
    await run('shuffle', 'shuffle', shuffle);
    await run('shuffle that is done already', 'shuffle', shuffle);
    await run('shuffle that is refused', 'shuffle', { ...shuffle, seed: 'another' });
    await run('shuffle of aligned datasets', 'shuffle', {
      aligned: [0, 1].map(() => ({ input: dump, output: place() })),
      ...cut,
    });
    await run('verify', 'verify', { input: dump, output: shuffled });
    await run('visualize', 'visualize', { ...features, ...pages, output: place() });

    const many = formatPrefix(await bench.countingDataset(1_064_960, 1));
    const groups = { seed: 'many', blockRows: 16, outputShardRows: 2048, memory: 40_000, minSegment: 1 };
    const { handle: grouped } = await bench.start({ input: many, output: place(), ...groups });
    const lock = await bench.lockOf(grouped.workflowId);
    await until(async () => (await grouped.query<Progress>('progress')).tasks.done >= 20);
    await grouped.executeUpdate('setParallelism', { args: [3] });
    await grouped.cancel();
    await grouped.result().catch(() => undefined);
    await until(async () => (await client.workflow.getHandle(lock).describe()).status.name !== 'RUNNING');
    await keep('groups of tasks, another parallelism, cancelled', grouped.workflowId);

    const waiting = bucket.newPlace();
    const marker = { ...waiting, key: `${waiting.prefix}_SUCCESS` };
    const waitFor = { object: `s3://${marker.bucket}/${marker.key}` };
    const parts = {
      shuffle: { output: place(), ...cut, onFailure: 'wait' },
      visualize: { ...ofDump, ...pages, output: place() },
    };
    const { handle: whole } = await bench.start({ dump: formatPrefix(waiting), waitFor, ...parts }, 'pipeline');
    await putDirectory(bucket.store, 'examples/dump', waiting);
    // Paused before the first task, so that a shard can be damaged when all has been checked.
    await whole.executeUpdate('setParallelism', { args: [0] });
    await bucket.store.put(marker, [new Uint8Array(0)]);
    await until(async () => (await whole.query<Progress>('progress')).parts?.shuffle?.stage === 'scatter');
    await until(async () => (await whole.query<Progress>('progress')).parts?.visualize?.pass === 1);
    const shard = { ...waiting, key: `${waiting.prefix}00001.safetensors` };
    const { data } = (await bucket.store.readWhole(shard, 1e9))!;
    await bucket.store.put(shard, [new Uint8Array(data.length)]);
    await whole.executeUpdate('setParallelism', { args: [2] });
    await until(async () => (await whole.query<Progress>('progress')).parts!.shuffle!.tasks.failed > 0);
    await until(async () => {
      const { shuffle } = (await whole.query<Progress>('progress')).parts!;
      return shuffle!.tasks.done + shuffle!.tasks.failed === shuffle!.tasks.total;
    });
    await bucket.store.put(shard, [data]);
    await whole.executeUpdate('retryFailed');
    await whole.result().catch(() => undefined);
    await keep('pipeline that waits, is paused, has failed tasks', whole.workflowId);
  } finally {
    await bench.close();
  }
  return recorded;
}
