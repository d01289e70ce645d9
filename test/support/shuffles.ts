import { Client, Connection } from '@temporalio/client';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe } from '../../src/formats/describe.js';
import { putDirectory } from '../../src/formats/put.js';
import { writeDataset } from '../../src/formats/writeDataset.js';
import type { ShuffleResult } from '../../src/shuffle/commit.js';
import { startWorkflow } from '../../src/cli/start.js';
import type { StackEnvironment } from '../../src/stack/embeddedStack.js';
import { WorkerPool } from '../../src/stack/workerPool.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import { taskQueue } from '../../src/workflows/contract.js';
import { FaultProxy } from './faultProxy.js';
import { counting } from './shardFiles.js';
import { killWorkers, sharedServers } from './stack.js';
import { openTestBucket, type TestBucket } from './testBucket.js';
import { until } from './until.js';

/** The real sample, cut into small blocks and shards: 8,192 records of 1,168 bytes, 128 blocks, 16 output shards. */
export const sampleCut = { seed: 'tests', blockRows: 64, outputShardRows: 512 };

/** For how long the workers of an embedded stack count after their last poll. */
const pollerSeconds = 15;

/** Shuffles of the sample on the shared stack, with workers whose requests to S3 are counted. */
export class ShuffleBench {
  private pools: WorkerPool[] = [];
  private readonly started: string[] = [];

  private constructor(
    readonly client: Client,
    readonly bucket: TestBucket,
    /** Stands between the workers and the S3 server. */
    readonly proxy: FaultProxy,
    /** The sample as a dataset. */
    readonly sample: Prefix,
  ) {}

  static async open(): Promise<ShuffleBench> {
    const { environment } = await sharedServers();
    // Workers that other tests left would do part of the work, past the proxy.
    await killWorkers('SIGTERM');
    const connection = await Connection.connect({ address: environment.TEMPORAL_ADDRESS });
    const bucket = await openTestBucket();
    const sample = bucket.newPlace();
    await putDirectory(bucket.store, 'examples/dump', sample);
    await writeDataset(bucket.store, sample, (await describe(bucket.store, sample)).dataset);
    const proxy = await FaultProxy.start(environment.AWS_ENDPOINT_URL_S3);
    return new ShuffleBench(new Client({ connection }), bucket, proxy, sample);
  }

  /** Starts worker processes, with one slot each, and waits until they poll. @param settings variables for them */
  async startWorkers(count: number, settings: Record<string, string> = {}): Promise<WorkerPool> {
    const stack = await sharedServers();
    const endpoint = { AWS_ENDPOINT_URL_S3: this.proxy.endpoint };
    const environment: StackEnvironment = { ...stack.environment, ...endpoint, ...settings };
    const { children, dataFolder, logFolder } = stack;
    const pool = new WorkerPool({
      stack: { environment, children, dataFolder, logFolder },
      count,
      memoryBytes: 512 * 1024 ** 2,
      restart: false,
    });
    this.pools.push(pool);
    const failure = await Promise.race([pool.ready, pool.failed]);
    if (failure instanceof Error) throw failure;
    return pool;
  }

  /** Waits until workers that other tests left no longer count, whose polls the server remembers for a while. */
  async untilOnly(workers: number): Promise<void> {
    await until(async () => {
      const { pollers } = await this.client.workflowService.describeTaskQueue({
        namespace: this.client.options.namespace,
        taskQueue: { name: taskQueue },
        taskQueueType: 1, // workflow tasks
      });
      const polls = (pollers ?? []).map((poller) => ({ ...poller, time: Number(poller.lastAccessTime!.seconds) }));
      const youngest = Math.max(...polls.map(({ time }) => time));
      const recent = polls.filter(({ time }) => youngest - time <= pollerSeconds + 5);
      return new Set(recent.map(({ identity }) => identity)).size === workers;
    });
  }

  async killWorkers(signal: NodeJS.Signals): Promise<void> {
    await Promise.all(this.pools.map((pool) => pool.kill(signal)));
    this.pools = [];
  }

