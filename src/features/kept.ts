import { binOf, binsPerOctave } from './bins.js';
import { takeTokens } from './featureState.js';
import type { FiringTokens } from './featureState.js';
import { sortedIndexes } from './indexes.js';
import type { RowHash } from './rowHash.js';
import { separateOctaves } from './settings.js';
import type { ExampleSettings } from './settings.js';

/** The first tokens of an order (indexes), each of another key, at most so many. */
export function firstDistinct(order: Iterable<number>, { keys }: FiringTokens, most: number): number[] {
  const chosen: number[] = [];
  const used = new Set<number>();
  for (const index of order) {
    if (chosen.length >= most) break;
    const key = keys[index]!;
    if (used.has(key)) continue;
    used.add(key);
    chosen.push(index);
  }
  return chosen;
}

/** Indexes of tokens by activation, the highest first; equal ones by row. */
export function activationOrder({ activations }: FiringTokens): Uint32Array {
  // Bits of positive floats ascend as the floats do.
  const bits = new Uint32Array(activations.buffer, activations.byteOffset, activations.length);
  return sortedIndexes(bits.map((word) => ~word));
}

/**
 * Leaves, of the tokens of a feature, those that examples are drawn from:
 * - the best token of each key, of these the first `top` by activation;
 * - the first `sample` by hash;
 * - of each bin, of each key, the token with the smallest hash, of these the first `perInterval`; likewise of all bins
 *   together that lie below the separate octaves.
 *
 * What it leaves of a union is what it leaves of the union of what it leaves of the parts. So states may be merged in any
 * order, and again: a token that is first among many is first among few.
 */
export function keepTokens(
  feature: number,
  tokens: FiringTokens,
  settings: ExampleSettings,
  rowHash: RowHash,
): FiringTokens {
  const byActivation = activationOrder(tokens);
  const byHash = rowHash.order(feature, tokens.rows);
  const kept = new Set(firstDistinct(byActivation, tokens, settings.top));
  for (const index of byHash.subarray(0, settings.sample)) kept.add(index);
  if (byActivation.length > 0) {
    const bins = separateBins(tokens.activations, tokens.activations[byActivation[0]!]!, settings);
    const ofBins = new Map<number, number[]>();
    for (const index of byHash) {
      const bin = bins[index]!;
      const others = ofBins.get(bin);
      if (others) others.push(index);
      else ofBins.set(bin, [index]);
    }
    for (const ofBin of ofBins.values()) {
      for (const index of firstDistinct(ofBin, tokens, settings.perInterval)) kept.add(index);
    }
  }
  return takeTokens(tokens, Uint32Array.from(kept).sort());
}

/** The bin of each activation; −1 for all that lie below the separate octaves. */
function separateBins(activations: Float32Array, max: number, settings: ExampleSettings): Int32Array {
  const octaveOf = (bin: number): number => Math.floor(bin / binsPerOctave);
  const lowest = (octaveOf(binOf(max)) - separateOctaves(settings) + 1) * binsPerOctave;
  const bins = new Int32Array(activations.length);
  for (let i = 0; i < bins.length; i++) {
    const bin = binOf(activations[i]!);
    bins[i] = bin < lowest ? -1 : bin;
  }
  return bins;
}
