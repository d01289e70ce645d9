/**
 * The 128-bit multiset digest of records: the sum, modulo 2^128, of a hash of every record. A sum notices a lost, doubled
 * or altered record wherever it stands; an exclusive or would not notice pairs of equal records.
 *
 * The hash, XXH3_128bits (assembly/xxh3.ts), protects against faults, not against people who craft records.
 * @returns 32 hex digits, most significant first
 */
export function digestOf(sum: bigint): string {
  return BigInt.asUintN(128, sum).toString(16).padStart(32, '0');
}
