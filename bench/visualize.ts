import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { ThreadPool } from '../src/dataPlane/threadPool.js';
import type { ObjectStore } from '../src/storage/objectStore.js';
import { createS3Store } from '../src/storage/s3.js';
import { formatPrefix } from '../src/storage/uri.js';
import { computeKind } from '../src/visualize/computeKind.js';
import { parseVisualizeInput } from '../src/visualize/input.js';
import { prepareVisualize, urisOf } from '../src/visualize/prepare.js';
import { encodePlanFile, passes, type VisualizeRun } from '../src/visualize/run.js';
import { measureEncode } from './encode.js';
import { makePages, type MadeSources } from './pagesDataset.js';
import { median, report } from './report.js';
import { withStack } from './stack.js';

const inputWidth = 576;
const features = 4608;
/** Data threads, or threads of a product: as many as there are cores. */
const threads = 2;

/**
 * Stage 1 from S3 against a bare product of the same shape and against a loop in PyTorch, with as many threads each, in
 * turn. The encoder alone: `bench -- encode`, which this bench calls.
 */
export async function visualize(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: { rows: { type: 'string', default: '524288' }, rounds: { type: 'string', default: '5' } },
  });
  const rows = Number(values.rows);
  const rounds = Number(values.rounds);
  const operations = 2 * rows * inputWidth * features;
  const stage1: number[] = [];
  const torch: number[] = [];
  const encode: number[] = [];
  const matMul: number[] = [];
  await withStack(async (stack) => {
    const store = createS3Store();
    const made = await makePages(store, { bucket: stack.bucket, prefix: 'bench/' }, { rows, inputWidth, features });
    const folder = await mkdtemp(join(tmpdir(), 'riffle-bench-'));
    const pool = new ThreadPool({ threads, memory: 8 * 1024 ** 3 });
    try {
      for (const [name, bytes] of Object.entries(made.files)) await writeFile(join(folder, name), bytes);
      const prepared = await prepare(store, made, pool);
      // The first time loads ONNX Runtime and compiles.
      await collectAll(prepared, pool);
      for (let round = 0; round < rounds; round++) {
        console.error(`round ${round + 1} of ${rounds}`);
        const speeds = await measureEncode(threads);
        matMul.push(speeds.matMul);
        encode.push(speeds.encode.F16!);
        stage1.push(operations / (await collectAll(prepared, pool)) / 1e9);
        const seconds = await torchLoop(folder, rows);
        if (seconds !== undefined) torch.push(operations / seconds / 1e9);
      }
    } finally {
      await pool.close();
      store.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
  const figures = {
    rows,
    inputWidth,
    features,
    threads,
    rounds,
    matmulGflops: median(matMul),
    encodeGflops: median(encode),
    stage1Gflops: median(stage1),
    torchGflops: torch.length > 0 ? median(torch) : null,
    encodeOverMatmul: ratio(encode, matMul),
    stage1OverMatmul: ratio(stage1, matMul),
    stage1OverTorch: torch.length > 0 ? ratio(stage1, torch) : null,
  };
  await report('visualize', figures, [figures]);
}

/** Median of the rounds' quotients. */
function ratio(some: readonly number[], others: readonly number[]): number {
  return Number(median(some.map((value, round) => value / others[round]!)).toFixed(3));
}

interface Prepared {
  readonly run: VisualizeRun;
  readonly call: (pass: number, task: number) => Parameters<ThreadPool['run']>[0];
}

/** Plans a run and prepares its weights. */
async function prepare(store: ObjectStore, made: MadeSources, pool: ThreadPool): Promise<Prepared> {
  const input = parseVisualizeInput({ ...made.input, tokenShards: threads, featureBlocks: 1, memory: '4GiB' });
  const { signal } = new AbortController();
  const { run } = await prepareVisualize(store, input, computeKind({ provider: 'cpu' }), signal);
  const scope = { uris: urisOf(input), output: formatPrefix(run.output), plan: run.planDigest };
  const planFile = encodePlanFile(run);
  const call: Prepared['call'] = (pass, task) => ({
    kind: 'visualize',
    call: { scope, pass, task, redo: true },
    planFile,
  });
  for (let task = 0; task < run.taskCount(passes.prepare); task++) {
    await pool.run(call(passes.prepare, task), { signal, onBytes: () => undefined });
  }
  return { run, call };
}

/** All tasks of stage 1 at once. @returns seconds */
async function collectAll({ run, call }: Prepared, pool: ThreadPool): Promise<number> {
  const { signal } = new AbortController();
  const start = performance.now();
  const tasks = Array.from({ length: run.taskCount(passes.collect) }, (_, task) => task);
  await Promise.all(tasks.map((task) => pool.run(call(passes.collect, task), { signal, onBytes: () => undefined })));
  return (performance.now() - start) / 1000;
}

/** Seconds of the same in PyTorch from memory; undefined where there is no Python with torch (RIFFLE_BENCH_PYTHON). */
async function torchLoop(folder: string, rows: number): Promise<number | undefined> {
  const python = process.env.RIFFLE_BENCH_PYTHON;
  if (python === undefined || !existsSync(python)) return undefined;
  const script = fileURLToPath(new URL('peers/torch_stage1.py', import.meta.url));
  const { stdout } = await promisify(execFile)(python, [script, folder, String(rows), String(threads)]);
  return (JSON.parse(stdout) as { seconds: number }).seconds;
}
