import { DatasetInvalid, InvalidInput } from '../errors.js';
import type { Dataset, Shard } from '../formats/dataset.js';
import { readDatasetText, parseDataset } from '../formats/readDataset.js';
import { heldOutPrefix } from '../formats/unfinished.js';
import type { CallOptions, ObjectStore } from '../storage/objectStore.js';
import { formatPrefix } from '../storage/uri.js';
import type { Prefix } from '../storage/uri.js';

/** Cuts an output in two: the last output shards are held out, the others are for training. */
export interface Split {
  /** Share of the output shards that is held out, between 0 and 1. */
  readonly heldOut: number;
}

/**
 * Output shards that are held out: ⌈heldOut · shards⌉, where the product counts as whole when it is so but for the
 * rounding of binary fractions (0.07 of 100 is 7, not 8).
 */
export function heldOutShards(shards: number, split: Split | undefined): number {
  return split ? Math.ceil(split.heldOut * shards * (1 - 2 ** -50)) : 0;
}

/** A split must leave something to train on. @throws InvalidInput */
export function checkSplit(shards: number, split: Split | undefined): void {
  const count = heldOutShards(shards, split);
  if (count < shards) return;
  throw new InvalidInput(
    `split.heldOut is ${split?.heldOut}: that holds out ${count} of ${shards} output shards and leaves none for ` +
      'training. Hold out less, or ask for smaller output shards (outputShardRows).',
    { fields: ['split.heldOut'] },
  );
}

/**
 * The two datasets of a split output.
 * @param whole all shards in order, with keys relative to the output prefix
 * @returns with keys relative to their own prefixes; each says in its record which part it is
 */
export function splitDataset(whole: Dataset, { heldOut }: Split): { training: Dataset; heldOut: Dataset } {
  const isHeldOut = ({ key }: Shard): boolean => key.startsWith(heldOutPrefix);
  const part = (name: 'training' | 'held-out', shards: readonly Shard[]): Dataset => ({
    ...whole,
    rows: rowsOf(shards),
    shards,
    shuffle: { ...whole.shuffle!, split: { heldOut, part: name } },
  });
  const held = whole.shards
    .filter(isHeldOut)
    .map((shard) => ({ ...shard, key: shard.key.slice(heldOutPrefix.length) }));
  return {
    training: part(
      'training',
      whole.shards.filter((shard) => !isHeldOut(shard)),
    ),
    heldOut: part('held-out', held),
  };
}

/**
 * The dataset at a prefix together with what was held out of it, if it is the training part of a split output: the
 * records of the whole shuffle, in its order, with keys relative to the prefix.
 * @throws DatasetInvalid when the held-out part is gone or another one
 */
export async function withHeldOut(
  store: ObjectStore,
  place: Prefix,
  dataset: Dataset,
  options?: CallOptions,
): Promise<Dataset> {
  if (dataset.shuffle?.split?.part !== 'training') return dataset;
  const held = { bucket: place.bucket, prefix: place.prefix + heldOutPrefix };
  const where = `${formatPrefix(held)}/dataset.json`;
  const text = await readDatasetText(store, held, options);
  const other = text === undefined ? undefined : parseDataset(text, where);
  if (other?.shuffle?.layout !== dataset.shuffle.layout || other.shuffle.split?.part !== 'held-out') {
    throw new DatasetInvalid(
      `${formatPrefix(place)} is the training part of a split output, but ${where} is ` +
        `${other ? 'not the held-out part of the same shuffle' : 'gone'}. Restore it; or delete ` +
        `${formatPrefix(place)}/dataset.json and what replaced it, and start the shuffle again: it writes what is missing.`,
      { where },
    );
  }
  const shards = [...dataset.shards, ...other.shards.map((shard) => ({ ...shard, key: heldOutPrefix + shard.key }))];
  return { ...dataset, rows: rowsOf(shards), shards };
}

export function rowsOf(shards: readonly Shard[]): number {
  return shards.reduce((sum, { rows }) => sum + rows, 0);
}
