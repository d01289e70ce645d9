/** Sum modulo 2^128 of digests in hex. */
export function sumDigests(digests: Iterable<string>): string {
  let sum = 0n;
  for (const digest of digests) sum += BigInt(`0x${digest}`);
  return BigInt.asUintN(128, sum).toString(16).padStart(32, '0');
}
