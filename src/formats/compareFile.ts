import { createHash } from 'node:crypto';
import { partBytes, type ObjectLocation, type ObjectStore } from '../storage/objectStore.js';
import type { LocalFile } from './localFiles.js';

/** Bytes of a file read at a time. */
const pieceBytes = 4 * 1024 * 1024;

/**
 * Compares a local file with an object. Equal lengths and an ETag that is the MD5 of the file's content (or of its
 * parts, as riffle uploads them) settle it. ETags can be other things too, so a differing one settles nothing: then
 * the object is read, up to the first difference.
 */
export async function compareWithObject(
  store: ObjectStore,
  file: LocalFile,
  object: ObjectLocation,
  signal: AbortSignal,
): Promise<'missing' | 'same' | 'different'> {
  const head = await store.head(object, { signal });
  if (!head) return 'missing';
  if (head.bytes !== file.entry.bytes) return 'different';
  if (head.etag === (await md5Etag(file, signal))) return 'same';
  for (let start = 0; start < head.bytes; start += pieceBytes) {
    const end = Math.min(head.bytes, start + pieceBytes);
    const stored = Buffer.allocUnsafe(end - start);
    await store.readInto(object, { start, end }, stored, { signal, ifMatch: head.etag });
    if (!stored.equals(await file.read(start, end))) return 'different';
  }
  return 'same';
}

/** The ETag that S3 gives a plain upload of the file, quotes included. */
async function md5Etag(file: LocalFile, signal: AbortSignal): Promise<string> {
  const { bytes } = file.entry;
  const digests: Buffer[] = [];
  for (let start = 0; start < bytes || start === 0; start += partBytes) {
    const hash = createHash('md5');
    const partEnd = Math.min(bytes, start + partBytes);
    for (let at = start; at < partEnd; at += pieceBytes) {
      signal.throwIfAborted();
      hash.update(await file.read(at, Math.min(partEnd, at + pieceBytes)));
    }
    digests.push(hash.digest());
  }
  const [only, ...others] = digests;
  if (only && others.length === 0) return `"${only.toString('hex')}"`;
  return `"${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-${digests.length}"`;
}
