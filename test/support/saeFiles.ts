import { readFileSync } from 'node:fs';
import { checkRelativeKey, formatPrefix, type Prefix } from '../../src/storage/uri.js';
import type { TestBucket } from './testBucket.js';
import { safetensorsHeader } from './shardFiles.js';

/** A case of test/sae/goldens.json: what test/sae/makeGoldens.py wrote. */
export interface SaeGolden {
  readonly name: string;
  /** Objects in base64, by their keys. */
  readonly objects: Readonly<Record<string, string>>;
  /** What to open, relative to the prefix; empty for the prefix. */
  readonly location: string;
  readonly options: { readonly inputScale?: number };
  readonly description: Readonly<Record<string, unknown>>;
  /** [rows][inputWidth] */
  readonly rows: readonly (readonly number[])[];
  /** [rows][features] */
  readonly activations: readonly (readonly number[])[];
}

export function readGoldens(): SaeGolden[] {
  const url = new URL('../sae/goldens.json', import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as SaeGolden[];
}

/** Uploads objects below a new prefix, and returns its place and URI. */
export async function uploadSae(
  bucket: TestBucket,
  objects: Readonly<Record<string, Uint8Array | string>>,
): Promise<{ place: Prefix; uri: string }> {
  const place = bucket.newPlace();
  for (const [key, data] of Object.entries(objects)) {
    checkRelativeKey(key, 'the test');
    const location = { bucket: place.bucket, key: `${place.prefix}${key}` };
    await bucket.store.put(location, [typeof data === 'string' ? Buffer.from(data) : data]);
  }
  return { place, uri: formatPrefix(place) };
}

/** A tensor to write: its elements as they are stored. */
export interface TestTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

export function tensor(shape: readonly number[], values: (index: number) => number): TestTensor {
  const elements = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => values(index));
  return { dtype: 'F32', shape, data: new Uint8Array(elements.buffer) };
}

/** A safetensors file of tensors of any shapes. */
export function tensorsFile(tensors: Readonly<Record<string, TestTensor>>): Buffer {
  let end = 0;
  const header = Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
    const begin = end;
    end += data.length;
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const;
  });
  const parts = Object.values(tensors).map(({ data }) => data);
  return Buffer.concat([safetensorsHeader(JSON.stringify(Object.fromEntries(header))), ...parts]);
}
