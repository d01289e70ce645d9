import { formatSize } from '../src/sizes.js';
import { median, report } from './report.js';

export interface Settings {
  readonly rows: number;
  readonly recordBytes: number;
  /** Bytes of an input shard. */
  readonly shardBytes: number;
  /** Bytes of a task, of an output shard, and of the worker process. */
  readonly memory: number;
  readonly outputShard: number;
  readonly workerMemory: number;
  readonly rounds: number;
  /** Tasks at once, and copies. */
  readonly threads: number;
}

/** What one step took. */
export interface StepFigures {
  readonly seconds: number;
  /** Of the worker, or of the process that copies. */
  readonly cpuSeconds: number;
  readonly serverCpuSeconds: number;
}

/** A copy, and the copy of what it wrote. */
export interface TwoCopies {
  readonly first: StepFigures;
  readonly second: StepFigures;
}

export interface RunFigures extends StepFigures {
  readonly passes: readonly StepFigures[];
}

/**
 * Prints the table and writes bench/results/shuffle.json. The first pass is held against the first copy, later ones
 * against the second, and the whole run against their mean.
 */
export async function present(
  settings: Settings,
  copies: readonly TwoCopies[],
  peers: readonly StepFigures[],
  runs: readonly RunFigures[],
  peakRssBytes: number,
): Promise<void> {
  const bytes = settings.rows * settings.recordBytes;
  const firstCopy = secondsOf(copies.map(({ first }) => first));
  const secondCopy = secondsOf(copies.map(({ second }) => second));
  const copy = (firstCopy + secondCopy) / 2;
  const passes = runs[0]!.passes.map((_, pass) => runs.map((run) => run.passes[pass]!));
  const over = (reference: number, steps: readonly StepFigures[] | undefined): number | null =>
    steps && steps.length > 0 ? Number((reference / secondsOf(steps)).toFixed(3)) : null;
  const ofPass = (pass: number): number | null => over(pass === 0 ? firstCopy : secondCopy, passes[pass]);
  const figures = {
    ...settings,
    scatterOverCopy: passes.length > 1 ? ofPass(0) : null,
    gatherOverCopy: ofPass(passes.length - 1),
    runOverCopy: over(copy, runs),
    copyOverBoto3: peers.length > 0 ? Number((secondsOf(peers) / firstCopy).toFixed(3)) : null,
    peakRssBytes,
    memoryBytes: settings.workerMemory,
    copies,
    peers,
    runs,
  };
  const row = (step: string, ratio: number | null, steps: readonly StepFigures[]): object => ({
    step,
    seconds: secondsOf(steps).toFixed(2),
    'MiB/s': Math.round(bytes / secondsOf(steps) / 1024 ** 2),
    'of copy': ratio,
    'client CPU s/GiB': perGiB(steps.map(({ cpuSeconds }) => cpuSeconds)),
    'server CPU s/GiB': perGiB(steps.map(({ serverCpuSeconds }) => serverCpuSeconds)),
  });
  const perGiB = (cpu: readonly number[]): string => ((median(cpu) * 1024 ** 3) / bytes).toFixed(2);
  const rows = [
    row(
      'plain copy',
      1,
      copies.map(({ first }) => first),
    ),
    row(
      'plain copy of the copy',
      1,
      copies.map(({ second }) => second),
    ),
    ...(peers.length > 0 ? [row('boto3 copy', over(firstCopy, peers), peers)] : []),
    ...passes.map((steps, pass) => row(nameOf(pass, passes.length), ofPass(pass), steps)),
    row('whole run', over(copy, runs), runs),
  ];
  await report('shuffle', figures, rows);
  console.log(
    `${formatSize(bytes)} of ${settings.recordBytes}-byte records; memory ${formatSize(settings.memory)} a task, ` +
      `${formatSize(settings.workerMemory)} the worker; peak RSS ${formatSize(peakRssBytes)}.`,
  );
}

function nameOf(pass: number, passes: number): string {
  return pass + 1 < passes ? `scatter pass ${pass + 1}` : 'gather pass';
}

function secondsOf(steps: readonly StepFigures[]): number {
  return median(steps.map(({ seconds }) => seconds));
}