  /** Records of 8 bytes in raw shards of equal size, as a dataset. */
  async countingDataset(rows: number, shards: number): Promise<Prefix> {
    const { store } = this.bucket;
    const place = this.bucket.newPlace();
    const bytes = (rows / shards) * 8;
    for (let shard = 0; shard < shards; shard++) {
      const key = `${place.prefix}${String(shard).padStart(2, '0')}.bin`;
      await store.put({ bucket: place.bucket, key }, [counting(bytes, shard * bytes)]);
    }
    const { dataset } = await describe(store, place, { encoding: 'raw', recordBytes: 8 });
    await writeDataset(store, place, dataset);
    return place;
  }

  /** Id of the open workflow that works for a root. */
  async lockOf(root: string): Promise<string> {
    let lock: string | undefined | null;
    await until(async () => {
      const { raw } = await this.client.workflow.getHandle(root).describe();
      lock = raw.pendingChildren?.[0]?.workflowId;
      return Boolean(lock);
    });
    return lock!;
  }

  /** Pending activities of a workflow and its children. */
  async pendingOf(workflowId: string): Promise<number> {
    const { raw } = await this.client.workflow.getHandle(workflowId).describe();
    const children = raw.pendingChildren ?? [];
    const below = await Promise.all(children.map((child) => this.pendingOf(child.workflowId!)));
    return below.reduce((sum, count) => sum + count, raw.pendingActivities?.length ?? 0);
  }

  /** Looks at the pending activities of a run, again and again until `until` settles. @returns the most there were */
  async mostPending(root: string, until: Promise<unknown>): Promise<number> {
    let over = false;
    let most = 0;
    const done = until.finally(() => (over = true));
    while (!over) {
      most = Math.max(most, await this.pendingOf(root).catch(() => 0));
      await sleep(100);
    }
    await done;
    return most;
  }

  input(output: Prefix, options: object = {}): object {
    return { input: formatPrefix(this.sample), output: formatPrefix(output), ...sampleCut, ...options };
  }

  async start(input: object, type = 'shuffle'): ReturnType<typeof startWorkflow> {
    const started = await startWorkflow(this.client, type, input);
    this.started.push(started.handle.workflowId);
    return started;
  }

  async shuffle(output: Prefix, options: object = {}): Promise<ShuffleResult> {
    const { handle } = await this.start(this.input(output, options));
    return (await handle.result()) as ShuffleResult;
  }

  /** SHA-256 of every object below a prefix, by relative key; what riffle keeps for itself is left out. */
  async digests(place: Prefix): Promise<Record<string, string>> {
    const digests: Record<string, string> = {};
    for (const key of await this.bucket.keys(place)) {
      if (key.startsWith('_riffle/')) continue;
      const object = await this.bucket.store.readWhole({ ...place, key: place.prefix + key }, 1024 ** 3);
      digests[key] = createHash('sha256').update(object!.data).digest('hex');
    }
    return digests;
  }

  /** Packed objects and output shards that workers have sent since the proxy was reset. */
  dataPuts(output: Prefix): number {
    return this.proxy.count(new RegExp(`^PUT /${output.bucket}/${output.prefix}.*\\.(bin|safetensors)`));
  }

  /** Tasks of a pass whose checkpoint was sent since the proxy was reset. */
  checkpoints(output: Prefix, pass: number): number {
    return this.proxy.count(
      new RegExp(`^PUT /${output.bucket}/${output.prefix}_riffle/\\w+/pass-${pass}/[0-9a-f]{4}-\\d+\\.json`),
    );
  }

  async close(): Promise<void> {
    // A run that a failed test left would go on with the workers of the tests that follow.
    const ended = this.started.map((workflowId) => this.client.workflow.getHandle(workflowId).terminate());
    await Promise.allSettled(ended);
    await Promise.all(this.pools.map((pool) => pool.stop()));
    await this.proxy.close();
    await this.client.connection.close();
    this.bucket.store.close();
  }
}
