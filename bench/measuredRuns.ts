import { Client, Connection } from '@temporalio/client';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startWorkflow } from '../src/cli/start.js';
import type { Dataset } from '../src/formats/dataset.js';
import { describe } from '../src/formats/describe.js';
import { writeDataset } from '../src/formats/writeDataset.js';
import type { MeasuredRun } from '../src/shuffle/fitRates.js';
import type { PlanSummary } from '../src/shuffle/planSummary.js';
import { startEmbeddedStack, type EmbeddedStack } from '../src/stack/embeddedStack.js';
import { WorkerPool } from '../src/stack/workerPool.js';
import { createS3Store, type S3Store } from '../src/storage/s3.js';
import { FaultProxy, first, type SeenRequest } from '../test/support/faultProxy.js';
import { countByPrice } from '../test/support/requestCounts.js';

/** Bytes of an input shard. */
const shardBytes = 32 * 1024 ** 2;

/** What a run was seen to do. */
export interface Observed {
  readonly requests: ReturnType<typeof countByPrice>;
  /** Data that each pass read and wrote. */
  readonly bytes: readonly { readonly read: number; readonly written: number }[];
  readonly run: MeasuredRun;
}

/** An embedded stack with one worker process behind a counting proxy. Linux only: it reads the worker's processor time. */
export class MeasuringStack {
  private constructor(
    private readonly stack: EmbeddedStack,
    private readonly client: Client,
    private readonly store: S3Store,
    private readonly proxy: FaultProxy,
    private readonly pool: WorkerPool,
  ) {}

  /** @param workerMemory bytes of the worker's budget */
  static async start(workerMemory: number): Promise<MeasuringStack> {
    const dataFolder = await mkdtemp(join(tmpdir(), 'riffle-bench-'));
    const stack = await startEmbeddedStack({ dataFolder, onProgress: (line) => console.error(line) });
    const proxy = await FaultProxy.start(stack.environment.AWS_ENDPOINT_URL_S3);
    const environment = { ...stack.environment, AWS_ENDPOINT_URL_S3: proxy.endpoint };
    const pool = new WorkerPool({
      stack: { ...stack, environment },
      count: 1,
      memoryBytes: workerMemory,
      restart: false,
    });
    const failure = await Promise.race([pool.ready, pool.failed]);
    if (failure instanceof Error) throw failure;
    const connection = await Connection.connect({ address: stack.environment.TEMPORAL_ADDRESS });
    const store = createS3Store({ environment: { ...stack.environment } });
    return new MeasuringStack(stack, new Client({ connection }), store, proxy, pool);
  }

  /** Writes a dataset of raw random records. */
  async makeDataset(name: string, rows: number, recordBytes: number): Promise<Dataset> {
    const place = { bucket: this.stack.bucket, prefix: `${name}/` };
    const shardRows = Math.floor(shardBytes / recordBytes);
    for (let from = 0; from < rows; from += shardRows) {
      const key = `${place.prefix}${String(from).padStart(12, '0')}.bin`;
      const bytes = randomBytes(Math.min(shardRows, rows - from) * recordBytes);
      await this.store.put({ bucket: place.bucket, key }, [bytes]);
    }
    const { dataset } = await describe(this.store, place, { encoding: 'raw', recordBytes });
    await writeDataset(this.store, place, dataset);
    return dataset;
  }

  uri(name: string): string {
    return `s3://${this.stack.bucket}/${name}`;
  }

  /** Runs a shuffle; what the plan says is needed to tell its passes apart. */
  async measure(input: object, plan: PlanSummary): Promise<Observed> {
    this.proxy.reset();
    const marks: { seconds: number; cpuSeconds: number; requests: number }[] = [];
    const mark = (): void => {
      const seconds = performance.now() / 1000;
      marks.push({ seconds, cpuSeconds: this.cpuSeconds(), requests: this.proxy.seen.length });
    };
    this.proxy.plan(/^PUT .*\/plan\.json/, first(mark));
    for (const pass of plan.passes.keys()) this.proxy.plan(new RegExp(`^PUT .*/pass-${pass + 1}\\.json`), first(mark));
    const begin = performance.now();
    await (await startWorkflow(this.client, 'shuffle', input)).handle.result();
    const seconds = (performance.now() - begin) / 1000;
    const passes = plan.passes.map((pass, index) => {
      const [from, to] = [marks[index]!, marks[index + 1]!];
      return {
        kind: pass.kind,
        bytes: pass.bytesRead + pass.bytesWritten,
        records: plan.rows,
        requests: pass.get + pass.put,
        tasks: pass.tasks,
        seconds: to.seconds - from.seconds,
        cpuSeconds: to.cpuSeconds - from.cpuSeconds,
      };
    });
    return {
      requests: countByPrice(this.proxy.seen),
      bytes: plan.passes.map((_, index) =>
        dataBytes(this.proxy.seen.slice(marks[index]!.requests, marks[index + 1]!.requests)),
      ),
      run: { passes, seconds },
    };
  }

  async close(): Promise<void> {
    await this.pool.stop();
    await this.proxy.close();
    await this.client.connection.close();
    this.store.close();
    await this.stack.stop();
    await rm(this.stack.dataFolder, { recursive: true, force: true });
  }

  /** Processor time of the worker so far; Linux counts it in hundredths of a second. */
  private cpuSeconds(): number {
    const ticks = this.pool.pids.map((pid) => {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      return Number(fields[11]) + Number(fields[12]);
    });
    return ticks.reduce((sum, count) => sum + count, 0) / 100;
  }
}

/** Bytes of ranges that were read, and of objects that are no JSON. */
function dataBytes(requests: readonly SeenRequest[]): { read: number; written: number } {
  let read = 0;
  let written = 0;
  for (const { method, url, headers } of requests) {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    if (method === 'GET' && to !== undefined) read += Number(to) - Number(from) + 1;
    if (method === 'PUT' && !url.split('?')[0]!.endsWith('.json')) written += Number(headers['content-length']);
  }
  return { read, written };
}
