import { z } from 'zod';
import { checkInput, prefixUri, size } from '../validation.js';

const positive = z.int('expected a whole number from 1 to 2^53 - 1').min(1);

const wholeRun = z.strictObject({ rows: positive, recordBytes: positive });

const options = {
  output: prefixUri,
  seed: z.string('expected a text that is not empty').min(1),
  memory: size.default(1024 ** 3),
  blockRows: positive.optional(),
  outputShardRows: positive.optional(),
  minSegment: size.default(1024 ** 2),
  parallelism: z.int('expected a whole number from 1 to 100000').min(1).max(100_000).optional(),
  keepIntermediates: z.boolean('expected true or false').default(false),
  replan: z.boolean('expected true or false').default(false),
  onFailure: z.enum(['fail', 'wait'], 'expected "fail" or "wait"').default('fail'),
};

const shuffleSchema = z.strictObject({ input: prefixUri, ...options });

const planSchema = z.strictObject({
  ...options,
  input: z.union([prefixUri, wholeRun], 'expected s3://bucket/prefix, or {"rows": …, "recordBytes": …}'),
  output: prefixUri.optional(),
  seed: options.seed.default('riffle'),
});

/**
 * Input of the workflow `shuffle`, checked and with its defaults: S3 URIs of the input dataset and of the output
 * prefix, the seed, bytes of memory per task, and the fields of docs/formats.md.
 */
export type ShuffleInput = z.output<typeof shuffleSchema>;

/** Input of `riffle plan`: the same, where the dataset may be given by its size alone and nothing is written. */
export type PlanInput = z.output<typeof planSchema>;

/** @throws InvalidInput */
export function parseShuffleInput(input: unknown): ShuffleInput {
  return checkInput(shuffleSchema, input, 'shuffle');
}

/** @throws InvalidInput */
export function parsePlanInput(input: unknown): PlanInput {
  return checkInput(planSchema, input, 'plan');
}

/** Fields that change how a shuffle is carried out, but not its output. */
export const resourceFields = [
  'memory',
  'minSegment',
  'parallelism',
  'keepIntermediates',
  'replan',
  'onFailure',
] as const;
