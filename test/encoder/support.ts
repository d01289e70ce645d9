import { Encoder } from '../../src/encoder/encoder.js';
import type { EncoderOptions, RowBatch } from '../../src/encoder/encoder.js';
import type { TopFeatures } from '../../src/encoder/topFeatures.js';
import type { EncodedSae, EncoderWeights, RowType } from '../../src/encoder/weights.js';
import { WorkMemory } from '../../src/memory/workMemory.js';

export interface Firing {
  row: number;
  feature: number;
  activation: number;
}

/** An encoder of all features, or of those that `options` tell. */
export async function openEncoder(
  sae: EncodedSae,
  weights: EncoderWeights,
  options: Partial<EncoderOptions> = {},
  memory = new WorkMemory(),
): Promise<TestEncoder> {
  const read = (from: number, to: number): Promise<EncoderWeights> => Promise.resolve(part(weights, from, to));
  const encoder = await Encoder.open(sae, read, memory, {
    from: 0,
    to: sae.features,
    rowType: 'F32',
    compute: { provider: 'cpu', threads: 1 },
    shapes: 'any',
    ...options,
  });
  return { encoder, memory, close: () => encoder.close() };
}

export interface TestEncoder {
  encoder: Encoder;
  memory: WorkMemory;
  close(): Promise<void>;
}

/** Puts rows into the encoder's memory. */
export function placeRows({ memory }: TestEncoder, bytes: Uint8Array, count: number, firstRow = 0): RowBatch {
  const address = memory.take(bytes.length);
  memory.view(address, bytes.length).set(bytes);
  return { address, count, firstRow };
}

/** The weights of the features [from, to). */
export function part(weights: EncoderWeights, from: number, to: number): EncoderWeights {
  const d = weights.encoder.length / weights.encoderBias.length;
  const cut = (values: Float32Array | undefined): Float32Array | undefined => values?.subarray(from, to);
  return {
    encoder: weights.encoder.subarray(from * d, to * d),
    encoderBias: weights.encoderBias.subarray(from, to),
    threshold: cut(weights.threshold),
    magnitudeScale: cut(weights.magnitudeScale),
    magnitudeBias: cut(weights.magnitudeBias),
    decoderNorms: cut(weights.decoderNorms),
    inputBias: weights.inputBias,
  };
}

/** All firings of some rows, in the order in which they are found. */
export async function firingsOf(
  opened: TestEncoder,
  bytes: Uint8Array,
  count: number,
  top?: TopFeatures,
): Promise<Firing[]> {
  const found: Firing[] = [];
  const collect = (firings: Parameters<Parameters<Encoder['encode']>[1]>[0]): void => {
    const features = firings.featureView();
    const activations = firings.activationView();
    for (const [i, row] of firings.rowView().entries()) {
      found.push({ row, feature: features[i]!, activation: activations[i]! });
    }
  };
  await opened.encoder.encode(placeRows(opened, bytes, count), collect, top);
  return found;
}

/** Rows as a file has them. @param values exact in the type */
export function rowBytes(values: Float32Array, rowType: RowType): Uint8Array {
  if (rowType === 'F32') return new Uint8Array(values.slice().buffer);
  const bits = new Uint32Array(values.slice().buffer);
  const narrow = Uint16Array.from(values, (value, i) => (rowType === 'BF16' ? bits[i]! >>> 16 : float16Bits(value)));
  return new Uint8Array(narrow.buffer);
}

/** @param value exact in float16, and 0 or at least 2^-14 */
function float16Bits(value: number): number {
  const sign = value < 0 ? 0x8000 : 0;
  if (value === 0) return sign;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  return sign | ((exponent + 15) << 10) | ((Math.abs(value) / 2 ** exponent - 1) * 1024);
}

/** The same numbers as in golden.py: multiples of 1/64 in [-1, 1), exact in all types. */
export function noise(length: number, seed: number): Float32Array {
  let state = seed;
  return new Float32Array(length).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 25) / 64 - 1;
  });
}
