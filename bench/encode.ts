import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import type { RowType } from '../src/encoder/weights.js';
import { median, report } from './report.js';
import { order, startThread } from './threads.js';

export const inputWidth = 576;
export const features = 4608;
/** Rows of an order. The encoder cuts them as it likes. */
export const encodedRows = 1024;
export const rowTypes = ['F16', 'BF16', 'F32'] as const;
const plainRows = [256, 512, 1024];
const rounds = 15;
const threadCounts = [1, 2];

/** What a thread is told: to encode a batch, or to multiply as many rows, `rows` at a time. */
export type EncodeOrder = { readonly rowType: RowType } | { readonly rows: number };

export interface EncodeSpeed {
  threads: number;
  /** 10^9 floating point operations a second, two for each weight and row; medians. */
  encode: Partial<Record<RowType, number>>;
  /** A bare MatMul in ONNX Runtime, float32 rows, in the way that suits it best. */
  matMul: number;
  matMulWay: string;
  /** encode / matMul, of float16 rows. */
  share: number;
  /** The same of the best rounds, for machines that do other work. */
  shareOfBest: number;
  firingsPerRow: number;
}

/** Measures encoding, from rows in memory to the list of firings, against a bare MatMul of the same shape. */
export async function encode(): Promise<void> {
  const speeds: EncodeSpeed[] = [];
  for (const threads of threadCounts) speeds.push(await measureEncode(threads));
  await report(
    'encode',
    speeds,
    speeds.map(({ threads, encode, matMul, matMulWay, share, shareOfBest }) => ({
      threads,
      'encode F16 (GFLOP/s)': encode.F16,
      'encode BF16': encode.BF16,
      'encode F32': encode.F32,
      'MatMul (GFLOP/s)': matMul,
      'best way': matMulWay,
      share,
      'share of best': shareOfBest,
    })),
  );
}

/**
 * Both sides take turns, so that what else the machine does falls on both. riffle encodes as its data threads do, each with
 * one thread of ONNX Runtime; the bare product may be cut into threads by us or by ONNX Runtime.
 */
export async function measureEncode(threads: number): Promise<EncodeSpeed> {
  const workers = await startAll(threads, 1);
  const [shared] = threads > 1 ? await startAll(1, threads) : workers;
  const speeds = new Map<string, number[]>();
  const time = async (name: string, on: readonly Worker[], what: EncodeOrder): Promise<number> => {
    const start = performance.now();
    const firings = (await Promise.all(on.map((worker) => order(worker, what)))) as number[];
    const operations = 2 * encodedRows * inputWidth * features * on.length;
    speeds.set(name, [...(speeds.get(name) ?? []), operations / (performance.now() - start) / 1e6]);
    return firings[0]!;
  };
  const plainWays = plainRows.flatMap((rows) => [
    { name: `${rows} rows`, on: workers, what: { rows } },
    ...(threads > 1 ? [{ name: `${rows} rows, one session`, on: [shared!], what: { rows } }] : []),
  ]);
  const candidates = [...plainWays, ...rowTypes.map((rowType) => ({ name: rowType, on: workers, what: { rowType } }))];
  let firings = 0;
  // The first round warms up. Each begins with another candidate, for what one leaves to be freed the next one pays.
  for (let round = 0; round <= rounds; round++) {
    if (round === 1) speeds.clear();
    for (const i of candidates.keys()) {
      const { name, on, what } = candidates[(round + i) % candidates.length]!;
      firings = Math.max(firings, await time(name, on, what));
    }
  }
  await Promise.all([...new Set([...workers, shared!])].map((worker) => worker.terminate()));

  const speed = (name: string): number => Number(median(speeds.get(name)!).toPrecision(4));
  const best = (...names: readonly string[]): number => Math.max(...names.flatMap((name) => speeds.get(name)!));
  const plain = plainWays.map(({ name }) => name);
  const matMulWay = plain.reduce((some, other) => (speed(other) > speed(some) ? other : some));
  return {
    threads,
    encode: Object.fromEntries(rowTypes.map((rowType) => [rowType, speed(rowType)])),
    matMul: speed(matMulWay),
    matMulWay,
    share: Number((speed('F16') / speed(matMulWay)).toFixed(3)),
    shareOfBest: Number((best('F16') / best(...plain)).toFixed(3)),
    firingsPerRow: firings / encodedRows,
  };
}

async function startAll(count: number, productThreads: number): Promise<Worker[]> {
  const workers = Array.from({ length: count }, () =>
    startThread(new URL('encodeThread.ts', import.meta.url), { productThreads }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  return workers;
}
