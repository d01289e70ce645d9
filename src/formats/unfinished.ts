import { ShuffleUnfinished } from '../errors.js';
import type { CallOptions, ObjectStore } from '../storage/objectStore.js';
import { formatPrefix, type Prefix } from '../storage/uri.js';

/** Key of a shuffle's plan, relative to its output prefix. */
export const planKey = '_riffle/plan.json';

/**
 * Checks that a prefix is not the output of a shuffle that is not committed: shards of such an output must never be
 * taken for a dataset.
 * @throws ShuffleUnfinished
 */
export async function checkFinished(store: ObjectStore, place: Prefix, options?: CallOptions): Promise<void> {
  const at = (key: string): { bucket: string; key: string } => ({ bucket: place.bucket, key: place.prefix + key });
  if (!(await store.head(at(planKey), options)) || (await store.head(at('dataset.json'), options))) return;
  throw new ShuffleUnfinished(
    `${formatPrefix(place)} is the output of a shuffle that has not finished: its shards are no dataset yet. Wait for ` +
      'the shuffle, or start it again with the same input: it does only what is missing.',
    { where: formatPrefix(place) },
  );
}
