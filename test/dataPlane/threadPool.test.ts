/**
 * Tasks of a shuffle in data threads, on real S3. A proxy between the threads and the S3 server holds back answers, so
 * that tests meet a job where they want it. What tasks write is compared with what the same calls write in this thread.
 */
import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import type { ShuffleJob } from '../../src/dataPlane/jobs.js';
import { ThreadPool } from '../../src/dataPlane/threadPool.js';
import { RiffleError } from '../../src/errors.js';
import { describe as describeDataset } from '../../src/formats/describe.js';
import { writeDataset } from '../../src/formats/writeDataset.js';
import { WorkMemory } from '../../src/memory/workMemory.js';
import { parseShuffleInput, type ShuffleInput } from '../../src/shuffle/input.js';
import { prepareShuffle } from '../../src/shuffle/prepare.js';
import { encodePlanFile, type ShuffleRun } from '../../src/shuffle/run.js';
import { runTask } from '../../src/shuffle/task.js';
import { createS3Store } from '../../src/storage/s3.js';
import { formatPrefix } from '../../src/storage/uri.js';
import type { TaskOutcome } from '../../src/workflows/contract.js';
import { FaultProxy, first, stalling } from '../support/faultProxy.js';
import { makeDataset, objectsBelow, type MadeDataset } from '../support/makeDataset.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, type TestBucket } from '../support/testBucket.js';
import { until } from '../support/until.js';

const plenty = 1024 ** 3;
const reason = new Error('no longer wanted');
const segments = /^GET .*pass-1\/.*\.bin/;

interface Task {
  readonly pass: number;
  readonly task: number;
  /** Bytes that it reserves. */
  readonly needs: number;
  readonly outcome: TaskOutcome;
}

/** What the caller of a job sees. */
interface Running {
  readonly outcome: Promise<TaskOutcome>;
  readonly abort: AbortController;
  notes: number;
  bytes: number;
}

