import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { readPriceTable } from '../src/cli/priceTable.js';
import { fitRates } from '../src/shuffle/fitRates.js';
import { parsePlanInput } from '../src/shuffle/input.js';
import { summarizePlan } from '../src/shuffle/planSummary.js';
import type { PlanSummary, PlanTables } from '../src/shuffle/planSummary.js';
import { secondsThere } from '../src/shuffle/rates.js';
import type { Rates } from '../src/shuffle/rates.js';
import { MeasuringStack } from './measuredRuns.js';
import type { Observed } from './measuredRuns.js';
import { report } from './report.js';

const mebibyte = 1024 ** 2;
const workerMemory = 2 * 1024 * mebibyte;

interface Setting {
  readonly name: string;
  readonly recordBytes: number;
  readonly mebibytes: number;
  /** Of a task, MiB; a sixteenth of it is an output shard. */
  readonly memory: number;
  /** KiB; larger ones make more passes. */
  readonly minSegment: number;
}

/** Different records and sizes tell bytes, records, requests and tasks apart. */
const calibration: readonly Setting[] = [
  { name: 'a', recordBytes: 1024, mebibytes: 128, memory: 16, minSegment: 64 },
  { name: 'b', recordBytes: 64, mebibytes: 48, memory: 16, minSegment: 64 },
  { name: 'c', recordBytes: 4096, mebibytes: 256, memory: 64, minSegment: 64 },
  { name: 'd', recordBytes: 1024, mebibytes: 64, memory: 4, minSegment: 16 },
];
const trials: readonly Setting[] = [
  { name: 'p', recordBytes: 512, mebibytes: 96, memory: 16, minSegment: 64 },
  { name: 'q', recordBytes: 2048, mebibytes: 256, memory: 32, minSegment: 64 },
  { name: 'r', recordBytes: 256, mebibytes: 64, memory: 8, minSegment: 800 },
];

interface Trial {
  readonly setting: Setting;
  readonly plan: PlanSummary;
  readonly observed: Observed;
}

/** Calibrates on some shuffles, predicts others, runs them, and compares: requests, bytes and seconds. */
export async function prediction(): Promise<void> {
  const prices = await readPriceTable();
  const tables = { prices, rates: prices.rates, wish: {} };
  const stack = await MeasuringStack.start(workerMemory);
  try {
    // The first run compiles the code.
    await runOf(stack, { ...calibration[0]!, name: 'warm-up', mebibytes: 32 }, tables);
    // In turn, so that both meet the same load of the machine; the rates know nothing of the trials.
    const calibrated: Observed[] = [];
    const tried: Trial[] = [];
    for (const [index, setting] of calibration.entries()) {
      calibrated.push((await runOf(stack, setting, tables)).observed);
      const trial = trials[index];
      if (trial) tried.push({ setting: trial, ...(await runOf(stack, trial, tables)) });
    }
    const rates = fitRates(
      calibrated.map(({ run }) => run),
      {
        machine: `${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`,
        date: new Date().toISOString().slice(0, 10),
        cores: cpus().length,
      },
    );
    await writeRates(rates);
    const results = tried.map((trial) => compare(trial, rates));
    await report(
      'prediction',
      { rates, results, calibrated: calibrated.map(({ run }) => run) },
      results.map(({ setting, passes, requestsExact, bytesExact, seconds }) => ({
        record: `${setting.recordBytes} B`,
        data: `${setting.mebibytes} MiB`,
        passes,
        'requests exact': requestsExact,
        'bytes exact': bytesExact,
        'seconds predicted': seconds.predicted.toFixed(2),
        'seconds taken': seconds.actual.toFixed(2),
        ratio: (seconds.predicted / seconds.actual).toFixed(2),
      })),
    );
  } finally {
    await stack.close();
  }
}

async function runOf(
  stack: MeasuringStack,
  { name, recordBytes, mebibytes, memory, minSegment }: Setting,
  tables: PlanTables,
): Promise<Omit<Trial, 'setting'>> {
  const rows = Math.floor((mebibytes * mebibyte) / recordBytes);
  const dataset = await stack.makeDataset(name, rows, recordBytes);
  const input = {
    input: stack.uri(name),
    output: stack.uri(`${name}-shuffled`),
    seed: 'prediction',
    memory: memory * mebibyte,
    minSegment: minSegment * 1024,
    outputShardRows: Math.floor((memory * mebibyte) / 16 / recordBytes),
    blockRows: Math.max(1, Math.floor(16_384 / recordBytes)),
    parallelism: 2,
  };
  const plan = summarizePlan(dataset, parsePlanInput(input), tables);
  return { plan, observed: await stack.measure(input, plan) };
}

function compare({ setting, plan, observed }: Trial, rates: Rates) {
  const { exact, ...requests } = plan.requests;
  const bytes = plan.passes.map(({ bytesRead, bytesWritten }) => ({ read: bytesRead, written: bytesWritten }));
  return {
    setting,
    passes: plan.passes.length,
    requestsExact: exact && JSON.stringify({ ...requests, other: 0 }) === JSON.stringify(observed.requests),
    bytesExact: JSON.stringify(bytes) === JSON.stringify(observed.bytes),
    requests: { predicted: requests, actual: observed.requests },
    bytes: { predicted: bytes, actual: observed.bytes },
    run: observed.run,
    seconds: { predicted: secondsThere(rates, observed.run.passes), actual: observed.run.seconds },
  };
}

/** The file that `riffle plan --rates` reads. */
async function writeRates(rates: Rates): Promise<void> {
  const folder = new URL('results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL('rates.json', folder), `${JSON.stringify(rates, undefined, 2)}\n`);
}
