import { binEdge, binsPerOctave, significandUnit } from './bins.js';
import { firingTokens } from './featureState.js';
import type { OctaveCounts } from './featureState.js';

/** Counts of consecutive bins, of which the first and the last are not empty. */
export interface Histogram {
  /** The first bin. */
  readonly first: number;
  /** Firing tokens by bin. */
  readonly counts: readonly number[];
}

/** The histogram of a feature that fires. @param octaves the highest first */
export function histogramOf(octaves: readonly OctaveCounts[]): Histogram {
  const lowest = octaves.at(-1)!.exponent;
  const all = new Array<number>((octaves[0]!.exponent - lowest + 1) * binsPerOctave).fill(0);
  for (const { exponent, counts } of octaves) {
    counts.forEach((count, bin) => (all[(exponent - lowest) * binsPerOctave + bin] = count));
  }
  const from = all.findIndex((count) => count > 0);
  const to = all.findLastIndex((count) => count > 0);
  return { first: lowest * binsPerOctave + from, counts: all.slice(from, to + 1) };
}

/** The edges of a histogram's bins, one more than bins (design §2.6, Bins). */
export function edgesOf({ first, counts }: Histogram): number[] {
  return Array.from({ length: counts.length + 1 }, (_, i) => binEdge(first + i));
}

/** Firing tokens in the bins below an edge, given as the bin that begins there. */
export function countBelow({ first, counts }: Histogram, edge: number): number {
  return counts.slice(0, Math.max(0, edge - first)).reduce((sum, count) => sum + count, 0);
}

/**
 * The mean activation of a feature that fires (design §2.6, mean): an octave's sum is its integer sum of significands times
 * the value of one, which is a power of two; these are added in float64 from the highest octave down.
 */
export function meanOf(octaves: readonly OctaveCounts[]): number {
  let sum = 0;
  for (const { exponent, significands } of octaves) sum += Number(significands) * significandUnit(exponent);
  return sum / firingTokens(octaves);
}
