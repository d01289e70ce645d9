import { crc32 } from '@node-rs/crc32';
import { canonicalJson } from '../json.js';
import type { Json } from '../json.js';

type Fields = { [name: string]: Json };

/** JSON with the CRC-32 of its canonical form without that field. */
export function encodeChecked(value: object): Uint8Array {
  // What JSON leaves out, such as undefined fields, must not count for the CRC.
  const fields = JSON.parse(JSON.stringify(value)) as Fields;
  return Buffer.from(`${canonicalJson({ ...fields, crc32: crcOf(fields) })}\n`);
}

/** The value, or undefined when the bytes are not as `encodeChecked` wrote them. */
export function decodeChecked<T>(data: Uint8Array): T | undefined {
  try {
    const { crc32: stored, ...value } = JSON.parse(Buffer.from(data).toString('utf8')) as Fields;
    return stored === crcOf(value) ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

function crcOf(value: Fields): string {
  return crc32(canonicalJson(value)).toString(16).padStart(8, '0');
}
