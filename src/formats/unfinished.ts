import { ShuffleUnfinished } from '../errors.js';
import { planKey } from '../runs/planLocation.js';
import type { CallOptions, ObjectStore } from '../storage/objectStore.js';
import { formatPrefix, type Prefix } from '../storage/uri.js';

/** Where a split output keeps the shards that are held out, relative to its prefix. */
export const heldOutPrefix = 'held-out/';

/**
 * Checks that a prefix is not the output of a shuffle that is not committed, nor the held-out part of such an output:
 * its shards must never be taken for a dataset.
 * @throws ShuffleUnfinished
 */
export async function checkFinished(store: ObjectStore, place: Prefix, options?: CallOptions): Promise<void> {
  await checkCommitted(store, place, options);
  if (!`/${place.prefix}`.endsWith(`/${heldOutPrefix}`)) return;
  await checkCommitted(store, { ...place, prefix: place.prefix.slice(0, -heldOutPrefix.length) }, options);
}

async function checkCommitted(store: ObjectStore, place: Prefix, options?: CallOptions): Promise<void> {
  const at = (key: string): { bucket: string; key: string } => ({ bucket: place.bucket, key: place.prefix + key });
  if (!(await store.head(at(planKey), options)) || (await store.head(at('dataset.json'), options))) return;
  throw new ShuffleUnfinished(
    `${formatPrefix(place)} is the output of a shuffle that has not finished: its shards are no dataset yet. Wait for ` +
      'the shuffle, or start it again with the same input: it does only what is missing.',
    { where: formatPrefix(place) },
  );
}
