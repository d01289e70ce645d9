import { readFileSync } from 'node:fs';
import { describe } from '../../src/formats/describe.js';
import { putDirectory } from '../../src/formats/put.js';
import { writeDataset } from '../../src/formats/writeDataset.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import type { Reference } from '../features/oracle/reference.js';
import type { TestBucket } from './testBucket.js';

/** The sample that ships with riffle, in a bucket. */
export interface UploadedSample {
  readonly place: Prefix;
  /** Input of `visualize` for it, as the reference answers were made; without an output. */
  readonly input: Readonly<Record<string, unknown>>;
}

export async function uploadSample(bucket: TestBucket): Promise<UploadedSample> {
  const place = bucket.newPlace();
  await putDirectory(bucket.store, 'examples', place);
  const dump = { ...place, prefix: `${place.prefix}dump/` };
  await writeDataset(bucket.store, dump, (await describe(bucket.store, dump)).dataset);
  const at = (name: string): string => `${formatPrefix(place)}/${name}`;
  const input = {
    activations: at('dump'),
    sae: at('sae'),
    tokenizer: at('tokenizer.json'),
    unembedding: at('unembed.safetensors'),
    window: { before: 16, after: 16 },
    examples: { distinct: 'none' },
  };
  return { place, input };
}

/** What another program computed of it. */
export function readReference(): Reference {
  return JSON.parse(readFileSync('examples/reference.json', 'utf8')) as Reference;
}
