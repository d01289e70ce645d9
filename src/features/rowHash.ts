import { createHash } from 'node:crypto';
import { bindKernels } from '../memory/kernels.js';
import { sortedIndexes } from './indexes.js';
import type { Kernels } from '../memory/kernels.js';

/** The 64-bit seed of the row hash: the first 8 bytes of SHA-256 of `riffle-visualize/1`, a zero byte and the seed in UTF-8. */
export function hashSeed(seed: string): bigint {
  return createHash('sha256').update('riffle-visualize/1\0').update(seed, 'utf8').digest().readBigUInt64LE();
}

/** Rows that are hashed by one call. */
const batchRows = 4096;

/**
 * Puts rows into the random order in which examples are drawn: by a 64-bit hash of (seed, feature, row), then by row.
 * docs/formats.md specifies the hash.
 */
export class RowHash {
  private readonly kernels: Kernels;
  private readonly address: number;
  /** Rows, then their hashes: low and high halves in turn. */
  private readonly words: Uint32Array;

  /** @param seed as `hashSeed` gives it */
  constructor(readonly seed: bigint) {
    const memory = new WebAssembly.Memory({ initial: 2 });
    this.kernels = bindKernels(memory);
    this.address = this.kernels.firstFree();
    this.words = new Uint32Array(memory.buffer, this.address, 2 * batchRows);
  }

  /** Hashes of rows (below 2^53) of a feature. */
  hashes(feature: number, rows: Float64Array): { readonly low: Uint32Array; readonly high: Uint32Array } {
    const low = new Uint32Array(rows.length);
    const high = new Uint32Array(rows.length);
    for (let from = 0; from < rows.length; from += batchRows) {
      const count = Math.min(batchRows, rows.length - from);
      for (let i = 0; i < count; i++) {
        const row = rows[from + i]!;
        this.words[2 * i] = row;
        this.words[2 * i + 1] = row / 2 ** 32;
      }
      this.kernels.hashRows(feature, this.address, count, this.seed);
      for (let i = 0; i < count; i++) {
        low[from + i] = this.words[2 * i]!;
        high[from + i] = this.words[2 * i + 1]!;
      }
    }
    return { low, high };
  }

  /** Indexes of ascending rows in the order of their hashes. */
  order(feature: number, rows: Float64Array): Uint32Array {
    const { low, high } = this.hashes(feature, rows);
    return sortedIndexes(low, high);
  }
}
