import { randomFillSync } from 'node:crypto';
import type { Dataset } from '../src/formats/dataset.js';
import { describe } from '../src/formats/describe.js';
import { writeDataset } from '../src/formats/writeDataset.js';
import type { S3Store } from '../src/storage/s3.js';
import type { Prefix } from '../src/storage/uri.js';

export interface DatasetSize {
  readonly rows: number;
  readonly recordBytes: number;
  /** Bytes of an input shard. */
  readonly shardBytes: number;
}

/** Raw shards of random bytes, and their dataset.json. */
export async function makeDataset(
  store: S3Store,
  place: Prefix,
  { rows, recordBytes, shardBytes }: DatasetSize,
): Promise<Dataset> {
  const shardRows = Math.floor(shardBytes / recordBytes);
  const data = Buffer.alloc(Math.min(shardRows, rows) * recordBytes);
  for (let first = 0, shard = 0; first < rows; first += shardRows, shard++) {
    const bytes = data.subarray(0, Math.min(shardRows, rows - first) * recordBytes);
    randomFillSync(bytes);
    const key = `${place.prefix}${String(shard).padStart(5, '0')}.bin`;
    await store.put({ bucket: place.bucket, key }, [bytes]);
  }
  const { dataset } = await describe(store, place, { encoding: 'raw', recordBytes });
  await writeDataset(store, place, dataset);
  return dataset;
}

/** Deletes all objects below some prefixes. */
export async function removeAll(store: S3Store, bucket: string, prefixes: readonly string[]): Promise<void> {
  const keys = [];
  for (const prefix of prefixes) for await (const { key } of store.list(bucket, prefix)) keys.push(key);
  if (keys.length > 0) await store.delete(bucket, keys);
}
