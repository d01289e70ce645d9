import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Worker } from 'node:worker_threads';
import type { Prefix } from '../src/storage/uri.js';
import { order as send, startThread } from './threads.js';

/** What a copy took. */
export interface CopyFigures {
  readonly seconds: number;
  readonly bytes: number;
  readonly cpuSeconds: number;
}

/** What a copying thread is told. */
export interface CopyOrder {
  readonly bucket: string;
  /** Keys and lengths of the objects, and what replaces the prefix `from` in their copies' keys. */
  readonly objects: readonly { readonly key: string; readonly bytes: number; readonly etag: string }[];
  readonly from: string;
  readonly to: string;
}

/** Threads of plain copies: riffle's transfer layer, and nothing else. */
export class CopyThreads {
  private readonly workers: Worker[];

  constructor(threads: number) {
    this.workers = Array.from({ length: threads }, () => startThread(new URL('copyThread.ts', import.meta.url)));
  }

  async copy(order: CopyOrder): Promise<CopyFigures> {
    const cpu = process.cpuUsage();
    const start = performance.now();
    const waiting = [...order.objects];
    await Promise.all(
      this.workers.map(async (worker) => {
        for (let next = waiting.shift(); next; next = waiting.shift())
          await send(worker, { ...order, objects: [next] });
      }),
    );
    const used = process.cpuUsage(cpu);
    return {
      seconds: (performance.now() - start) / 1000,
      bytes: order.objects.reduce((sum, { bytes }) => sum + bytes, 0),
      cpuSeconds: (used.user + used.system) / 1e6,
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }
}

/** The same copy by boto3 with as many threads; undefined where there is no Python with boto3 (RIFFLE_BENCH_PYTHON). */
export async function boto3Copy(from: Prefix, to: Prefix, threads: number): Promise<CopyFigures | undefined> {
  const python = process.env.RIFFLE_BENCH_PYTHON;
  if (python === undefined || !existsSync(python)) return undefined;
  const script = fileURLToPath(new URL('peers/boto3_copy.py', import.meta.url));
  const args = [script, from.bucket, from.prefix, to.prefix, String(threads), 'crc32'];
  const { stdout } = await promisify(execFile)(python, args);
  return JSON.parse(stdout) as CopyFigures;
}
