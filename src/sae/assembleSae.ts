import { quoted } from '../formats/shardHeader.js';
import type { CallOptions, ObjectStore } from '../storage/objectStore.js';
import { saeFault } from './faults.js';
import { firstNonFinite } from '../formats/float32.js';
import { readFeatures, readVector, type FeatureMatrix } from './readWeights.js';
import type { Sae, SaeBlock, SaeDescription } from './sae.js';
import type { TensorFile, WeightTensor } from './tensorFile.js';

/** Where a format keeps what a `SaeBlock` holds. */
export interface SaeParts {
  readonly description: SaeDescription;
  readonly file: TensorFile;
  readonly encoder: FeatureMatrix;
  /** [features] */
  readonly encoderBias: WeightTensor;
  readonly decoder: FeatureMatrix;
  /** [features], or how it follows from the norm of a feature's decoder row. */
  readonly threshold?: WeightTensor | ((decoderNorm: number) => number);
  /** [features]: r_mag. */
  readonly logMagnitudeScale?: WeightTensor;
  /** [features] */
  readonly magnitudeBias?: WeightTensor;
  /** [inputWidth]: the tensor that is subtracted from the input. */
  readonly inputBias?: WeightTensor;
}

/** The canonical view of an SAE whose parts have been found and checked. Reads the input bias. @throws SaeInvalid */
export async function assembleSae(store: ObjectStore, parts: SaeParts, options?: CallOptions): Promise<Sae> {
  const { description, file } = parts;
  const width = description.inputWidth;
  const inputBias = parts.inputBias && (await readVector(store, file, parts.inputBias, 0, width, options));
  return {
    description,
    readBlock: (from, to, blockOptions) => readBlock(store, parts, inputBias, from, to, blockOptions),
  };
}

async function readBlock(
  store: ObjectStore,
  parts: SaeParts,
  inputBias: Float32Array | undefined,
  from: number,
  to: number,
  options?: CallOptions,
): Promise<SaeBlock> {
  const { description, file, threshold } = parts;
  const { features, outputWidth } = description;
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || to <= from || to > features) {
    throw new RangeError(`Features ${from} to ${to} of an SAE of ${features} features`);
  }
  const vector = (tensor: WeightTensor): Promise<Float32Array> => readVector(store, file, tensor, from, to, options);
  // One after the other: that bounds the memory beside the result.
  const encoder = await readFeatures(store, file, parts.encoder, from, to, options);
  const encoderBias = await vector(parts.encoderBias);
  const decoder = await readFeatures(store, file, parts.decoder, from, to, options);
  const decoderNorms = rowNorms(decoder, outputWidth);
  return {
    from,
    to,
    encoder,
    encoderBias,
    decoder,
    decoderNorms,
    ...(threshold && {
      threshold: typeof threshold === 'function' ? decoderNorms.map(threshold) : await vector(threshold),
    }),
    ...(parts.logMagnitudeScale && {
      magnitudeScale: exponentials(
        await vector(parts.logMagnitudeScale),
        parts.logMagnitudeScale.name,
        from,
        file.where,
      ),
    }),
    ...(parts.magnitudeBias && { magnitudeBias: await vector(parts.magnitudeBias) }),
    ...(inputBias && { inputBias }),
  };
}

function rowNorms(rows: Float32Array, width: number): Float32Array {
  return Float32Array.from({ length: rows.length / width }, (_, row) => {
    let sum = 0;
    for (let at = row * width; at < (row + 1) * width; at++) sum += rows[at]! * rows[at]!;
    return Math.sqrt(sum);
  });
}

function exponentials(logarithms: Float32Array, name: string, from: number, where: string): Float32Array {
  const values = logarithms.map(Math.exp);
  const fault = firstNonFinite(values);
  if (fault < 0) return values;
  throw saeFault(
    where,
    `tensor ${quoted(name)} holds ${logarithms[fault]} at [${from + fault}]: e to it is beyond float32`,
  );
}
