import { z } from 'zod';
import * as shuffle from '../shuffle/input.js';
import { checkApart } from '../shuffle/prepare.js';
import { parsePrefix } from '../storage/uri.js';
import { checkInput, objectUri, prefixUri } from '../validation.js';
import * as visualize from '../visualize/input.js';

const most = 'expected a number of hours above 0, at most 720';

const waitFor = z.strictObject(
  { object: objectUri, hours: z.number(most).gt(0, most).max(720, most).default(24) },
  'expected {"object": "s3://bucket/key"}',
);

const schema = z
  .strictObject({
    dump: prefixUri,
    encoding: z.enum(['safetensors', 'npy', 'raw'], 'expected "safetensors", "npy" or "raw"').optional(),
    recordBytes: z.int('expected a whole number from 1').min(1).optional(),
    waitFor: waitFor.optional(),
    shuffle: shuffle.shuffleOfDump.optional(),
    visualize: visualize.visualizeOfDump.optional(),
  })
  .superRefine(({ encoding, recordBytes, shuffle, visualize }, context) => {
    const refuse = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
    if (encoding === 'raw' && recordBytes === undefined) refuse(['recordBytes'], 'encoding "raw" needs it');
    if (encoding !== 'raw' && recordBytes !== undefined) refuse(['recordBytes'], 'it is for encoding "raw" only');
    if (!shuffle && !visualize) refuse(['shuffle'], 'say what to do with the dump: shuffle, visualize, or both');
    if (!shuffle || !visualize) return;
    if (
      `${shuffle.output}/`.startsWith(`${visualize.output}/`) ||
      `${visualize.output}/`.startsWith(`${shuffle.output}/`)
    )
      refuse(['visualize', 'output'], 'it is that of shuffle, or one lies inside the other: each needs its own');
    if ((shuffle.parallelism === undefined) !== (visualize.parallelism === undefined)) {
      const missing = shuffle.parallelism === undefined ? 'shuffle' : 'visualize';
      refuse([missing, 'parallelism'], 'state it for both parts, which share the sum, or for neither');
    }
  });

/** Input of the workflow `pipeline`, checked and with its defaults; docs/formats.md describes the fields. */
export type PipelineInput = z.output<typeof schema>;

/** @throws InvalidInput, OutputOverlapsInput */
export function parsePipelineInput(input: unknown): PipelineInput {
  const parsed = checkInput(schema, input, 'pipeline');
  for (const part of [parsed.shuffle, parsed.visualize]) {
    if (part) checkApart(parsePrefix(parsed.dump), parsePrefix(part.output));
  }
  return parsed;
}

/** Fields that change how a pipeline is carried out, but not what comes out. */
export const resourceFields = [
  'waitFor',
  ...shuffle.resourceFields.map((field) => `shuffle.${field}`),
  ...visualize.resourceFields.map((field) => `visualize.${field}`),
];
