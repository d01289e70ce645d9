import { createHash } from 'node:crypto';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json | undefined };

/**
 * JSON with sorted object keys and no white space, so that equal values have equal bytes (as RFC 8785 for the values
 * that riffle writes: no numbers but finite ones, which ECMAScript prints in the RFC's form).
 */
export function canonicalJson(value: Json): string {
  return JSON.stringify(value, (_key, entry: unknown) =>
    entry !== null && typeof entry === 'object' && !Array.isArray(entry)
      ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : entry,
  );
}

/** SHA-256 of the canonical JSON, in hex. */
export function jsonDigest(value: Json): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}
