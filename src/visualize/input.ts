import { z } from 'zod';
import { parseFeatures } from '../pages/featureSet.js';
import { checkInput, objectUri, prefixUri, size } from '../validation.js';

const whole = (least: number, most: number): z.ZodInt =>
  z.int(`expected a whole number from ${least} to ${most}`).min(least).max(most);
const columnName = z.string('expected the name of a column').min(1).optional();

const features = z.string('expected "all", or features such as "0-1023,2048"').transform((text, context) => {
  try {
    return text === 'all' ? text : (parseFeatures(text, 'features'), text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

const saeUri = z.string('expected s3://bucket/prefix, or s3://bucket/key.npz').transform((value, context) => {
  const read = value.endsWith('.npz') ? objectUri : prefixUri;
  const parsed = read.safeParse(value);
  if (parsed.success) return parsed.data;
  context.addIssue({ code: 'custom', message: parsed.error.issues[0]!.message });
  return z.NEVER;
});

const examples = z.strictObject({
  top: whole(1, 1000).default(20),
  random: whole(1, 10_000).optional(),
  shownRandom: whole(0, 1000).default(10),
  intervals: z.union([whole(1, 100), z.literal('quantile')], 'expected a whole number, or "quantile"').default(10),
  perInterval: whole(0, 100).default(5),
  distinct: z.enum(['context', 'document', 'none'], 'expected "context", "document" or "none"').optional(),
});

const exclude = z.strictObject({
  positions: z.array(z.int('expected a whole number')).default([]),
  tokens: z
    .union([z.array(whole(0, 2 ** 31 - 1)), z.literal('special')], 'expected a list of token ids, or "special"')
    .default([]),
  normAbove: z.number('expected a number above 0').gt(0).optional(),
});

const schema = z.strictObject({
  activations: prefixUri,
  tokens: prefixUri.optional(),
  columns: z
    .strictObject({
      activations: columnName,
      tokens: columnName,
      context: columnName,
      position: columnName,
      document: columnName,
    })
    .prefault({}),
  sae: saeUri,
  inputScale: z.number('expected a number above 0').gt(0).optional(),
  tokenizer: objectUri,
  output: prefixUri,
  unembedding: objectUri.optional(),
  labels: objectUri.optional(),
  seed: z.string('expected a text that is not empty').min(1).default('riffle'),
  features: features.default('all'),
  examples: examples.prefault({}),
  window: z.strictObject({ before: whole(0, 4096).default(24), after: whole(0, 4096).default(8) }).prefault({}),
  exclude: exclude.prefault({}),
  nonFinite: z.enum(['error', 'exclude'], 'expected "error" or "exclude"').default('error'),
  logits: whole(0, 1000).default(10),
  neighbours: whole(0, 1000).default(10),
  featuresPerPack: whole(1, 65_536).default(4096),
  memory: size.default(2 * 1024 ** 3),
  tokenShards: whole(1, 1_000_000).optional(),
  featureBlocks: whole(1, 1_000_000).optional(),
  parallelism: whole(1, 100_000).optional(),
  onFailure: z.enum(['fail', 'wait'], 'expected "fail" or "wait"').default('fail'),
});

/** Those fields of an input that a pipeline's dump leaves open. */
export const visualizeOfDump = schema.extend({
  activations: z.undefined('leave it out: they are the dump').optional(),
});

/** Input of the workflow `visualize`, checked and with its defaults; docs/formats.md describes the fields. */
export type VisualizeInput = z.output<typeof schema>;

/** @throws InvalidInput */
export function parseVisualizeInput(input: unknown): VisualizeInput {
  return checkInput(schema, input, 'visualize');
}

const tokenCount = z.strictObject({ tokens: whole(1, 2 ** 31) }, 'expected {"tokens": …}').optional();

/** A run that is given by its size alone, where sources are only to be planned for. */
const sizedSchema = schema.omit({ tokens: true, labels: true, inputScale: true }).extend({
  activations: z.strictObject({
    rows: whole(1, Number.MAX_SAFE_INTEGER),
    width: whole(1, 2 ** 20),
    dtype: z.enum(['F16', 'BF16', 'F32'], 'expected "F16", "BF16" or "F32"').default('F16'),
  }),
  sae: z.strictObject({
    features: whole(1, 2 ** 28),
    width: whole(1, 2 ** 20).optional(),
    k: whole(1, 2 ** 28).optional(),
  }),
  tokenizer: tokenCount,
  unembedding: tokenCount,
  output: prefixUri.default('s3://anywhere/run'),
});

/** The same by sizes alone: rows of activations, features of the SAE (with `k` where they compete), token ids. */
export type SizedVisualizeInput = z.output<typeof sizedSchema>;

/** Input of `riffle plan`: sources may be given by their sizes. @throws InvalidInput */
export function parsePlanInput(input: object): VisualizeInput | SizedVisualizeInput {
  if (!('activations' in input) || typeof input.activations !== 'object') return parseVisualizeInput(input);
  return checkInput(sizedSchema, input, 'visualize');
}

/** Fields that change how pages are made, but not what they say. */
export const resourceFields = ['memory', 'tokenShards', 'featureBlocks', 'parallelism', 'onFailure'] as const;
