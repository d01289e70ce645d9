/** What the oracle takes and gives. Everything is in memory, in plain arrays. */

/** A sparse autoencoder in one form, whatever file it came from. d: width of the input, F: features. */
export type Sae = {
  /** W_enc [d][F]. */
  encoder: number[][];
  /** [F][width of the output]. */
  decoder: number[][];
  normalization?: 'none' | 'constantNorm' | 'layerNorm';
  /** What the normalised input is multiplied by. */
  inputScale?: number;
  /** What is subtracted from the input after that (b_dec, where the SAE says so) [d]. */
  subtracted?: number[];
} & Activation;

/** How a feature's value comes from its pre-activation. All arrays are [F]. */
type Activation =
  | { architecture: 'standard'; bias: number[] }
  | { architecture: 'jumprelu'; bias: number[]; threshold: number[] }
  | { architecture: 'gated'; gateBias: number[]; magnitudeBias: number[]; logMagnitude: number[] }
  | { architecture: 'topk'; bias: number[]; k: number; rescaleByDecoderNorm?: boolean }
  | { architecture: 'groupmax'; bias: number[]; k: number };

export interface Unembedding {
  /** W_U [width of the decoder][V]. */
  weights: number[][];
  /** [V]; the token of each column, where the columns are not the whole vocabulary in order. */
  tokenIds?: number[];
  /** [width of the decoder]. */
  finalNormWeight?: number[];
}

/** The input fields of `visualize` that decide what pages say. What is absent has the default of the design. */
export interface Settings {
  seed?: string;
  /** `"0-3,8"`. */
  features?: string;
  examples?: {
    top?: number;
    random?: number;
    shownRandom?: number;
    intervals?: number | 'quantile';
    perInterval?: number;
    distinct?: 'context' | 'document' | 'none';
  };
  window?: { before?: number; after?: number };
  exclude?: { positions?: number[]; tokens?: number[] | 'special'; normAbove?: number };
  nonFinite?: 'error' | 'exclude';
  logits?: number;
  neighbours?: number;
  labels?: { feature: number; label: string }[];
}

export interface Dataset {
  /** [n][d], float32. */
  activations: ArrayLike<number>[];
  /** Token ids [n]. */
  tokens: ArrayLike<number>;
  context?: ArrayLike<number>;
  position?: ArrayLike<number>;
  document?: ArrayLike<number>;
}

export interface Tokenizer {
  bytesOf(id: number): Uint8Array;
  special: number[];
}

export interface Case {
  dataset: Dataset;
  sae: Sae;
  tokenizer: Tokenizer;
  unembedding?: Unembedding;
  settings: Settings;
}

/** One feature as JSON, `riffle.feature/1`. */
export interface Page {
  format: 'riffle.feature/1';
  feature: number;
  label: string | null;
  state: 'alive' | 'dense' | 'dead';
  reason: 'never fires' | 'fires only on excluded tokens' | null;
  tokens: number;
  firing: number;
  excludedFiring: number;
  density: number;
  max: number;
  mean: number;
  histogram: Histogram | null;
  topTokens: { id: number; token: string; share: number }[];
  logits: { top: LogitEffect[]; bottom: LogitEffect[]; histogram: Histogram } | null;
  neighbours: { feature: number; cosine: number }[];
  groups: Group[];
}

export interface Histogram {
  edges: number[];
  counts: number[];
}

export interface LogitEffect {
  id: number;
  token: string;
  value: number;
}

export type Group =
  | { name: 'top' | 'random'; examples: Example[] }
  | { name: 'interval'; from: number; to: number; share: number; examples: Example[] };

export interface Example {
  row: number;
  context: number | null;
  position: number | null;
  document: number | null;
  activation: number;
  focus: number;
  ids: number[];
  tokens: string[];
  values: (number | null)[];
}
