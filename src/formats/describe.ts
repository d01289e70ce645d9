import { DatasetInvalid, InvalidInput, ShardInvalid, ShardsMissing } from '../errors.js';
import type { CallOptions, ListedObject, ObjectStore } from '../storage/objectStore.js';
import { checkFinished } from './unfinished.js';
import { formatPrefix, relativeKeyFault, type Prefix } from '../storage/uri.js';
import { packedOffsets } from './columns.js';
import { forEachConcurrently } from '../concurrently.js';
import { datasetFormat, type Column, type Dataset, type Encoding, type Shard } from './dataset.js';
import { datasetFault } from './datasetRules.js';
import { codecOf, type Codec } from './encoding.js';
import { readShardHeader } from './readShardHeader.js';
import { arrangeColumns, quoted, type ShardHeader } from './shardHeader.js';

/** Headers read at a time. */
const concurrency = 64;

export interface DescribeOptions extends CallOptions {
  /** Which files are shards; found by their names when absent (safetensors or npy, never raw). */
  readonly encoding?: Encoding | undefined;
  /** Bytes of one record; for `raw`, and only there. */
  readonly recordBytes?: number | undefined;
  /** Called after each shard. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
}

export interface Description {
  readonly dataset: Dataset;
  /** Objects directly under the prefix that are no shards; dataset.json is not counted. */
  readonly ignored: number;
  /** The first two shards that follow each other though their names count the other way: 10 stands before 2. */
  readonly misordered?: readonly [string, string] | undefined;
}

/**
 * Finds the shards directly under a prefix, in byte order of their keys, reads their headers and checks that they
 * agree. Columns are listed in the order of the first shard's file. Metadata of the files is kept where all shards
 * have the same pair.
 * @throws ShuffleUnfinished; ShardsMissing; InvalidInput for options that do not fit or a mixture of encodings; ShardInvalid for a shard
 *   that cannot be used or differs from the first; DatasetInvalid for zero rows; ObjectChanged; what the store throws
 */
export async function describe(store: ObjectStore, place: Prefix, options: DescribeOptions = {}): Promise<Description> {
  const { recordBytes } = options;
  // Options that do not fit are refused before anything is listed.
  codecOf({ encoding: options.encoding ?? 'safetensors', recordBytes });
  await checkFinished(store, place, options);
  const { objects, ignored, encoding } = await findShards(store, place, options);
  const codec = codecOf({ encoding, recordBytes });
  const { columns, shards, metadata } = await readShards(store, place, codec, objects, options);
  const dataset: Dataset = {
    format: datasetFormat,
    rows: shards.reduce((sum, shard) => sum + shard.rows, 0),
    encoding,
    columns,
    shards,
    ...(recordBytes === undefined ? {} : { recordBytes }),
    // Not assigned one by one: a pair named __proto__ must become a pair.
    ...(metadata.size > 0 ? { metadata: Object.fromEntries(metadata) } : {}),
  };
  const fault = datasetFault(dataset);
  if (fault) {
    throw new DatasetInvalid(`The shards under ${formatPrefix(place)} are no dataset: ${fault}.`, {
      where: formatPrefix(place),
    });
  }
  return { dataset, ignored, misordered: misorderedShards(shards) };
}

/** What people should know of shards whose names count another way than their rows. */
export function orderWarning([before, after]: readonly [string, string]): string {
  return (
    `Rows follow the byte order of the keys: ${before} comes before ${after}. Where that is not the order of the text, or ` +
    'of another dataset of the same rows, write the numbers with leading zeros.'
  );
}

/** Rows follow the byte order of keys, and numbers without leading zeros do not. */
export function misorderedShards(shards: readonly Shard[]): [string, string] | undefined {
  for (const [index, { key }] of shards.entries()) {
    const before = shards[index - 1]?.key ?? key;
    if (before.replace(/\d+/g, '#') !== key.replace(/\d+/g, '#')) continue;
    const numbers = key.match(/\d+/g) ?? [];
    const [first] = (before.match(/\d+/g) ?? []).flatMap((text, at) => {
      const difference = Number(text) - Number(numbers[at]);
      return difference === 0 ? [] : [difference];
    });
    if (first !== undefined && first > 0) return [before, key];
  }
  return undefined;
}

