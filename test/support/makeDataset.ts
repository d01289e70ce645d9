import { createHash } from 'node:crypto';
import type { Column, Dataset, Encoding } from '../../src/formats/dataset.js';
import { describe } from '../../src/formats/describe.js';
import { codecOf, columnBytes } from '../../src/formats/encoding.js';
import { writeDataset } from '../../src/formats/writeDataset.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import type { TestBucket } from './testBucket.js';

/** Bytes of one record. */
export const recordWidth = 20;

const columnsOf: Readonly<Record<Encoding, readonly Column[]>> = {
  safetensors: [
    { name: 'token', dtype: 'I32', shape: [] },
    { name: 'activations', dtype: 'F16', shape: [8] },
  ],
  npy: [{ name: 'data', dtype: 'F32', shape: [5] }],
  raw: [{ name: 'data', dtype: 'U8', shape: [recordWidth] }],
};

/** A shuffle of the default dataset with one scatter pass: 3 tasks, then 3 tasks that write a shard each. */
export const smallCut = { seed: 'tests', blockRows: 25, outputShardRows: 100, memory: '4KiB', minSegment: 1 };

export interface DatasetOptions {
  readonly rows?: number;
  /** Rows of a shard; the last may have fewer. */
  readonly shardRows?: number;
  readonly encoding?: Encoding;
  /** The records, each named by a text; by default all different. */
  readonly record?: (row: number) => string;
  /** Without a dataset.json. */
  readonly bare?: boolean;
}

export interface MadeDataset {
  readonly place: Prefix;
  readonly uri: string;
  readonly dataset: Dataset;
  /** The input of a shuffle of it to a fresh prefix. */
  readonly input: { readonly input: string; readonly output: string } & typeof smallCut;
  readonly output: Prefix;
}

/** Writes a small dataset of real shard files, 300 records in 3 shards, to a prefix of its own. */
export async function makeDataset(bucket: TestBucket, options: DatasetOptions = {}): Promise<MadeDataset> {
  const { rows = 300, shardRows = 100, encoding = 'safetensors' } = options;
  const place = bucket.newPlace();
  const codec = codecOf({ encoding, recordBytes: encoding === 'raw' ? recordWidth : undefined });
  for (let first = 0; first < rows; first += shardRows) {
    const key = `${place.prefix}${String(first / shardRows).padStart(5, '0')}${codec.extension}`;
    const file = shardFile(encoding, first, Math.min(shardRows, rows - first), options.record);
    await bucket.store.put({ bucket: place.bucket, key }, [file]);
  }
  const recordBytes = encoding === 'raw' ? recordWidth : undefined;
  const { dataset } = await describe(bucket.store, place, { encoding, recordBytes });
  if (!options.bare) await writeDataset(bucket.store, place, dataset);
  const output = bucket.newPlace();
  const uri = formatPrefix(place);
  return { place, uri, dataset, output, input: { input: uri, output: formatPrefix(output), ...smallCut } };
}

/** A shard file with the records [first, first + rows). */
export function shardFile(
  encoding: Encoding,
  first: number,
  rows: number,
  record: (row: number) => string = (row) => `record ${row}`,
): Buffer {
  const columns = columnsOf[encoding];
  const codec = codecOf({ encoding, recordBytes: encoding === 'raw' ? recordWidth : undefined });
  const records = Array.from({ length: rows }, (_, row) =>
    createHash('sha256')
      .update(record(first + row))
      .digest()
      .subarray(0, recordWidth),
  );
  let at = 0;
  const parts = columns.flatMap((column) => {
    const start = at;
    at += columnBytes(column);
    return records.map((bytes) => bytes.subarray(start, start + columnBytes(column)));
  });
  return Buffer.concat([codec.encodeHeader(columns, rows), ...parts]);
}

/** ETags of all objects below a prefix, by relative key. */
export async function objectsBelow(bucket: TestBucket, place: Prefix): Promise<Record<string, string>> {
  const etags: Record<string, string> = {};
  for await (const { key, etag } of bucket.store.list(place.bucket, place.prefix)) {
    etags[key.slice(place.prefix.length)] = etag;
  }
  return etags;
}

/** The output without what riffle keeps for itself: what two runs of one layout must have in common. */
export async function outputBelow(bucket: TestBucket, place: Prefix): Promise<Record<string, string>> {
  const all = Object.entries(await objectsBelow(bucket, place));
  return Object.fromEntries(all.filter(([key]) => !key.startsWith('_riffle/')));
}

/** Replaces an object by what `change` makes of its bytes. */
export async function alter(
  bucket: TestBucket,
  place: Prefix,
  key: string,
  change: (bytes: Buffer) => Uint8Array,
): Promise<void> {
  const object = { bucket: place.bucket, key: place.prefix + key };
  const found = await bucket.store.readWhole(object, 2 ** 24);
  if (!found) throw new Error(`There is no ${object.key}`);
  await bucket.store.put(object, [change(Buffer.from(found.data))]);
}

/** Replaces a JSON object by what `change` makes of it; `change` may write into its argument. */
export function alterJson(
  bucket: TestBucket,
  place: Prefix,
  key: string,
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests break files in ways that no type allows
  change: (value: any) => unknown,
): Promise<void> {
  return alter(bucket, place, key, (bytes) => {
    const value: unknown = JSON.parse(bytes.toString());
    return Buffer.from(JSON.stringify(change(value) ?? value));
  });
}
