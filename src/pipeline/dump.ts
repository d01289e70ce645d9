import { DatasetInvalid, DatasetMissing } from '../errors.js';
import { checkDatasetAgainstFiles } from '../formats/checkDataset.js';
import type { Dataset } from '../formats/dataset.js';
import { describe, misorderedShards, orderWarning, type DescribeOptions } from '../formats/describe.js';
import { codecOf } from '../formats/encoding.js';
import { datasetLocation, readDataset } from '../formats/readDataset.js';
import { writeDataset } from '../formats/writeDataset.js';
import { jsonDigest, type Json } from '../json.js';
import type { CallOptions, ListedObject, ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import { formatPrefix, type Prefix } from '../storage/uri.js';

/** What a dump is, small enough for a workflow. */
export interface DumpSummary {
  /** SHA-256 of the canonical JSON of its dataset.json: it names every shard with its length and ETag. */
  readonly dataset: string;
  readonly rows: number;
  readonly shards: number;
  /** Bytes of all shards. */
  readonly bytes: number;
  /** For people. */
  readonly warnings: readonly string[];
}

/** Whether a dump may be read: it is a dataset already, or its writer has left the marker. */
export async function isComplete(
  store: ObjectStore,
  dump: Prefix,
  marker: ObjectLocation,
  options?: CallOptions,
): Promise<boolean> {
  return Boolean((await store.head(datasetLocation(dump), options)) ?? (await store.head(marker, options)));
}

/**
 * Makes a dump a dataset, or proves that it still is the one that its dataset.json describes: every shard is there with
 * its length and ETag, and there are no others.
 * @throws DatasetInvalid, ShardInvalid, ObjectChanged when files and dataset.json disagree; what `describe` throws
 */
export async function openDump(store: ObjectStore, dump: Prefix, options: DescribeOptions): Promise<DumpSummary> {
  const dataset = (await storedDataset(store, dump, options)) ?? (await describeDump(store, dump, options));
  const misordered = misorderedShards(dataset.shards);
  return {
    dataset: jsonDigest(dataset as unknown as Json),
    rows: dataset.rows,
    shards: dataset.shards.length,
    bytes: dataset.shards.reduce((sum, { bytes }) => sum + bytes, 0),
    warnings: misordered ? [orderWarning(misordered)] : [],
  };
}

async function describeDump(store: ObjectStore, dump: Prefix, options: DescribeOptions): Promise<Dataset> {
  const { dataset } = await describe(store, dump, options);
  await writeDataset(store, dump, dataset, options);
  return dataset;
}

async function storedDataset(store: ObjectStore, dump: Prefix, options: CallOptions): Promise<Dataset | undefined> {
  let dataset: Dataset;
  try {
    dataset = await readDataset(store, dump, options);
  } catch (error) {
    if (error instanceof DatasetMissing) return undefined;
    throw error;
  }
  await checkListing(store, dump, dataset, options);
  return dataset;
}

/** One LIST shows almost everything; only shards that it shows otherwise, or not, are looked at one by one. */
async function checkListing(store: ObjectStore, dump: Prefix, dataset: Dataset, options: CallOptions): Promise<void> {
  const { extension } = codecOf(dataset);
  const listed = new Map<string, ListedObject>();
  for await (const object of store.list(dump.bucket, dump.prefix, { delimiter: '/', signal: options.signal })) {
    listed.set(object.key.slice(dump.prefix.length), object);
  }
  const suspects = [...dataset.shards.entries()].flatMap(([index, { key, bytes, etag }]) => {
    const found = listed.get(key);
    listed.delete(key);
    return found?.bytes === bytes && found.etag === etag ? [] : [index];
  });
  await checkDatasetAgainstFiles(store, dump, dataset, suspects, options);
  const others = [...listed.keys()].filter((key) => key.endsWith(extension));
  if (others.length === 0) return;
  const where = `${formatPrefix(dump)}/dataset.json`;
  throw new DatasetInvalid(
    `${where} lists ${dataset.shards.length} shards, but ${others.length} more are under the prefix, first ` +
      `${JSON.stringify(others[0])}: it was written before the dump was complete, or files came later. If they do not ` +
      'belong to the dump, move them away; if they do, delete dataset.json, start again, and use other outputs.',
    { where, keys: others.slice(0, 10) },
  );
}
