import { InferenceSession, Tensor } from 'onnxruntime-node';
import { parentPort, workerData } from 'node:worker_threads';
import { Encoder } from '../src/encoder/encoder.js';
import { productName, rowsName } from '../src/encoder/graph.js';
import { ElementType, OnnxGraph } from '../src/encoder/onnx.js';
import type { EncodedSae, EncoderWeights, RowType } from '../src/encoder/weights.js';
import { WorkMemory } from '../src/memory/workMemory.js';
import { encodedRows, features, inputWidth, rowTypes, type EncodeOrder } from './encode.js';

/** One thread of the bench `encode`: its own weights, sessions and rows, as a data thread has them. */
const { productThreads } = workerData as { productThreads: number };

/** Of float16 1.0. */
const halfOne = 0x3c00;

const sae: EncodedSae = { architecture: 'jumprelu', inputWidth, features, normalization: 'none', inputScale: 1 };

/** Sparse like real SAEs: some 1 % of the features fire on a row. */
function randomWeights(): EncoderWeights & { threshold: Float32Array } {
  const random = (length: number): Float32Array => new Float32Array(length).map(() => Math.random() - 0.5);
  // Rows are uniform in ±1/2 as well: a product has the variance d / 144.
  const threshold = new Float32Array(features).fill(2.33 * Math.sqrt(inputWidth / 144));
  return {
    encoder: random(features * inputWidth),
    encoderBias: random(features),
    threshold,
    inputBias: random(inputWidth).map((value) => value / 10),
  };
}

async function openEncoder(weights: EncoderWeights, rowType: RowType): Promise<{ encoder: Encoder; address: number }> {
  const memory = new WorkMemory();
  const encoder = await Encoder.open(sae, () => Promise.resolve(weights), memory, {
    from: 0,
    to: features,
    rowType,
    compute: { provider: 'cpu', threads: 1 },
    shapes: 'any',
  });
  const content = rowBytes(rowType);
  const address = memory.take(content.length);
  memory.view(address, content.length).set(content);
  return { encoder, address };
}

/** The same kind of numbers in each type: uniform, or near it, in ±1/2. */
function rowBytes(rowType: RowType): Uint8Array {
  const values = new Float32Array(encodedRows * inputWidth).map(() => Math.random() - 0.5);
  if (rowType === 'F32') return new Uint8Array(values.buffer);
  const bits = new Uint32Array(values.buffer);
  const narrow = new Uint16Array(values.length);
  for (const [i, value] of values.entries()) {
    // float16 has its exponent's bias 15 and 10 bits of significand; numbers below 2^-14 are not worth a branch.
    const half = ((bits[i]! >>> 13) & 0x3_ffff) - ((127 - 15) << 10);
    if (rowType === 'BF16') narrow[i] = bits[i]! >>> 16;
    else narrow[i] = Math.abs(value) < 2 ** -14 ? halfOne >> 2 : half | (value < 0 ? 0x8000 : 0);
  }
  return new Uint8Array(narrow.buffer);
}

/** A bare product; but threads that wait do not spin on into the turn of the other side. */
function openPlain(encoder: Float32Array, intraOpNumThreads: number): Promise<InferenceSession> {
  const graph = new OnnxGraph();
  const rows = graph.input(rowsName, ElementType.float32, ['rows', inputWidth]);
  const transposed = new Float32Array(encoder.length);
  for (let f = 0; f < features; f++) {
    for (let i = 0; i < inputWidth; i++) transposed[i * features + f] = encoder[f * inputWidth + i]!;
  }
  graph.node('MatMul', [rows, graph.constant(transposed, [inputWidth, features])], {}, productName);
  graph.output(productName, ElementType.float32, ['rows', features]);
  return InferenceSession.create(graph.finish(), {
    intraOpNumThreads,
    interOpNumThreads: 1,
    extra: { session: { force_spinning_stop: '1' } },
  });
}

const weights = randomWeights();
const encoders = new Map<RowType, { encoder: Encoder; address: number }>();
for (const rowType of rowTypes) encoders.set(rowType, await openEncoder(weights, rowType));
const plain = await openPlain(weights.encoder, productThreads);
const floats = new Float32Array(rowBytes('F32').buffer);
const product = new Float32Array(encodedRows * features);

/** Encodes a batch. @returns the number of firings */
async function encode(rowType: RowType): Promise<number> {
  const { encoder, address } = encoders.get(rowType)!;
  let firings = 0;
  await encoder.encode({ address, count: encodedRows, firstRow: 0 }, ({ count }) => (firings += count));
  return firings;
}

/** Multiplies as many rows, `rows` at a time. */
async function multiply(rows: number): Promise<number> {
  for (let first = 0; first < encodedRows; first += rows) {
    const input = floats.subarray(first * inputWidth, (first + rows) * inputWidth);
    const output = product.subarray(first * features, (first + rows) * features);
    await plain.run(
      { [rowsName]: new Tensor('float32', input, [rows, inputWidth]) },
      { [productName]: new Tensor('float32', output, [rows, features]) },
    );
  }
  return 0;
}

parentPort!.on('message', (order: EncodeOrder) => {
  const done = 'rowType' in order ? encode(order.rowType) : multiply(order.rows);
  done.then(
    (firings) => {
      parentPort!.postMessage(firings);
    },
    (error: unknown) => {
      throw error;
    },
  );
});
parentPort!.postMessage('ready');