async function findShards(
  store: ObjectStore,
  place: Prefix,
  options: DescribeOptions,
): Promise<{ objects: ListedObject[]; ignored: number; encoding: Encoding }> {
  const found: Record<Encoding, ListedObject[]> = { safetensors: [], npy: [], raw: [] };
  let others = 0;
  for await (const object of store.list(place.bucket, place.prefix, { delimiter: '/', signal: options.signal })) {
    const name = object.key.slice(place.prefix.length);
    const encoding = encodingOf(name);
    if (encoding) found[encoding].push(object);
    // An empty name is the marker that some tools make for a folder.
    else if (name !== '' && name !== 'dataset.json') others++;
  }
  const encoding = options.encoding ?? onlyEncoding(place, found);
  const objects = found[encoding];
  const total = found.safetensors.length + found.npy.length + found.raw.length + others;
  if (objects.length === 0) throw noShards(place, encoding, options, total, found.raw.length);
  // S3 lists in this order, but not every kind of bucket does.
  objects.sort((a, b) => (a.key === b.key ? 0 : Buffer.compare(Buffer.from(a.key), Buffer.from(b.key))));
  return { objects, ignored: total - objects.length, encoding };
}

function encodingOf(name: string): Encoding | undefined {
  if (name.endsWith('.safetensors')) return 'safetensors';
  if (name.endsWith('.npy')) return 'npy';
  return name.endsWith('.bin') ? 'raw' : undefined;
}

function onlyEncoding(place: Prefix, found: Readonly<Record<Encoding, readonly ListedObject[]>>): Encoding {
  if (found.npy.length === 0) return 'safetensors';
  if (found.safetensors.length === 0) return 'npy';
  throw new InvalidInput(
    `${formatPrefix(place)} mixes ${found.safetensors.length} .safetensors and ${found.npy.length} .npy files (for ` +
      `example ${quoted(found.safetensors[0]?.key)} and ${quoted(found.npy[0]?.key)}), and a dataset has one encoding. ` +
      'Move one kind to another prefix, or choose with --encoding safetensors or --encoding npy.',
    { where: formatPrefix(place) },
  );
}

function noShards(
  place: Prefix,
  encoding: Encoding,
  options: DescribeOptions,
  ignored: number,
  binaries: number,
): ShardsMissing {
  const wanted = options.encoding ? codecOf({ ...options, encoding }).extension : '.safetensors or .npy';
  const hint =
    binaries > 0 && encoding !== 'raw'
      ? `There are ${binaries} .bin files: for fixed-size records pass --encoding raw --record-bytes N.`
      : 'Check the prefix: shards in deeper folders are datasets of their own.';
  return new ShardsMissing(
    `No object directly under ${formatPrefix(place)} ends in ${wanted} (${ignored} others were ignored). ${hint}`,
    { where: formatPrefix(place), ignored },
  );
}

async function readShards(
  store: ObjectStore,
  place: Prefix,
  codec: Codec,
  objects: readonly ListedObject[],
  { signal, onProgress }: DescribeOptions,
): Promise<{ columns: readonly Column[]; shards: Shard[]; metadata: Map<string, string> }> {
  const read = (object: ListedObject, abort: AbortSignal | undefined): Promise<ShardHeader> => {
    const fault = relativeKeyFault(object.key.slice(place.prefix.length));
    if (fault)
      throw new ShardInvalid(`The key ${quoted(object.key)} ${fault}: rename the object.`, { key: object.key });
    return readShardHeader(store, codec, { bucket: place.bucket, key: object.key }, object, { signal: abort });
  };
  const [first] = objects;
  if (!first) throw new RangeError('No shards to read');
  // The first shard alone comes first, so that no other header needs to be kept.
  const { columns, metadata } = await read(first, signal);
  const common = new Map(metadata);
  const shards = new Array<Shard>(objects.length);
  let done = 0;
  await forEachConcurrently(objects.entries(), concurrency, signal, async ([index, object], abort) => {
    const header = await read(object, abort);
    shards[index] = describeShard(place, columns, object, header, first.key);
    for (const [name, value] of common) if (header.metadata.get(name) !== value) common.delete(name);
    onProgress?.({ done: ++done, total: objects.length });
  });
  return { columns, shards, metadata: common };
}

function describeShard(
  place: Prefix,
  columns: readonly Column[],
  object: ListedObject,
  { rows, header, ...contents }: ShardHeader,
  firstKey: string,
): Shard {
  const arranged = arrangeColumns(columns, { rows, header, ...contents });
  if ('fault' in arranged) {
    throw new ShardInvalid(
      `Shard s3://${place.bucket}/${object.key} differs from the first, ${quoted(firstKey)}: ${arranged.fault}. All ` +
        'shards of a dataset have the same columns: move the one that does not belong here to another prefix.',
      { shard: `s3://${place.bucket}/${object.key}`, first: `s3://${place.bucket}/${firstKey}` },
    );
  }
  const shard = { key: object.key.slice(place.prefix.length), rows, bytes: object.bytes, header, etag: object.etag };
  const packed = rows === 0 || String(arranged.offsets) === String(packedOffsets(columns, rows));
  return packed ? shard : { ...shard, offsets: arranged.offsets };
}
