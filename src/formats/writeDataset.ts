import { DatasetConflict, DatasetInvalid, StorageUnavailable } from '../errors.js';
import { canonicalJson, type Json } from '../json.js';
import { partBytes, type CallOptions, type ObjectStore } from '../storage/objectStore.js';
import { formatPrefix, type Prefix } from '../storage/uri.js';
import { parseBoundedJson } from './boundedJson.js';
import type { Column, Dataset, Shard } from './dataset.js';
import { datasetLimits, datasetLocation, maxDatasetBytes, readDatasetText } from './readDataset.js';
import { compareText } from './shardHeader.js';

/**
 * The text of dataset.json: a function of the dataset alone, one line per column and per shard, so that hundreds of
 * thousands of shards can be read, searched and compared line by line. Ends with a newline.
 */
export function formatDataset(dataset: Dataset): string {
  const members = [
    `"format": ${JSON.stringify(dataset.format)}`,
    `"rows": ${dataset.rows}`,
    `"encoding": ${JSON.stringify(dataset.encoding)}`,
  ];
  if (dataset.recordBytes !== undefined) members.push(`"recordBytes": ${dataset.recordBytes}`);
  members.push(`"columns": ${list(dataset.columns.map(columnLine))}`);
  members.push(`"shards": ${list(dataset.shards.map(shardLine))}`);
  if (dataset.metadata) {
    const entries = Object.entries(dataset.metadata).sort(([a], [b]) => compareText(a, b));
    const lines = entries.map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`);
    members.push(`"metadata": ${lines.length > 0 ? `{\n${lines.join(',\n')}\n  }` : '{}'}`);
  }
  if (dataset.shuffle) {
    const { layout, seed, blockRows, outputShardRows, digest } = dataset.shuffle;
    const split = dataset.shuffle.split && { heldOut: dataset.shuffle.split.heldOut, part: dataset.shuffle.split.part };
    members.push(`"shuffle": ${JSON.stringify({ layout, seed, blockRows, outputShardRows, digest, split })}`);
  }
  return `{\n${members.map((member) => `  ${member}`).join(',\n')}\n}\n`;
}

/**
 * Writes dataset.json where none is. The same content in its place (white space and the order of members aside) counts
 * as written.
 * @returns whether this call created it
 * @throws DatasetConflict when another one is there; DatasetInvalid when it would be too large to be read again
 */
export async function writeDataset(
  store: ObjectStore,
  place: Prefix,
  dataset: Dataset,
  options?: CallOptions,
): Promise<{ created: boolean }> {
  const where = `${formatPrefix(place)}/dataset.json`;
  const text = formatDataset(dataset);
  const bytes = Buffer.from(text);
  if (bytes.length > maxDatasetBytes) {
    throw new DatasetInvalid(
      `${where} would have ${bytes.length} bytes, more than ${maxDatasetBytes}: write fewer, larger shards.`,
      { where },
    );
  }
  const parts: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; start += partBytes) parts.push(bytes.subarray(start, start + partBytes));
  const outcome = await store.putIfAbsent(datasetLocation(place), parts, options);
  if (outcome.created) return { created: true };

  const existing = await readDatasetText(store, place, options);
  if (existing === undefined)
    throw new StorageUnavailable(`${where} was there and is gone: run the same again.`, { where });
  if (existing === text) return { created: false };
  const difference = firstDifference(parseLoosely(existing), JSON.parse(text) as Json);
  if (difference === undefined) return { created: false };
  throw new DatasetConflict(
    `${where} exists and says otherwise: ${difference}. If the files changed on purpose, delete it and run the same ` +
      'again (outputs made from the old files stay outputs of the old files); if not, restore the files.',
    { where },
  );
}

function columnLine({ name, dtype, shape }: Column): string {
  return JSON.stringify({ name, dtype, shape });
}

function shardLine({ key, rows, bytes, header, etag, offsets, crc32 }: Shard): string {
  return JSON.stringify({ key, rows, bytes, header, etag, offsets, crc32 });
}

function list(lines: readonly string[]): string {
  return lines.length > 0 ? `[\n${lines.map((line) => `    ${line}`).join(',\n')}\n  ]` : '[]';
}

function parseLoosely(text: string): Json | undefined {
  try {
    return parseBoundedJson(text, datasetLimits) as Json;
  } catch {
    return undefined;
  }
}

/** Says where two JSON values first differ, in the order of `wanted`; undefined when they are equal. */
function firstDifference(found: Json | undefined, wanted: Json | undefined, path = ''): string | undefined {
  if (!isContainer(found) || !isContainer(wanted) || Array.isArray(found) !== Array.isArray(wanted)) {
    const same = found !== undefined && wanted !== undefined && canonicalJson(found) === canonicalJson(wanted);
    return same ? undefined : `${path || 'its content'} is ${show(found)} there and ${show(wanted)} now`;
  }
  const [there, now] = [new Map(Object.entries(found)), new Map(Object.entries(wanted))];
  for (const name of new Set([...now.keys(), ...there.keys()])) {
    const step = Array.isArray(wanted) ? `${path}[${name}]` : `${path && `${path}.`}${name}`;
    if (there.get(name) === now.get(name)) continue;
    const difference = firstDifference(there.get(name), now.get(name), step);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function isContainer(
  value: Json | undefined,
): value is readonly Json[] | { readonly [name: string]: Json | undefined } {
  return typeof value === 'object' && value !== null;
}

function show(value: Json | undefined): string {
  const text = value === undefined ? 'absent' : canonicalJson(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
