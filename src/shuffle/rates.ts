import { z } from 'zod';

export const ratesFormat = 'riffle.rates/1';

const seconds = z.number('expected seconds, 0 or more').min(0);
const perByteAndRecord = z.strictObject({ byte: seconds, record: seconds });

const terms = {
  /** Per byte that a pass reads or writes (a byte that it reads and writes counts twice), and per record. */
  scatter: perByteAndRecord,
  gather: perByteAndRecord,
  /** Per GET or PUT of a task. */
  request: seconds,
  task: seconds,
};

/**
 * What the work of a shuffle takes, measured: `bench/results/rates.json` of the benches, or the `rates` of a price
 * table.
 */
export const ratesSchema = z.strictObject({
  format: z.literal(ratesFormat),
  /** Where these rates were measured: processor, Node, and what else counts. */
  machine: z.string(),
  /** The day, YYYY-MM-DD. */
  date: z.string(),
  /** Cores of that machine. */
  cores: z.number('expected a number above 0').positive(),
  /** Processor time of the workers: what other machines will need, too. */
  cpuSeconds: z.strictObject(terms),
  /** Wall-clock time on that machine, with all that stood beside the workers. */
  seconds: z.strictObject({
    ...terms,
    /** Of each pass, whatever its size. */
    pass: seconds,
    /** To prepare, to commit and to clean up. */
    run: seconds,
  }),
});

export type Rates = z.output<typeof ratesSchema>;

/** What a pass does, as far as its time depends on it. */
export interface PassWork {
  readonly kind: 'scatter' | 'gather';
  /** Bytes read and bytes written. */
  readonly bytes: number;
  readonly records: number;
  /** GETs and PUTs of its tasks. */
  readonly requests: number;
  readonly tasks: number;
}

/** Seconds that the work of a pass takes: bytes × a + records × b + requests × c + tasks × d. */
export function secondsOf(rates: Rates['cpuSeconds'], { kind, bytes, records, requests, tasks }: PassWork): number {
  const { byte, record } = rates[kind];
  return bytes * byte + records * record + requests * rates.request + tasks * rates.task;
}

/** Seconds that a run takes on the machine where the rates were measured. */
export function secondsThere({ seconds }: Rates, passes: readonly PassWork[]): number {
  return passes.reduce((sum, pass) => sum + seconds.pass + secondsOf(seconds, pass), seconds.run);
}
