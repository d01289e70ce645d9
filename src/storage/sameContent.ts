import { crc32 } from '@node-rs/crc32';
import type { ObjectLocation, ObjectStore } from './objectStore.js';

const compareBytes = 16 * 1024 * 1024;

/**
 * Compares an object that stands in S3 with one in memory, by length and by the CRC-32 of what S3 returns.
 * @returns its ETag, or undefined when there is no such object or it differs
 */
export async function sameContent(
  store: ObjectStore,
  location: ObjectLocation,
  content: { readonly bytes: number; readonly crc32: number },
  signal: AbortSignal,
): Promise<{ etag: string } | undefined> {
  const head = await store.head(location, { signal });
  if (head?.bytes !== content.bytes) return undefined;
  const buffer = new Uint8Array(Math.min(compareBytes, content.bytes));
  let crc = 0;
  for (let start = 0; start < content.bytes; start += compareBytes) {
    const end = Math.min(start + compareBytes, content.bytes);
    const bytes = buffer.subarray(0, end - start);
    await store.readInto(location, { start, end }, bytes, { ifMatch: head.etag, signal });
    crc = crc32(bytes, crc);
  }
  return crc === content.crc32 ? { etag: head.etag } : undefined;
}
