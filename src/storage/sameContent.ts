import { crc32 } from 'node:zlib';
import type { ObjectLocation, ObjectStore } from './objectStore.js';
import type { PartedBuffer } from './partedBuffer.js';

const compareBytes = 16 * 1024 * 1024;

/**
 * Compares an object that stands in S3 with one in memory, by length and CRC-32 of what S3 returns.
 * @returns its ETag, or undefined when there is no such object or it differs
 */
export async function samePartedContent(
  store: ObjectStore,
  location: ObjectLocation,
  content: PartedBuffer,
  signal: AbortSignal,
): Promise<{ etag: string } | undefined> {
  const head = await store.head(location, { signal });
  if (head?.bytes !== content.length) return undefined;
  const buffer = new Uint8Array(Math.min(compareBytes, content.length));
  let crc = 0;
  for (let start = 0; start < content.length; start += compareBytes) {
    const end = Math.min(start + compareBytes, content.length);
    const bytes = buffer.subarray(0, end - start);
    await store.readInto(location, { start, end }, bytes, { ifMatch: head.etag, signal });
    crc = crc32(bytes, crc);
  }
  return crc === content.crc32() ? { etag: head.etag } : undefined;
}
