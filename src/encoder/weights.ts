/**
 * What of an SAE its encoder needs (the formulas are those of src/sae/sae.ts). For a row x of d numbers, in float32:
 *
 * 1. y = x where `normalization` is "none"; x · √d / ‖x‖ for "constantNorm" (0 for a row of zeros);
 *    (x − μ) / (σ + 1e-5) for "layerNorm", σ with divisor d − 1.
 * 2. z = inputScale · y − inputBias.
 * 3. The dense product z · encoder_f, for all features f at once.
 * 4. What the scan makes of it: p = product + encoderBias_f, times decoderNorms_f where `rescaleByDecoderNorm`; the
 *    activation is p where p > 0 and, for jumprelu, p > threshold_f; for topk, p is among the k largest of its row; for
 *    groupmax, p is the largest of its group. gated: product · magnitudeScale_f + magnitudeBias_f where that and p are > 0.
 */
export interface EncodedSae {
  readonly architecture: 'standard' | 'gated' | 'jumprelu' | 'topk' | 'groupmax';
  /** d. */
  readonly inputWidth: number;
  /** Of the whole SAE. */
  readonly features: number;
  readonly normalization: 'none' | 'constantNorm' | 'layerNorm';
  readonly inputScale: number;
  /** topk: features kept of a row; groupmax: the number of groups. */
  readonly k?: number;
  readonly rescaleByDecoderNorm?: boolean;
}

/** Weights of n features that follow each other, all finite. */
export interface EncoderWeights {
  /** [n, inputWidth] */
  readonly encoder: Float32Array;
  /** [n]; gated: the gate's bias. */
  readonly encoderBias: Float32Array;
  /** [n]; jumprelu only. */
  readonly threshold?: Float32Array;
  /** [n]; gated only. */
  readonly magnitudeScale?: Float32Array;
  /** [n]; gated only. */
  readonly magnitudeBias?: Float32Array;
  /** [n]; used where `rescaleByDecoderNorm`. */
  readonly decoderNorms?: Float32Array;
  /** [inputWidth]; the same for all features. */
  readonly inputBias?: Float32Array;
}

/** Types of activations, as safetensors names them. */
export type RowType = 'F16' | 'BF16' | 'F32';

export const rowTypeBytes: Readonly<Record<RowType, number>> = { F16: 2, BF16: 2, F32: 4 };
