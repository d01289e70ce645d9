import { encodeSafetensorsHeader } from '../src/formats/safetensors.js';
import { describe } from '../src/formats/describe.js';
import { writeDataset } from '../src/formats/writeDataset.js';
import type { ObjectStore } from '../src/storage/objectStore.js';
import type { Prefix } from '../src/storage/uri.js';
import { formatPrefix } from '../src/storage/uri.js';
import { writeByteLevelTokenizer } from '../test/features/oracle/byteLevelTokenizer.js';
import { tensorsFile } from '../test/support/saeFiles.js';

export interface PagesSize {
  readonly rows: number;
  readonly inputWidth: number;
  readonly features: number;
  /** Share of tokens on which a feature fires [0.01]. */
  readonly density?: number;
  /** Of the SAE ["jumprelu"]. */
  readonly architecture?: 'jumprelu' | 'standard';
}

/** Sources of a visualize run in a bucket. */
export interface MadeSources {
  /** Input of `visualize`. */
  readonly input: Readonly<Record<string, unknown>>;
  /** Activations (float16) and SAE as they lie in the files, for peers. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

const shardRows = 16_384;
const contextTokens = 128;
const vocabulary = 1000;

/** Random rows, tokens and weights; rows are uniform in ±1/2, so a product has the variance d / 144. */
export async function makePages(
  store: ObjectStore,
  { bucket, prefix }: Prefix,
  { rows, inputWidth, features, density = 0.01, architecture = 'jumprelu' }: PagesSize,
): Promise<MadeSources> {
  const put = (key: string, bytes: Uint8Array | string): Promise<unknown> =>
    store.put({ bucket, key: prefix + key }, [Buffer.from(bytes)]);
  const halves = randomHalves(rows * inputWidth);
  const columns = [
    { name: 'activations', dtype: 'F16', shape: [inputWidth] },
    { name: 'tokens', dtype: 'I32', shape: [] },
    { name: 'context', dtype: 'I32', shape: [] },
    { name: 'position', dtype: 'I32', shape: [] },
  ];
  for (let first = 0; first < rows; first += shardRows) {
    const count = Math.min(shardRows, rows - first);
    const integers = (value: (row: number) => number): Uint8Array =>
      new Uint8Array(Int32Array.from({ length: count }, (_, i) => value(first + i)).buffer);
    const part = halves.subarray(first * inputWidth, (first + count) * inputWidth);
    await put(
      `dump/${String(first / shardRows).padStart(5, '0')}.safetensors`,
      Buffer.concat([
        encodeSafetensorsHeader(columns, count),
        new Uint8Array(part.buffer, part.byteOffset, part.byteLength),
        integers(() => Math.floor(Math.random() ** 2 * vocabulary)),
        integers((row) => Math.floor(row / contextTokens)),
        integers((row) => row % contextTokens),
      ]),
    );
  }
  const dump = { bucket, prefix: `${prefix}dump/` };
  await writeDataset(store, dump, (await describe(store, dump)).dataset);

  const deviation = Math.sqrt(inputWidth / 144);
  const limit = deviation * quantile(1 - density);
  const plain = architecture === 'standard';
  const random = (length: number): Float32Array => new Float32Array(length).map(() => Math.random() - 0.5);
  const weights = tensorsFile({
    W_enc: floats([inputWidth, features], random(inputWidth * features)),
    W_dec: floats([features, inputWidth], random(features * inputWidth)),
    b_enc: floats([features], new Float32Array(features).fill(plain ? -limit : 0)),
    b_dec: floats([inputWidth], new Float32Array(inputWidth)),
    ...(plain ? {} : { threshold: floats([features], new Float32Array(features).fill(limit)) }),
  });
  await put('sae/sae_weights.safetensors', weights);
  await put(
    'sae/cfg.json',
    JSON.stringify({
      architecture,
      d_in: inputWidth,
      d_sae: features,
      dtype: 'float32',
      apply_b_dec_to_input: true,
      normalize_activations: 'none',
    }),
  );
  const tokens = Array.from({ length: vocabulary }, (_, id) => Buffer.from(` t${id}`));
  await put('tokenizer.json', JSON.stringify(writeByteLevelTokenizer(tokens, [])));
  const at = (key: string): string => `${formatPrefix({ bucket, prefix })}/${key}`;
  return {
    input: { activations: at('dump'), sae: at('sae'), tokenizer: at('tokenizer.json'), output: at('run') },
    files: { 'activations.f16': new Uint8Array(halves.buffer), 'sae_weights.safetensors': weights },
  };
}

function floats(
  shape: readonly number[],
  values: Float32Array,
): { dtype: string; shape: readonly number[]; data: Uint8Array } {
  return { dtype: 'F32', shape, data: new Uint8Array(values.buffer) };
}

/** Float16 numbers, near uniform in ±1/2: their bits. */
function randomHalves(length: number): Uint16Array {
  const scratch = new Float32Array(1);
  const bits = new Uint32Array(scratch.buffer);
  return new Uint16Array(length).map(() => {
    scratch[0] = Math.random() - 0.5;
    const exponent = ((bits[0]! >>> 23) & 255) - 112;
    return exponent <= 0 ? 0 : ((bits[0]! >>> 16) & 0x8000) | (exponent << 10) | ((bits[0]! >>> 13) & 0x3ff);
  });
}

/** Quantile of the normal law, by bisection of its tail (Abramowitz and Stegun 26.2.17). */
function quantile(share: number): number {
  let [low, high] = [0, 8];
  for (let step = 0; step < 60; step++) {
    const x = (low + high) / 2;
    const t = 1 / (1 + 0.2316419 * x);
    const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
    const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * poly;
    if (tail > 1 - share) low = x;
    else high = x;
  }
  return low;
}
