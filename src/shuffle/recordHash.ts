import { Slab } from '../memory/slab.js';
import type { WorkMemory } from '../memory/workMemory.js';
import type { Pause } from './recordTarget.js';

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

/** Bytes of records that are hashed between two pauses: a few milliseconds. */
const bytesPerPause = 8 * 1024 * 1024;

/**
 * Sum of the hashes of `count` records of `width` bytes that stand one after the other in a slab, from `position` on.
 * @param scratch address of `width` bytes
 */
export async function sumHashes(
  memory: WorkMemory,
  slab: Slab,
  position: number,
  count: number,
  width: number,
  scratch: number,
  pause: Pause,
): Promise<bigint> {
  const most = Math.max(1, Math.floor(bytesPerPause / Math.max(1, width)));
  let sum = 0n;
  for (const run of slab.recordRuns(position, count, width, most, scratch)) {
    sum += memory.sumHashes(run.address, run.count, width);
    if (run.count === most) await pause();
  }
  return sum;
}
