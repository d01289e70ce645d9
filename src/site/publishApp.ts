import { ObjectConflict } from '../errors.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { formatObject, type Prefix } from '../storage/uri.js';
import { type App, hasDigest, indexFile } from './app.js';

/** No file of the app is longer. */
const maxAppFileBytes = 16 * 1024 * 1024;

/**
 * Puts the app into a run's prefix, index.html last: whoever finds it finds all files. Nothing is ever overwritten; where
 * another version of riffle has put its app, that stays. May be repeated.
 * @throws ObjectConflict where something else stands in the way
 */
export async function publishApp(store: ObjectStore, place: Prefix, app: App, signal: AbortSignal): Promise<void> {
  const others = [...app.keys()].filter((name) => name !== indexFile);
  for (const name of [...others, indexFile]) {
    const { bytes, contentType, cacheControl } = app.get(name)!;
    const object = { bucket: place.bucket, key: place.prefix + name };
    signal.throwIfAborted();
    const outcome = await store.putIfAbsent(object, [bytes], { signal, contentType, cacheControl });
    if (outcome.created) continue;
    const there = await store.readWhole(object, maxAppFileBytes, { signal });
    if (there === undefined || isOurs(name, Buffer.from(there.data), bytes)) continue;
    throw new ObjectConflict(
      `${formatObject(object)} is not riffle's, and stands where a file of the feature browser goes. Move it away and ` +
        'start again: finished work is kept. It was not touched.',
      { ...object },
    );
  }
}

/** Names without a digest are the same in all versions; their files all name riffle. */
function isOurs(name: string, there: Buffer, ours: Uint8Array): boolean {
  return there.equals(ours) || (!hasDigest(name) && there.includes('riffle'));
}
