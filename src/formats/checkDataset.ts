import { ObjectChanged, ShardInvalid } from '../errors.js';
import type { CallOptions, ObjectStore } from '../storage/objectStore.js';
import { formatPrefix, type Prefix } from '../storage/uri.js';
import { forEachConcurrently } from '../concurrently.js';
import type { Dataset, Shard } from './dataset.js';
import { codecOf, shardColumnOffsets, type Codec } from './encoding.js';
import { readShardHeader } from './readShardHeader.js';
import { arrangeColumns } from './shardHeader.js';

const concurrency = 64;

export interface CheckOptions extends CallOptions {
  /** Read the files' headers too, and compare what they say with dataset.json. */
  readonly headers?: boolean | undefined;
}

/**
 * Compares the shard files with what dataset.json says of them: length and ETag, by one HEAD each.
 * @param shardIndices which shards; all when absent
 * @throws ShardInvalid for a missing file, another length, or a header that contradicts dataset.json; ObjectChanged for
 *   another ETag
 */
export async function checkDatasetAgainstFiles(
  store: ObjectStore,
  place: Prefix,
  dataset: Dataset,
  shardIndices: Iterable<number> = dataset.shards.keys(),
  options: CheckOptions = {},
): Promise<void> {
  const codec = codecOf(dataset);
  await forEachConcurrently(shardIndices, concurrency, options.signal, async (index, signal) => {
    const shard = dataset.shards[index];
    if (!shard) throw new RangeError(`Shard ${index} of a dataset of ${dataset.shards.length}`);
    await checkLengthAndTag(store, place, shard, { signal });
    if (options.headers) await checkHeader(store, place, dataset, codec, shard, { signal });
  });
}

async function checkLengthAndTag(store: ObjectStore, place: Prefix, shard: Shard, options: CallOptions): Promise<void> {
  const head = await store.head({ bucket: place.bucket, key: place.prefix + shard.key }, options);
  if (!head) throw disagreement(place, shard, 'does not exist');
  if (head.bytes !== shard.bytes) {
    const kind = head.bytes < shard.bytes ? 'is truncated or another file' : 'is another file';
    throw disagreement(place, shard, `has ${head.bytes} bytes instead of ${shard.bytes}: it ${kind}`);
  }
  if (head.etag !== shard.etag) {
    throw new ObjectChanged(
      `Shard ${uri(place, shard)} changed after dataset.json was written: its ETag is ${head.etag} instead of ` +
        `${shard.etag}. ${remedy(place)}`,
      { shard: uri(place, shard), expected: shard.etag, found: head.etag },
    );
  }
}

async function checkHeader(
  store: ObjectStore,
  place: Prefix,
  dataset: Dataset,
  codec: Codec,
  shard: Shard,
  options: CallOptions,
): Promise<void> {
  const object = { bucket: place.bucket, key: place.prefix + shard.key };
  const header = await readShardHeader(store, codec, object, shard, options);
  if (header.rows !== shard.rows || header.header !== shard.header) {
    throw disagreement(
      place,
      shard,
      `has ${header.rows} rows after ${header.header} bytes of header instead of ${shard.rows} after ${shard.header}`,
    );
  }
  const arranged = arrangeColumns(dataset.columns, header);
  if ('fault' in arranged) throw disagreement(place, shard, `has other columns: ${arranged.fault}`);
  const expected = shardColumnOffsets(dataset, shard).map((offset) => offset - shard.header);
  if (shard.rows > 0 && String(arranged.offsets) !== String(expected)) {
    throw disagreement(
      place,
      shard,
      `has its columns at offsets ${arranged.offsets.join(', ')} instead of ${expected.join(', ')}`,
    );
  }
}

function disagreement(place: Prefix, shard: Shard, what: string): ShardInvalid {
  return new ShardInvalid(`Shard ${uri(place, shard)} does not agree with dataset.json: it ${what}. ${remedy(place)}`, {
    shard: uri(place, shard),
  });
}

function remedy(place: Prefix): string {
  return (
    'Restore the recorded bytes; or, if the change is meant, delete dataset.json, run ' +
    `riffle describe ${formatPrefix(place)} --write, and use another output prefix.`
  );
}

function uri(place: Prefix, shard: Shard): string {
  return `${formatPrefix(place)}/${shard.key}`;
}
