import { z } from 'zod';
import { checkInput, datasetUris, prefixUri, size } from '../validation.js';

const positive = z.int('expected a whole number from 1 to 2^53 - 1').min(1);
const between = 'expected a number between 0 and 1, both excluded';
const share = z.number(between).gt(0, between).lt(1, between);

const wholeRun = z.strictObject({ rows: positive, recordBytes: positive });

const options = {
  seed: z.string('expected a text that is not empty').min(1),
  memory: size.default(1024 ** 3),
  blockRows: positive.optional(),
  outputShardRows: positive.optional(),
  minSegment: size.default(1024 ** 2),
  parallelism: z.int('expected a whole number from 1 to 100000').min(1).max(100_000).optional(),
  keepIntermediates: z.boolean('expected true or false').default(false),
  replan: z.boolean('expected true or false').default(false),
  onFailure: z.enum(['fail', 'wait'], 'expected "fail" or "wait"').default('fail'),
  split: z.strictObject({ heldOut: share }, 'expected {"heldOut": …}').optional(),
};

/** A field of the other form of an input: either `input` and `output`, or `aligned`. */
const otherForm = z.undefined('use either input and output, or aligned').optional();

const alignedList = 'expected a list of {"input": …, "output": …}';

/** Outputs of aligned datasets lie apart; none is inside another. */
function checkOutputs(members: readonly { output?: string | undefined }[], context: z.RefinementCtx): void {
  for (const [index, { output }] of members.entries()) {
    const before = members
      .slice(0, index)
      .findIndex((other) => `${output}/`.startsWith(`${other.output}/`) || `${other.output}/`.startsWith(`${output}/`));
    if (output === undefined || before < 0) continue;
    const message = `it is that of aligned.${before}, or one lies inside the other: each needs an output of its own`;
    context.addIssue({ code: 'custom', path: [index, 'output'], message });
  }
}

const shuffleSchema = z.strictObject({ input: datasetUris, output: prefixUri, ...options, aligned: otherForm });

/** Those fields of an input that a pipeline's dump leaves open. */
export const shuffleOfDump = shuffleSchema.extend({
  input: z.undefined('leave it out: it is the dump').optional(),
  aligned: z.undefined('a pipeline has one dump: start the workflow shuffle instead').optional(),
});

const alignedSchema = z.strictObject({
  aligned: z
    .array(z.strictObject({ input: datasetUris, output: prefixUri }, alignedList), alignedList)
    .min(1, alignedList)
    .superRefine(checkOutputs),
  ...options,
  input: otherForm,
  output: otherForm,
});

const planOptions = { ...options, seed: options.seed.default('riffle') };
const plannedInput = z.union(
  [datasetUris, wholeRun],
  'expected s3://bucket/prefix, or a list of such, or {"rows": …, "recordBytes": …}',
);
const planSchema = z.strictObject({
  input: plannedInput,
  output: prefixUri.optional(),
  ...planOptions,
  aligned: otherForm,
});

const alignedPlanSchema = z.strictObject({
  aligned: z
    .array(z.strictObject({ input: plannedInput, output: prefixUri.optional() }, alignedList), alignedList)
    .min(1, alignedList)
    .superRefine(checkOutputs),
  ...planOptions,
  input: otherForm,
  output: otherForm,
});

/**
 * Input of one shuffle, checked and with its defaults: S3 URIs of the input datasets and of the output prefix, the seed,
 * bytes of memory per task, and the fields of docs/formats.md.
 */
export type ShuffleInput = z.output<typeof shuffleSchema>;

/** Input of a shuffle of several datasets of equal rows by one permutation; each becomes a shuffle of its own. */
export type AlignedInput = z.output<typeof alignedSchema>;

/** Input of `riffle plan`: the same, where a dataset may be given by its size alone and nothing is written. */
export type PlanInput = z.output<typeof planSchema>;
export type AlignedPlanInput = z.output<typeof alignedPlanSchema>;

/** Input of the workflow `shuffle`. @throws InvalidInput */
export function parseShuffleInput(input: unknown): ShuffleInput | AlignedInput {
  return isAligned(input) ? checkInput(alignedSchema, input, 'shuffle') : checkInput(shuffleSchema, input, 'shuffle');
}

/** @throws InvalidInput */
export function parsePlanInput(input: unknown): PlanInput | AlignedPlanInput {
  return isAligned(input) ? checkInput(alignedPlanSchema, input, 'plan') : checkInput(planSchema, input, 'plan');
}

function isAligned(input: unknown): boolean {
  return typeof input === 'object' && input !== null && 'aligned' in input;
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
