import { z } from 'zod';
import { DatasetInvalid, DatasetMissing, ObjectConflict } from '../errors.js';
import type { CallOptions, ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import { formatPrefix, type Prefix } from '../storage/uri.js';
import { parseBoundedJson } from './boundedJson.js';
import { datasetFormat, type Dataset } from './dataset.js';
import { datasetFault } from './datasetRules.js';
import { quoted } from './shardHeader.js';
import { checkFinished } from './unfinished.js';

/** Room for more than a million shards; also well within the longest string of V8. */
export const maxDatasetBytes = 256 * 1024 * 1024;

/** What a dataset.json of that size may hold, see `parseBoundedJson`. */
export const datasetLimits = { depth: 8, values: 20_000_000 };

const count = z.int().min(0);

const schema = z.object({
  format: z.literal(datasetFormat),
  rows: count,
  encoding: z.enum(['safetensors', 'npy', 'raw']),
  columns: z.array(z.object({ name: z.string(), dtype: z.string(), shape: z.array(count) })).min(1),
  shards: z.array(
    z.object({
      key: z.string(),
      rows: count,
      bytes: count,
      header: count,
      etag: z.string().min(1),
      offsets: z.array(count).optional(),
      crc32: z
        .string()
        .regex(/^[0-9a-f]{8}$/)
        .optional(),
    }),
  ),
  recordBytes: count.min(1).optional(),
  // z.record would drop a name such as __proto__.
  metadata: z.custom<Record<string, string>>(isStringMap, 'expected an object of strings').optional(),
  shuffle: z
    .object({
      layout: z.string().regex(/^[0-9a-f]{64}$/),
      seed: z.string().min(1),
      blockRows: count.min(1),
      outputShardRows: count.min(1),
      digest: z.string().regex(/^[0-9a-f]{32}$/),
      split: z.object({ heldOut: z.number(), part: z.enum(['training', 'held-out']) }).optional(),
    })
    .optional(),
});

/** Where the dataset.json of a dataset is. */
export function datasetLocation(place: Prefix): ObjectLocation {
  return { bucket: place.bucket, key: `${place.prefix}dataset.json` };
}

/**
 * Parses and checks the text of a dataset.json. Fields that riffle does not know are ignored.
 * @param where what is read, for messages: the object's URI
 * @throws DatasetInvalid for text that is not JSON, another version, wrong types, or contents that contradict each other
 */
export function parseDataset(text: string, where: string): Dataset {
  let value: unknown;
  try {
    value = parseBoundedJson(text, datasetLimits);
  } catch (error) {
    throw invalid(where, `it is not JSON (${(error as Error).message})`, error);
  }
  return checkDataset(value, where);
}

/** Checks what the JSON of a dataset.json says. @throws DatasetInvalid as `parseDataset` */
export function checkDataset(value: unknown, where: string): Dataset {
  const fault = (what: string): DatasetInvalid => invalid(where, what);
  const format: unknown = member(value, 'format');
  if (typeof format !== 'string') throw fault(`it has no "format", so it is not a riffle dataset`);
  if (format !== datasetFormat)
    throw fault(`its format is ${quoted(format)}, and this riffle reads "${datasetFormat}"`);

  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = issue?.path ?? [];
    const found = path.reduce<unknown>((inner, name) => member(inner, name), value);
    throw fault(`${fieldName(path)} is ${show(found)} (${issue?.message ?? 'invalid'})`);
  }
  const contradiction = datasetFault(parsed.data);
  if (contradiction) throw fault(contradiction);
  return parsed.data;
}

function invalid(where: string, what: string, cause?: unknown): DatasetInvalid {
  return new DatasetInvalid(
    `${where} cannot be used: ${what}. Restore the right file, or delete it and describe the shards anew ` +
      '(riffle describe s3://... --write).',
    { where },
    { cause },
  );
}

/**
 * Reads and checks the dataset.json under a prefix.
 * @throws DatasetMissing when there is none; ShuffleUnfinished when a shuffle will write it; DatasetInvalid; what the store throws
 */
export async function readDataset(store: ObjectStore, place: Prefix, options?: CallOptions): Promise<Dataset> {
  const where = `${formatPrefix(place)}/dataset.json`;
  const found = await readDatasetText(store, place, options);
  if (found === undefined) {
    await checkFinished(store, place, options);
    throw new DatasetMissing(
      `${where} does not exist, so this is not a dataset (yet). If its shard files are there and complete, run: ` +
        `riffle describe ${formatPrefix(place)} --write`,
      { where },
    );
  }
  return parseDataset(found, where);
}

/** The text of the dataset.json under a prefix, unchecked, or undefined when there is none. @throws DatasetInvalid */
export async function readDatasetText(
  store: ObjectStore,
  place: Prefix,
  options?: CallOptions,
): Promise<string | undefined> {
  const where = `${formatPrefix(place)}/dataset.json`;
  try {
    const found = await store.readWhole(datasetLocation(place), maxDatasetBytes, options);
    return found && new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(found.data);
  } catch (error) {
    if (error instanceof ObjectConflict) {
      throw new DatasetInvalid(
        `${where} is larger than ${maxDatasetBytes} bytes: describe fewer, larger shards.`,
        { where },
        { cause: error },
      );
    }
    if (error instanceof TypeError) {
      throw new DatasetInvalid(
        `${where} is not UTF-8 text: restore the right file, or delete it and describe the shards anew.`,
        { where },
        { cause: error },
      );
    }
    throw error;
  }
}

function isStringMap(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(value).every(([name, entry]) => typeof entry === 'string' && !/\p{Surrogate}/u.test(name + entry))
  );
}

function member(value: unknown, name: PropertyKey): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<PropertyKey, unknown>)[name]
    : undefined;
}

function fieldName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the whole';
  return path.reduce<string>(
    (text, name) => text + (typeof name === 'number' ? `[${name}]` : `${text && '.'}${String(name)}`),
    '',
  );
}

function show(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
