import { DatasetInvalid, DatasetsDiffer } from '../errors.js';
import { canonicalJson } from '../json.js';
import type { CallOptions, ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import { formatPrefix } from '../storage/uri.js';
import type { Prefix } from '../storage/uri.js';
import type { Dataset } from './dataset.js';
import { datasetFault } from './datasetRules.js';
import { readDataset } from './readDataset.js';

/** A dataset and where it lies. */
export interface PlacedDataset {
  readonly place: Prefix;
  readonly dataset: Dataset;
}

/** Reads the dataset.json of each prefix. @throws as `readDataset` */
export async function readDatasets(
  store: ObjectStore,
  places: readonly Prefix[],
  options?: CallOptions,
): Promise<PlacedDataset[]> {
  return Promise.all(places.map(async (place) => ({ place, dataset: await readDataset(store, place, options) })));
}

/**
 * Several datasets as one, in the given order: the one that a prefix with them as its folders 0, 1, 2 … would hold. So
 * the key of each shard begins with the number of its dataset, and says nothing of buckets and prefixes. Of the
 * metadata the pairs that all share are kept. One dataset alone stays as it is.
 * @throws DatasetsDiffer when encodings or columns differ, DatasetInvalid when the whole would be too large
 */
export function concatenate(members: readonly PlacedDataset[]): Dataset {
  const [first, ...others] = members;
  if (!first) throw new RangeError('No datasets to concatenate');
  if (others.length === 0) return first.dataset;
  for (const other of others) checkAlike(first, other);
  const { format, encoding, columns, recordBytes } = first.dataset;
  const metadata = sharedMetadata(members.map(({ dataset }) => dataset));
  const whole: Dataset = {
    format,
    rows: members.reduce((sum, { dataset }) => sum + dataset.rows, 0),
    encoding,
    columns,
    shards: members.flatMap(({ dataset }, index) =>
      dataset.shards.map((shard) => ({ ...shard, key: `${index}/${shard.key}` })),
    ),
    ...(recordBytes === undefined ? {} : { recordBytes }),
    ...(metadata.length > 0 ? { metadata: Object.fromEntries(metadata) } : {}),
  };
  const fault = datasetFault(whole);
  if (fault) {
    const named = members.map(({ place }) => formatPrefix(place)).join(', ');
    throw new DatasetInvalid(`${named} cannot be read as one dataset: ${fault}.`, { where: named });
  }
  return whole;
}

/**
 * Where a shard of a concatenation lies.
 * @param places of the datasets, in their order
 */
export function shardLocation(places: readonly Prefix[], key: string): ObjectLocation {
  const folder = places.length > 1 ? key.slice(0, key.indexOf('/') + 1) : '';
  const place = places[Number.parseInt(folder || '0', 10)];
  if (!place) throw new RangeError(`Shard ${key} of a concatenation of ${places.length} datasets`);
  return { bucket: place.bucket, key: place.prefix + key.slice(folder.length) };
}

function checkAlike(first: PlacedDataset, other: PlacedDataset): void {
  const difference = differenceOf(first.dataset, other.dataset);
  if (difference === undefined) return;
  const [there, here] = [formatPrefix(first.place), formatPrefix(other.place)];
  throw new DatasetsDiffer(
    `${there} and ${here} cannot be read as one dataset: ${difference}. Datasets of one list have the same encoding and ` +
      'the same columns in the same order; shuffle the others by themselves, or write them anew.',
    { datasets: [there, here], difference },
  );
}

/** The first thing in which records of two datasets differ, for people; undefined when they are alike. */
function differenceOf(first: Dataset, other: Dataset): string | undefined {
  if (first.encoding !== other.encoding) {
    return `the encoding is ${first.encoding} in the one and ${other.encoding} in the other`;
  }
  const shown = ({ columns }: Dataset, index: number): string =>
    columns[index] ? canonicalJson({ ...columns[index] }) : 'missing';
  for (let index = 0; index < Math.max(first.columns.length, other.columns.length); index++) {
    const [there, here] = [shown(first, index), shown(other, index)];
    if (there !== here) return `column ${index} is ${there} in the one and ${here} in the other`;
  }
  return undefined;
}

function sharedMetadata(datasets: readonly Dataset[]): [string, string][] {
  const [first, ...others] = datasets.map(({ metadata }) => new Map(Object.entries(metadata ?? {})));
  return [...first!].filter(([name, value]) => others.every((other) => other.get(name) === value));
}
