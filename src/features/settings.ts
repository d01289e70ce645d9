import { binsPerOctave } from './bins.js';

/** What is collected of every feature and shown of it; `examples` of the workflow's input, complete. */
export interface ExampleSettings {
  /** Examples of the highest activations, at least 1. */
  readonly top: number;
  /** Firing tokens of the uniform sample, at least 1. */
  readonly sample: number;
  /** Examples shown of the sample. */
  readonly shownRandom: number;
  /** Intervals of the activation, at least 1, and whether they have about equal widths or about equal shares. */
  readonly intervals: number;
  readonly intervalEdges: 'equalWidth' | 'quantile';
  /** Examples of an interval. */
  readonly perInterval: number;
  /** What a group shows at most one token of; "none": tokens are their own keys. */
  readonly distinct: 'context' | 'document' | 'none';
}

/** Octaves for which a feature's record in memory has room (assembly/collectorLayout.ts). */
export const octaveSlots = 16;
/** Exponents of floats. */
const allOctaves = 256;

/**
 * The octaves, from that of the maximum down, of whose bins examples are kept one by one; what lies below is one interval's.
 *
 * With equal widths the lowest edge lies in or above the bin of max/N, which lies at most ⌈log2 N⌉ octaves below that of
 * the maximum. Quantiles may lie anywhere. Where more octaves would be separate than a record has room for, all are.
 */
export function separateOctaves({ intervals, intervalEdges }: ExampleSettings): number {
  const needed = 32 - Math.clz32(intervals - 1) + 1;
  return intervalEdges === 'quantile' || needed > octaveSlots ? allOctaves : needed;
}

/** The most tokens that are kept of a feature. */
export function mostTokens(settings: ExampleSettings): number {
  const { top, sample, perInterval } = settings;
  return top + sample + perInterval * (binsPerOctave * separateOctaves(settings) + 1);
}
