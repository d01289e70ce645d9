import type { CallOptions } from '../storage/objectStore.js';

/**
 * Sparse autoencoders (SAEs) and transcoders in riffle's own terms, whatever their files look like.
 *
 * **Encode.** For a row x of d = `inputWidth` numbers, in float32, with the names of `SaeDescription` and `SaeBlock`:
 *
 * 1. y = x where `normalization` is "none"; x · √d / ‖x‖ for "constantNorm" (a row of zeros has no such y; take 0);
 *    (x − μ) / (σ + 1e-5) for "layerNorm", with the mean μ and the standard deviation σ of x's numbers (divisor d − 1).
 * 2. z = inputScale · y − inputBias, or z = inputScale · y where there is no inputBias.
 * 3. p = z · encoder_f + encoderBias_f for each feature f; times decoderNorms_f where `rescaleByDecoderNorm`.
 * 4. The activation a of feature f, by `architecture`, else 0; every comparison is strict:
 *    - standard: a = p where p > 0.
 *    - jumprelu: a = p where p > 0 and p > threshold_f.
 *    - gated: a = q where p > 0 and q > 0, with q = magnitudeScale_f · (z · encoder_f) + magnitudeBias_f.
 *    - topk: a = p where p > 0 and p is among the k largest of the row's features; of equal ones the lower feature first.
 *    - groupmax: a = p where p > 0 and p is the largest of its group: the features stand in k groups of features / k
 *      neighbours; of equal ones the lower feature.
 *
 * Activations are the SAE's own: decoder norms are not folded in (SAEDashboard and Neuronpedia show a · ‖decoder_f‖).
 * The reconstruction is (Σ a_f · decoder_f + decoder bias) / outputScale, with the normalisation undone.
 *
 * Sources: SAELens 6.54.12 (sae_lens/saes), sparsify 1.3.3 (fused_encoder.py), Language-Model-SAEs of late 2024
 * (src/lm_saes/sae.py, post_processing.py).
 */
export interface Sae {
  readonly description: SaeDescription;

  /**
   * Reads the features [from, to). Takes (to − from) · (inputWidth + outputWidth + 6) · 4 bytes for the result and at
   * most 40 MiB beside it. Formats that keep a matrix feature by feature ([features, width]) are read in long ranges.
   * Of the others ([width, features]) a block is `width` pieces; pieces less than 64 KiB apart are read as one, so
   * large blocks cost fewer requests.
   * @throws RangeError for features that do not exist; SaeInvalid for NaN and infinities, naming tensor and index;
   *   ObjectChanged and ObjectMissing when the files are no longer those that were opened; what the store throws
   */
  readBlock(from: number, to: number, options?: CallOptions): Promise<SaeBlock>;
}

export type SaeFormat = 'saelens' | 'gemma-scope' | 'llama-scope' | 'sparsify';

export type Architecture = 'standard' | 'gated' | 'jumprelu' | 'topk' | 'groupmax';

export type Normalization = 'none' | 'constantNorm' | 'layerNorm';

/** What an SAE is; plain JSON. */
export interface SaeDescription {
  readonly format: SaeFormat;
  readonly architecture: Architecture;
  /** Numbers in an activation vector, d. */
  readonly inputWidth: number;
  /** Numbers in a decoder row: inputWidth, or for a transcoder what it writes to. */
  readonly outputWidth: number;
  readonly features: number;
  readonly normalization: Normalization;
  /** Factor on the (normalised) input; 1 for most. */
  readonly inputScale: number;
  /** What the decoder writes is this many times as large as the model's own activations; 1 for most. */
  readonly outputScale: number;
  /** Whether the decoder's bias is subtracted from the input: `SaeBlock.inputBias`. */
  readonly subtractDecoderBias: boolean;
  /** topk: features kept of a row; groupmax: the number of groups. */
  readonly k?: number;
  /** topk only: p is multiplied by the decoder row's norm. */
  readonly rescaleByDecoderNorm?: boolean;
  /** What the files say about model, hook, data and version; for people, and not interpreted. */
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
  /** The objects that make up the SAE. */
  readonly objects: readonly SaeObject[];
}

export interface SaeObject {
  readonly key: string;
  readonly bytes: number;
  readonly etag: string;
}

/** n = to − from features in float32. Matrices have one row a feature, the rows one after the other. */
export interface SaeBlock {
  readonly from: number;
  readonly to: number;
  /** [n, inputWidth] */
  readonly encoder: Float32Array;
  /** [n]; gated: the gate's bias. */
  readonly encoderBias: Float32Array;
  /** [n]; jumprelu only. */
  readonly threshold?: Float32Array;
  /** [n]; gated only: e^r_mag. */
  readonly magnitudeScale?: Float32Array;
  /** [n]; gated only. */
  readonly magnitudeBias?: Float32Array;
  /** [n, outputWidth] */
  readonly decoder: Float32Array;
  /** [n]: Euclidean norms of the decoder rows, summed in float64. */
  readonly decoderNorms: Float32Array;
  /** [inputWidth]: what is subtracted from the scaled input; the same for all blocks. */
  readonly inputBias?: Float32Array;
}
