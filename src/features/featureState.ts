import { pick } from './indexes.js';

/**
 * What stage 1 knows of a feature. It is a function of the set of tokens seen, and of the settings: counts, and the few
 * firing tokens of which examples may be drawn. Two states of different tokens merge by adding counts and uniting tokens
 * (src/features/merge.ts).
 */
export interface FeatureState {
  readonly feature: number;
  /** Firing tokens that were excluded. Nothing else counts them. */
  readonly excludedFiring: number;
  /** The octaves in which the feature fired, the highest first. */
  readonly octaves: readonly OctaveCounts[];
  readonly tokens: FiringTokens;
}

/** Firing tokens whose activations have one exponent. */
export interface OctaveCounts {
  /** The exponent's bits, 0 to 254. */
  readonly exponent: number;
  /** Exact sum of their 24-bit significands. */
  readonly significands: bigint;
  /** How many fell into each of the eight bins. */
  readonly counts: readonly number[];
}

/** Firing tokens by ascending row, one entry of each array a token. */
export interface FiringTokens {
  readonly rows: Float64Array;
  /** Context, document or row: what `distinct` says. */
  readonly keys: Float64Array;
  /** Token ids. */
  readonly ids: Uint32Array;
  readonly activations: Float32Array;
}

/** The tokens at these indexes. */
export function takeTokens(tokens: FiringTokens, indexes: ArrayLike<number>): FiringTokens {
  const count = indexes.length;
  return {
    rows: pick(tokens.rows, indexes, new Float64Array(count)),
    keys: pick(tokens.keys, indexes, new Float64Array(count)),
    ids: pick(tokens.ids, indexes, new Uint32Array(count)),
    activations: pick(tokens.activations, indexes, new Float32Array(count)),
  };
}

/** Firing tokens that were not excluded. */
export function firingTokens(octaves: readonly OctaveCounts[]): number {
  return octaves.reduce((sum, { counts }) => counts.reduce((all, count) => all + count, sum), 0);
}
