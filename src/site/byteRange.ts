import type { ByteRange } from '../storage/objectStore.js';

/**
 * The part of a file that a Range header asks for (RFC 9110, 14.2).
 * @param bytes length of the file
 * @returns `whole` where the header is to be ignored: none, another unit, a wrong form, or several ranges, which riffle
 *   does not serve; `unsatisfiable` where the file has no such byte
 */
export function requestedRange(header: string | undefined, bytes: number): ByteRange | 'whole' | 'unsatisfiable' {
  const [, first, last] = /^bytes=[\t ]*(\d*)-(\d*)[\t ]*$/i.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return 'whole';
  if (first === '') {
    // The last so many bytes.
    const start = Math.max(0, bytes - Number(last));
    return start < bytes ? { start, end: bytes } : 'unsatisfiable';
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return 'whole';
  if (start >= bytes) return 'unsatisfiable';
  return { start, end: last === '' ? bytes : Math.min(bytes, Number(last) + 1) };
}

/** Whether one of the entity tags of an If-None-Match header is this one, by weak comparison. */
export function matchesTag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  const opaque = (tag: string): string => tag.trim().replace(/^W\//, '');
  return header.trim() === '*' || header.split(',').some((tag) => opaque(tag) === opaque(etag));
}
