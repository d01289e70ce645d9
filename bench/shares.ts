import { crc32 } from '@node-rs/crc32';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { WorkMemory } from '../src/memory/workMemory.js';
import { defaultBlockRows, defaultOutputShardRows, shapeOf } from '../src/shuffle/layout.js';
import { formatSize } from '../src/sizes.js';
import { median, report } from './report.js';
import { taskCosts, type PlannedShuffle, type TaskCosts } from './taskCosts.js';

const gibibyte = 1024 ** 3;
const recordBytes = 1024;

/** The plans of issue 4. */
const plans = [
  { rows: 1e11, memory: gibibyte },
  { rows: 1e11, memory: 12 * gibibyte },
  { rows: 1e11, memory: 100 * gibibyte },
  { rows: 1e14, memory: 100 * gibibyte },
];

/** Bytes that are looked at at a time: as they arrive, and when what was made of them is sealed. */
const arrivingBytes = 128 * 1024;
const sweepBytes = 256 * 1024;

/** Shares of a worker's CPU that must not be passed. */
const bars = { checksums: 0.15, tableAndLabels: 0.15 };

/** What bench/shuffle.ts writes, as far as it is needed here. */
interface RealRuns {
  readonly rows: number;
  readonly recordBytes: number;
  readonly memory: number;
  readonly outputShard: number;
  readonly runs: readonly { readonly passes: readonly { readonly cpuSeconds: number }[] }[];
}

/**
 * Shares of a worker's CPU that checksums take, and that knowing where records go takes, from the pure functions and the
 * kernels on one side and the CPU time of real runs on the other.
 */
export function shares(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: { records: { type: 'string', default: String(2 ** 30) } },
  });
  const mostRecords = Number(values.records);
  const real = realRuns();
  const here: PlannedShuffle = {
    shape: shapeOf(real.rows, {
      blockRows: defaultBlockRows(real.recordBytes),
      outputShardRows: Math.floor(real.outputShard / real.recordBytes),
    }),
    recordBytes: real.recordBytes,
    memory: real.memory,
  };
  // Measured before the draws fill the heap: data threads hold none of those either.
  const kernels = kernelCosts(real.recordBytes);
  // The first time compiles the code.
  taskCosts(here, mostRecords);
  const costsHere = taskCosts(here, mostRecords);
  const passes = cpuPerGiB(real);
  const checks = checksums(kernels, costsHere, passes);
  // What a pass of each kind costs besides knowing where records go.
  const rest = Object.fromEntries(
    costsHere.map((costs, index) => [costs.kind, Math.max(0, passes[index]! - sumOf(costs))]),
  );
  const kinds = plans.flatMap(({ rows, memory }) => {
    const shape = shapeOf(rows, {
      blockRows: defaultBlockRows(recordBytes),
      outputShardRows: defaultOutputShardRows(recordBytes, rows),
    });
    return taskCosts({ shape, recordBytes, memory }, mostRecords).map((costs) => {
      const sum = sumOf(costs);
      return { rows, memory, ...costs, sum, share: sum / (sum + rest[costs.kind]!) };
    });
  });
  console.table(
    checks.map(({ step, cpu, checksums: sum, share }) => ({
      step,
      'CPU s/GiB': cpu.toFixed(2),
      'checksums s/GiB': sum.toFixed(3),
      share: percent(share),
      met: share <= bars.checksums,
    })),
  );
  return report(
    'shares',
    { bars, real: { ...here, passes, costs: costsHere }, checksums: checks, kinds },
    kinds.map((kind) => ({
      data: `${kind.rows.toExponential()} rows`,
      memory: formatSize(kind.memory),
      task: `${kind.kind} ${kind.pass}`,
      records: kind.records,
      'table s/GiB': kind.table.toFixed(3),
      labels: kind.labels.toFixed(3),
      order: kind.order.toFixed(3),
      places: kind.placement.toFixed(3),
      sum: kind.sum.toFixed(3),
      'share of CPU': percent(kind.share),
      met: kind.share <= bars.tableAndLabels,
    })),
  );
}

/** The last results of bench/shuffle.ts; small ones are made where there are none. */
function realRuns(): RealRuns {
  const file = new URL('results/shuffle.json', import.meta.url);
  if (!existsSync(file)) {
    console.error('There is no bench/results/shuffle.json: shuffling 256 MiB.');
    const sizes = ['--bytes', '256MiB', '--memory', '64MiB', '--shard', '16MiB', '--rounds', '3'];
    const main = fileURLToPath(new URL('main.ts', import.meta.url));
    execFileSync(process.execPath, ['--import', 'tsx', main, 'shuffle', ...sizes], { stdio: 'inherit' });
  }
  const { figures } = JSON.parse(readFileSync(file, 'utf8')) as { figures: RealRuns };
  return figures;
}

/** CPU seconds of each pass per GiB of records, medians of the rounds. */
function cpuPerGiB({ rows, recordBytes: width, runs }: RealRuns): number[] {
  const scale = gibibyte / (rows * width);
  return runs[0]!.passes.map((_, pass) => median(runs.map(({ passes }) => passes[pass]!.cpuSeconds)) * scale);
}

interface ChecksumShare {
  readonly step: string;
  /** CPU seconds per GiB, of all and of the checksums. */
  readonly cpu: number;
  readonly checksums: number;
  readonly share: number;
}

/**
 * From the second pass on records get their CRC-32 as they arrive, when the processor's cache holds them. What a task made
 * of them is digested and gets its CRC-32 in one sweep.
 */
function checksums(kernels: KernelCosts, costs: readonly TaskCosts[], passes: readonly number[]): ChecksumShare[] {
  const steps = costs.map(({ kind, pass }, index) => {
    const sum = (pass > 1 ? kernels.arriving : 0) + kernels.sealing;
    return { step: `${kind} ${pass}`, cpu: passes[index]!, checksums: sum, share: sum / passes[index]! };
  });
  const cpu = steps.reduce((sum, step) => sum + step.cpu, 0);
  const sum = steps.reduce((all, step) => all + step.checksums, 0);
  return [...steps, { step: 'all passes', cpu, checksums: sum, share: sum / cpu }];
}

/** CPU seconds per GiB: of the CRC-32 on data in the caches, and of digest and CRC-32 on more than the caches hold. */
interface KernelCosts {
  readonly arriving: number;
  readonly sealing: number;
}

function kernelCosts(width: number): KernelCosts {
  const memory = new WorkMemory();
  const count = Math.floor(sweepBytes / width);
  const chunks = Math.floor((256 * 1024 ** 2) / (count * width));
  const address = memory.take(chunks * count * width);
  const bytes = memory.view(address, chunks * count * width);
  new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4)).forEach(
    (_, index, words) => (words[index] = Math.imul(index, 0x9e3779b1)),
  );
  const perGiB = (visit: (start: number) => void): number => {
    const seconds = Array.from({ length: 5 }, () => {
      const before = process.cpuUsage();
      for (let chunk = 0; chunk < chunks; chunk++) visit(chunk * count * width);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1e6;
    });
    return median(seconds) * (gibibyte / bytes.length);
  };
  let digest = 0n;
  return {
    arriving:
      perGiB(() => {
        crc32(bytes.subarray(0, arrivingBytes));
      }) *
      ((count * width) / arrivingBytes),
    sealing: perGiB((start) => {
      digest = memory.addHashes(digest, address + start, count, width);
      crc32(bytes.subarray(start, start + count * width));
    }),
  };
}

function sumOf({ table, labels, order, placement }: TaskCosts): number {
  return table + labels + order + placement;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