describe('ThreadPool', () => {
  let bucket: TestBucket;
  let proxy: FaultProxy;
  let made: MadeDataset;
  let run: ShuffleRun;
  /** All tasks in their order, as they went in this thread. */
  const tasks: Task[] = [];
  /** By the memory that they need. */
  let gathers: Task[];
  let written: Record<string, string>;
  let environment: NodeJS.ProcessEnv;
  let pool: ThreadPool;
  const workers: Worker[] = [];
  const remember = (worker: Worker): void => void workers.push(worker);

  before(async function () {
    this.timeout(stackTimeout);
    bucket = await openTestBucket();
    proxy = await FaultProxy.start(bucket.environment.AWS_ENDPOINT_URL_S3!);
    environment = { ...process.env };
    // Threads take their connections from the process's environment.
    Object.assign(process.env, bucket.environment, { AWS_ENDPOINT_URL_S3: proxy.endpoint });
    process.on('worker', remember);
    made = await makeDataset(bucket, { rows: 370 });
    run = await prepare(made);
    for (let pass = 1; pass <= run.geometry.passes; pass++) {
      for (let task = 0; task < run.geometry.taskCount(pass); task++) tasks.push(await runHere(pass, task));
    }
    gathers = tasks.filter(({ pass }) => pass === 2).sort((a, b) => a.needs - b.needs);
    written = await objectsBelow(bucket, made.output);
    assert.deepEqual([tasks.length, gathers.length], [8, 4]);
  });
  after(async () => {
    process.off('worker', remember);
    for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
    Object.assign(process.env, environment);
    await proxy.close();
    bucket.store.close();
  });
  beforeEach(() => void (workers.length = 0));
  afterEach(async () => {
    proxy.reset();
    await pool.close();
  });

  async function prepare({ input }: MadeDataset): Promise<ShuffleRun> {
    const { signal } = new AbortController();
    return (await prepareShuffle(bucket.store, parseShuffleInput(input) as ShuffleInput, signal)).run;
  }

  async function runHere(pass: number, task: number): Promise<Task> {
    let needs = 0;
    const { report, skipped } = await runTask(run, pass, task, true, {
      store: bucket.store,
      memory: new WorkMemory(),
      inputs: [made.place],
      signal: new AbortController().signal,
      reserve: (bytes) => Promise.resolve(void (needs = bytes)),
      onBytes: () => undefined,
      pause: () => Promise.resolve(),
    });
    return { pass, task, needs, outcome: { records: report.records, digest: report.digest, skipped } };
  }

  function jobOf(task: { pass: number; task: number }, of = run, from = made, redo = true): ShuffleJob {
    const scope = { inputs: [from.uri], output: formatPrefix(of.output), plan: of.planDigest, plans: 1 };
    return { kind: 'shuffle', call: { scope, pass: task.pass, task: task.task, redo }, planFile: encodePlanFile(of) };
  }

  function start(job: ShuffleJob, abort = new AbortController()): Running {
    const running = { abort, notes: 0, bytes: 0 };
    const onBytes = (bytes: number): void => {
      running.notes++;
      running.bytes += bytes;
    };
    const outcome = pool.run(job, { signal: abort.signal, onBytes });
    // Tests look at it later.
    outcome.catch(() => undefined);
    return Object.assign(running, { outcome });
  }

  /** Holds back the answers to such requests until it is called. */
  function hold(pattern: RegExp): () => void {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    proxy.always(
      pattern,
      first(() => opened),
    );
    return open;
  }

  /** The pool does these tasks as if nothing had happened, and all at once if it had room for them before. */
  async function checkSound(...which: Task[]): Promise<void> {
    const outcomes = await Promise.all(which.map((task) => start(jobOf(task)).outcome));
    assert.deepEqual(
      outcomes,
      which.map(({ outcome }) => outcome),
    );
  }

  for (const threads of [1, 3]) {
    it(`does a shuffle's tasks in ${threads} threads as this thread does`, async () => {
      pool = new ThreadPool({ threads, memory: plenty });
      const other = { ...made, output: bucket.newPlace() };
      const to = await prepare({ ...other, input: { ...made.input, output: formatPrefix(other.output) } });
      for (const pass of [1, 2]) {
        const jobs = tasks.filter((task) => task.pass === pass);
        const runnings = jobs.map((task) => start(jobOf(task, to, other, false)));
        for (const [index, { outcome }] of runnings.entries()) assert.deepEqual(await outcome, jobs[index]!.outcome);
        // All that was read and written is told, however short the job.
        const records = jobs.reduce((sum, { outcome }) => sum + outcome.records, 0);
        const bytes = runnings.reduce((sum, running) => sum + running.bytes, 0);
        assert.ok(bytes >= 2 * records * run.recordBytes, `${bytes} bytes`);
      }
      assert.deepEqual(await objectsBelow(bucket, other.output), written);
      assert.equal(workers.length, threads);
      const again = await start(jobOf(tasks[0]!, to, other, false)).outcome;
      assert.deepEqual(again, { ...tasks[0]!.outcome, skipped: true });
    });
  }

  it('hands on the errors of riffle with all that they say', async () => {
    pool = new ThreadPool({ threads: 1, memory: plenty });
    // One request fails in each task: of several, any may be the first.
    const lost = await makeDataset(bucket, { shardRows: 300, encoding: 'raw' });
    const of = await prepare(lost);
    const likewise = createS3Store();
    const context = {
      store: likewise,
      memory: new WorkMemory(),
      inputs: [lost.place],
      signal: new AbortController().signal,
      reserve: () => Promise.resolve(),
      onBytes: () => undefined,
      pause: () => Promise.resolve(),
    };
    for (let task = 1; task < of.geometry.taskCount(1); task++) await runTask(of, 1, task, true, context);
    await bucket.store.delete(lost.place.bucket, [lost.place.prefix + lost.dataset.shards[0]!.key]);
    for (const [pass, code] of [
      [1, 'ObjectMissing'],
      [2, 'WorkDamaged'],
    ] as const) {
      const error: unknown = await runTask(of, pass, 0, true, context).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof RiffleError);
      assert.equal(error.code, code);
      await assert.rejects(start(jobOf({ pass, task: 0 }, of, lost)).outcome, (forwarded) => {
        assert.ok(forwarded instanceof RiffleError);
        const { retryable, refusal } = error;
        assert.deepEqual(
          { ...forwarded.toJSON(), retryable: forwarded.retryable, refusal: forwarded.refusal },
          {
            ...error.toJSON(),
            retryable,
            refusal,
          },
        );
        return true;
      });
    }
    likewise.close();
    await checkSound(gathers[0]!);
    assert.equal(workers.length, 1);
  });

  it('cancelled while it reads: the thread and its memory are free for the next job', async () => {
    const task = gathers.at(-1)!;
    pool = new ThreadPool({ threads: 1, memory: task.needs });
    hold(segments);
    const job = start(jobOf(task));
    await until(() => proxy.count(segments) > 0);
    job.abort.abort(reason);
    await assert.rejects(job.outcome, reason);
    proxy.reset();
    await checkSound(task);
    assert.equal(workers.length, 1, 'the thread did not end by itself');
    assert.equal(getEventListeners(job.abort.signal, 'abort').length, 0);
  });

  it('cancelled while it computes: likewise', async () => {
    pool = new ThreadPool({ threads: 1, memory: plenty });
    const place = bucket.newPlace();
    const rows = 20_000_000;
    await bucket.store.put({ bucket: place.bucket, key: `${place.prefix}0.bin` }, [Buffer.alloc(rows)]);
    const { dataset } = await describeDataset(bucket.store, place, { encoding: 'raw', recordBytes: 1 });
    await writeDataset(bucket.store, place, dataset);
    const output = bucket.newPlace();
    const input = { input: formatPrefix(place), output: formatPrefix(output), seed: 's', memory: '1GiB' };
    const of = (
      await prepareShuffle(bucket.store, parseShuffleInput(input) as ShuffleInput, new AbortController().signal)
    ).run;
    const job = start(jobOf({ pass: 1, task: 0 }, of, { ...made, uri: formatPrefix(place) }));
    await until(() => job.notes > 0);
    assert.equal(proxy.count(/^GET .*0\.bin/), 0, 'it computes where its records go, and reads none yet');
    job.abort.abort(reason);
    await assert.rejects(job.outcome, reason);
    assert.equal(proxy.count(/^GET .*0\.bin/), 0);
    await checkSound(gathers[0]!);
    assert.equal(workers.length, 1, 'the thread did not end by itself');
  });

  it('two jobs that need more memory than there is go one after the other; one that waits can be cancelled', async () => {
    const [task, other, third] = gathers.slice(-3) as [Task, Task, Task];
    pool = new ThreadPool({ threads: 3, memory: third.needs });
    const open = hold(segments);
    const job = start(jobOf(task));
    // One of each task of the first pass, all asked for at once.
    const reads = tasks.length - gathers.length;
    await until(() => proxy.count(segments) === reads);
    const waiting = [start(jobOf(other)), start(jobOf(third))] as const;
    // Long after they have asked for memory.
    await until(() => waiting.every(({ notes }) => notes >= 3));
    assert.equal(proxy.count(segments), reads, 'nobody else reads');
    waiting[0].abort.abort(reason);
    await assert.rejects(waiting[0].outcome, reason);
    open();
    assert.deepEqual(await job.outcome, task.outcome);
    assert.deepEqual(await waiting[1].outcome, third.outcome);
    const urls = proxy.seen.map(({ method, url }) => `${method} ${url}`);
    const done = urls.findIndex((url) => /^PUT .*pass-2\/.*\.json/.test(url));
    const firstReads = urls.slice(0, done).filter((url) => segments.test(url)).length;
    assert.equal(firstReads, reads, 'the second job read before the first had ended');
    assert.equal(waiting[1].bytes > 0, true);
    await checkSound(third, other);
    assert.deepEqual(await objectsBelow(bucket, made.output), written);
  });

  it('cancelled before its turn, or given up before it was handed over, a job never begins', async () => {
    pool = new ThreadPool({ threads: 1, memory: plenty });
    const open = hold(segments);
    const job = start(jobOf(gathers[0]!));
    await until(() => proxy.count(segments) > 0);
    const queued = start(jobOf(gathers[1]!));
    queued.abort.abort(reason);
    await assert.rejects(queued.outcome, reason);
    const late = new AbortController();
    late.abort(reason);
    await assert.rejects(start(jobOf(gathers[1]!), late).outcome, reason);
    const kept = start(jobOf(gathers[2]!));
    assert.equal(getEventListeners(kept.abort.signal, 'abort').length, 1);
    open();
    await job.outcome;
    await kept.outcome;
    assert.equal(getEventListeners(kept.abort.signal, 'abort').length, 0);
    assert.equal(workers.length, 1);
  });

  it('refuses at once a task that needs more than there is, without harm to the thread', async () => {
    const [small, large] = [gathers[0]!, gathers.at(-1)!];
    pool = new ThreadPool({ threads: 1, memory: small.needs });
    await assert.rejects(start(jobOf(large)).outcome, (error) => {
      assert.ok(error instanceof RiffleError);
      assert.equal(error.code, 'WorkerTooSmall');
      assert.deepEqual(error.fields, { needed: large.needs, capacity: small.needs });
      assert.equal(error.retryable, false);
      return true;
    });
    await checkSound(small);
    assert.equal(workers.length, 1);
  });

  it('a thread that dies takes only its job along, and gives its memory back', async () => {
    const task = gathers.at(-1)!;
    pool = new ThreadPool({ threads: 2, memory: task.needs });
    const open = hold(segments);
    const job = start(jobOf(task));
    await until(() => proxy.count(segments) > 0);
    const waiting = start(jobOf(gathers[0]!));
    await until(() => waiting.notes >= 2);
    // The second waits for memory: its own death must not leave its claim behind.
    await workers[1]!.terminate();
    await assert.rejects(waiting.outcome, /The data thread ended/);
    await workers[0]!.terminate();
    await assert.rejects(job.outcome, /The data thread ended/);
    open();
    await checkSound(task, task);
    assert.ok(workers.length > 2);
  });

  it('does not give jobs to a thread that died when it had none', async () => {
    pool = new ThreadPool({ threads: 1, memory: plenty });
    await checkSound(gathers[0]!);
    await workers[0]!.terminate();
    await checkSound(gathers[0]!);
    assert.equal(workers.length, 2);
  });

  it('closed while jobs run, it ends them, and begins anew for others', async () => {
    pool = new ThreadPool({ threads: 2, memory: plenty });
    const open = hold(segments);
    const jobs = gathers.slice(0, 2).map((task) => start(jobOf(task)));
    await until(() => proxy.count(segments) >= 2);
    await pool.close();
    for (const { outcome } of jobs) await assert.rejects(outcome, /The data thread ended/);
    open();
    await checkSound(gathers[0]!);
    assert.equal(workers.length, 3);
  });

  it('counts what a thread keeps from the moment it gets a job', async () => {
    const [other, large] = [gathers[0]!, gathers.at(-1)!];
    pool = new ThreadPool({ threads: 2, memory: large.needs });
    await checkSound(large);
    proxy.reset();
    // The first job is held before it asks for memory; its thread keeps all that there is.
    const checkpoints = /^GET .*\/pass-2\/.*\.json/;
    const open = hold(checkpoints);
    const first = start(jobOf(large, run, made, false));
    await until(() => proxy.count(checkpoints) > 0);
    const second = start(jobOf(other));
    await until(() => second.notes >= 2);
    assert.equal(proxy.count(segments), 0);
    open();
    assert.equal((await first.outcome).skipped, true);
    await second.outcome;
    assert.ok(proxy.count(segments) > 0);
  });

  it('ends idle threads that keep what a larger job needs', async () => {
    const sorted = tasks.toSorted((a, b) => a.needs - b.needs);
    const [small, middle, large] = [sorted[0]!, sorted[1]!, sorted.at(-1)!];
    const memory = small.needs + middle.needs;
    assert.ok(large.needs <= memory && large.needs + small.needs > memory, 'not of the sizes that this test needs');
    pool = new ThreadPool({ threads: 2, memory });
    const open = hold(/^GET /);
    const both = checkSound(small, middle);
    await until(() => proxy.count(segments) > 0 && proxy.count(/^GET .*\.safetensors/) > 0);
    open();
    await both;
    const ended = Promise.race(workers.map((worker) => once(worker, 'exit')));
    await checkSound(large);
    await ended;
    assert.equal(workers.length, 2);
  });

  it('gives a job up that gets no further; its thread does the next one', async () => {
    const task = gathers.at(-1)!;
    pool = new ThreadPool({ threads: 1, memory: task.needs, stall: 1500 });
    proxy.always(segments, stalling);
    await assert.rejects(start(jobOf(task)).outcome, isStalled);
    proxy.reset();
    await checkSound(task);
    assert.equal(workers.length, 1);
  });

  it('does not take a job for stalled that waits for memory', async () => {
    const task = gathers.at(-1)!;
    pool = new ThreadPool({ threads: 2, memory: task.needs, stall: 1500 });
    proxy.always(segments, stalling);
    const job = start(jobOf(task));
    await until(() => proxy.count(segments) > 0);
    const waiting = start(jobOf(gathers[0]!));
    await assert.rejects(job.outcome, isStalled);
    waiting.abort.abort(reason);
    await assert.rejects(waiting.outcome, reason);
  });

  function isStalled(error: unknown): boolean {
    assert.ok(error instanceof RiffleError);
    assert.equal(error.code, 'TaskStalled');
    assert.ok(error.retryable);
    return true;
  }
});
