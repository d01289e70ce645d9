import { ComputeUnavailable, ComputeUnreproducible } from '../errors.js';
import { Product } from './product.js';
import type { Compute } from './session.js';
import { fixedColumns, rowsOfProduct } from './tiles.js';
import type { Shapes } from './tiles.js';
import type { EncodedSae } from './weights.js';

export type OpenProduct = (...args: Parameters<typeof Product.open>) => Promise<Pick<Product, 'run' | 'close'>>;

/** Input widths that are tried: odd, not a power of two, and more than one block of the usual matrix kernels. */
const triedWidths = [67, 576, 2048];

/** Features, so many that one product has several blocks of columns and a rest. */
const triedFeatures = 401;

/** Where the rows are cut, so that there are products of 1, 7, 63 and more rows. */
const rowCuts = [0, 1, 8, 71, rowsOfProduct];

/** Parts of the features that are computed alone. */
const featureCuts = [
  [0, triedFeatures],
  [37, 300],
  [5, 6],
] as const;

/**
 * Finds out how products must be cut on this machine so that the same row and feature always give the same bits. A worker
 * calls it when it starts; it takes about a second.
 *
 * @param open opens products [`Product.open`]; for tests
 * @returns what `EncoderOptions.shapes` must be
 * @throws ComputeUnavailable when there is no CUDA, or it rounds factors; ComputeUnreproducible when nothing helps
 */
export async function checkEncoder(compute: Compute, open: OpenProduct = Product.open): Promise<Shapes> {
  await checkPrecision(compute, open);
  for (const shapes of ['any', 'fixed'] as const) {
    if (await isReproducible(compute, shapes, open)) return shapes;
  }
  throw new ComputeUnreproducible(
    `Products on this machine (${compute.provider}) give different bits for the same row and feature even when all have ` +
      'one shape: it cannot take part. Start this worker without compute tasks.',
    { compute: compute.provider },
  );
}

async function isReproducible(compute: Compute, shapes: Shapes, open: OpenProduct): Promise<boolean> {
  for (const inputWidth of triedWidths) {
    for (const normalization of ['none', 'constantNorm', 'layerNorm'] as const) {
      const sae = { ...plainSae, inputWidth, normalization };
      if (!(await isReproducibleFor(sae, compute, shapes, open))) return false;
    }
  }
  return true;
}

async function isReproducibleFor(
  sae: EncodedSae,
  compute: Compute,
  shapes: Shapes,
  open: OpenProduct,
): Promise<boolean> {
  const whole = { from: 0, to: triedFeatures, rowCuts: [0, rowsOfProduct] };
  const expected = await productBits(sae, compute, shapes, open, whole);
  for (const threads of new Set([compute.threads, 1, 2])) {
    for (const [from, to] of featureCuts) {
      const bits = await productBits(sae, { ...compute, threads }, shapes, open, { from, to, rowCuts });
      const n = to - from;
      for (let row = 0; row < rowsOfProduct; row++) {
        const others = expected.subarray(row * triedFeatures + from, row * triedFeatures + to);
        if (!others.every((value, i) => value === bits[row * n + i])) return false;
      }
    }
  }
  return true;
}

/** The bits of the product of always the same rows and features [from, to), [rowsOfProduct, to − from]. */
async function productBits(
  sae: EncodedSae,
  compute: Compute,
  shapes: Shapes,
  open: OpenProduct,
  { from, to, rowCuts: cuts }: { from: number; to: number; rowCuts: readonly number[] },
): Promise<Uint32Array> {
  const d = sae.inputWidth;
  const n = to - from;
  const rows = noise(rowsOfProduct * d, 1);
  // Real activations have some numbers a thousand times as large as the rest.
  for (let row = 0; row < rowsOfProduct; row += 3) rows[row * d + (row % d)]! *= 20_000;
  const width = shapes === 'fixed' ? fixedColumns : n;
  const skipped = shapes === 'fixed' ? from : 0;
  const encoder = new Float32Array(width * d);
  encoder.set(noise(triedFeatures * d, 2).subarray(from * d, to * d), skipped * d);
  const product = await open(sae, 'F32', encoder, noise(d, 3), compute, shapes);
  const result = new Uint32Array(rowsOfProduct * n);
  try {
    const values = new Float32Array(rowsOfProduct * width);
    const bits = new Uint32Array(values.buffer);
    for (const [i, end] of cuts.slice(1).entries()) {
      const start = cuts[i]!;
      await product.run(bytesOf(rows.subarray(start * d, end * d)), end - start, values);
      for (let row = start; row < end; row++) {
        const place = (row - start) * width + skipped;
        result.set(bits.subarray(place, place + n), row * n);
      }
    }
  } finally {
    await product.close();
  }
  return result;
}

/** Whether factors keep all their bits: of 1 + 2^-12 a processor that computes with less sees 1. */
async function checkPrecision(compute: Compute, open: OpenProduct): Promise<void> {
  const inputWidth = 512;
  const factor = 1 + 2 ** -12;
  const sae = { ...plainSae, inputWidth };
  const ones = new Float32Array(rowsOfProduct * inputWidth).fill(1);
  const product = await open(sae, 'F32', ones, undefined, compute, 'any');
  try {
    const values = new Float32Array(rowsOfProduct * rowsOfProduct);
    await product.run(bytesOf(ones.map(() => factor)), rowsOfProduct, values);
    if (values.every((value) => Math.abs(value / inputWidth - factor) < 2 ** -15)) return;
  } finally {
    await product.close();
  }
  throw new ComputeUnavailable(
    `This machine (${compute.provider}) rounds the factors of a product: is NVIDIA_TF32_OVERRIDE=0 set?`,
    { compute: compute.provider },
  );
}

const plainSae: EncodedSae = {
  architecture: 'standard',
  inputWidth: 0,
  features: triedFeatures,
  normalization: 'none',
  inputScale: 1,
};

/** Numbers in ±1 without a pattern (a linear congruential generator). */
function noise(length: number, seed: number): Float32Array {
  let state = seed;
  return new Float32Array(length).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state / 2 ** 31;
  });
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
