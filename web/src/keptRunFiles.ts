import { StorageUnavailable } from '../../src/errors.js';
import { runFile } from '../../src/pages/run.js';
import type { RunFiles } from '../../src/pages/runFiles.js';

/** Larger pieces are not kept. */
const mostBytes = 16 * 1024 * 1024;

/** So many pieces are kept of a run; the oldest go first. */
const mostPieces = 2000;

/**
 * A run whose files are kept in this browser as they are read, and are taken from there while the server cannot be
 * reached. As long as it answers, its word counts.
 * @param cache of this run alone
 * @param tell is told whether the last answer was a kept one
 */
export function keptRunFiles(files: RunFiles, cache: Cache, tell: (kept: boolean) => void): RunFiles {
  async function served<T extends Uint8Array | undefined>(name: string, read: () => Promise<T>): Promise<T> {
    try {
      const bytes = await read();
      tell(false);
      // Reading goes on at once; a full disk must not disturb it.
      if (bytes) keep(cache, name, bytes).catch(() => undefined);
      return bytes;
    } catch (error) {
      // A server that answers with an error is there.
      if (!(error instanceof StorageUnavailable) || 'status' in error.fields) throw error;
      const kept = await cache.match(keyOf(name));
      if (!kept) throw error;
      tell(true);
      return new Uint8Array(await kept.arrayBuffer()) as T;
    }
  }
  return {
    read: (file, start, end, signal) => served(`${file}?${start}-${end}`, () => files.read(file, start, end, signal)),
    readWhole: (file, limit, signal) => served(file, () => files.readWhole(file, limit, signal)),
  };
}

async function keep(cache: Cache, name: string, bytes: Uint8Array): Promise<void> {
  if (bytes.length > mostBytes) return;
  const copy = bytes.slice();
  // Another run.json: what is kept belongs to a run that was here before.
  if (name === runFile && !(await holds(cache, name, copy))) {
    for (const key of await cache.keys()) await cache.delete(key);
  }
  const keys = await cache.keys();
  for (const oldest of keys.slice(0, Math.max(0, keys.length - mostPieces + 1))) await cache.delete(oldest);
  await cache.put(keyOf(name), new Response(copy));
}

async function holds(cache: Cache, name: string, bytes: Uint8Array): Promise<boolean> {
  const kept = await cache.match(keyOf(name));
  if (!kept) return false;
  const known = new Uint8Array(await kept.arrayBuffer());
  return known.length === bytes.length && known.every((byte, n) => byte === bytes[n]);
}

/** Ranges are kept one by one, which the cache does not do by itself: no answer of status 206 may enter it. */
function keyOf(name: string): string {
  return new URL(`kept/${name}`, location.href.replace(/#.*/s, '')).href;
}
