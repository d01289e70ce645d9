import { Encoder } from '../src/encoder/encoder.js';
import { ElementType, OnnxGraph } from '../src/encoder/onnx.js';
import { productName, rowsName } from '../src/encoder/graph.js';
import { Session } from '../src/encoder/session.js';
import type { EncodedSae, EncoderWeights, RowType } from '../src/encoder/weights.js';
import { WorkMemory } from '../src/memory/workMemory.js';
import { median, report } from './report.js';

const inputWidth = 576;
const features = 4608;
const plainRows = [256, 512, 1024];
/** The encoder cuts them as it likes. */
const encodedRows = 1024;
const rounds = 15;
const threadCounts = [1, 2];

/** Of float16 1.0. */
const halfOne = 0x3c00;

export interface EncodeSpeed {
  threads: number;
  /** 10^9 floating point operations a second, two for each weight and row; medians. */
  encode: Partial<Record<RowType, number>>;
  /** A bare MatMul in ONNX Runtime, float32 rows, at the number of rows that suits it best. */
  matMul: number;
  matMulRows: number;
  /** encode / matMul, of float16 rows. */
  share: number;
  /** The same of the best rounds, for machines that do other work. */
  shareOfBest: number;
  firingsPerRow: number;
}

/** Measures encoding, from rows in memory to the list of firings, against a bare MatMul of the same shape. */
export async function encode(): Promise<void> {
  const speeds: EncodeSpeed[] = [];
  for (const threads of threadCounts) speeds.push(await measureEncode(threads));
  await report(
    'encode',
    speeds,
    speeds.map(({ threads, encode, matMul, matMulRows, share, shareOfBest }) => ({
      threads,
      'encode F16 (GFLOP/s)': encode.F16,
      'encode BF16': encode.BF16,
      'encode F32': encode.F32,
      'MatMul (GFLOP/s)': matMul,
      'at rows': matMulRows,
      share,
      'share of best': shareOfBest,
    })),
  );
}

/** Both sides take turns, so that what else the machine does falls on both. */
export async function measureEncode(threads: number): Promise<EncodeSpeed> {
  const weights = randomWeights();
  const plain = await openPlain(weights.encoder, threads);
  const speeds = new Map<string, number[]>();
  const time = async (name: string, rows: number, work: () => Promise<void>): Promise<void> => {
    const start = performance.now();
    await work();
    const speed = (2 * rows * inputWidth * features) / (performance.now() - start) / 1e6;
    speeds.set(name, [...(speeds.get(name) ?? []), speed]);
  };

  const rowTypes = ['F16', 'BF16', 'F32'] as const;
  const encoders = new Map<RowType, { encoder: Encoder; address: number }>();
  for (const rowType of rowTypes) encoders.set(rowType, await openEncoder(weights, rowType, threads));
  const floats = rowBytes('F32');
  const product = new Float32Array(Math.max(...plainRows) * features);
  let firings = 0;
  const candidates = [
    ...plainRows.map((rows) => (): Promise<void> => {
      const bytes = floats.subarray(0, rows * inputWidth * 4);
      return time(String(rows), rows, () => plain.run(bytes, rows, product.subarray(0, rows * features)));
    }),
    ...rowTypes.map((rowType) => (): Promise<void> => {
      const { encoder, address } = encoders.get(rowType)!;
      const batch = { address, count: encodedRows, firstRow: 0 };
      firings = 0;
      return time(rowType, encodedRows, () => encoder.encode(batch, ({ count }) => (firings += count)));
    }),
  ];
  // The first round warms up. Each begins with another candidate, for what one leaves to be freed the next one pays.
  for (let round = 0; round <= rounds; round++) {
    if (round === 1) speeds.clear();
    for (const i of candidates.keys()) await candidates[(round + i) % candidates.length]!();
  }
  await plain.close();
  for (const { encoder } of encoders.values()) await encoder.close();

  const speed = (name: string): number => Number(median(speeds.get(name)!).toPrecision(4));
  const best = (...names: readonly string[]): number => Math.max(...names.flatMap((name) => speeds.get(name)!));
  const matMulRows = plainRows.reduce((best, rows) => (speed(String(rows)) > speed(String(best)) ? rows : best));
  return {
    threads,
    encode: Object.fromEntries(rowTypes.map((rowType) => [rowType, speed(rowType)])),
    matMul: speed(String(matMulRows)),
    matMulRows,
    share: Number((speed('F16') / speed(String(matMulRows))).toFixed(3)),
    shareOfBest: Number((best('F16') / best(...plainRows.map(String))).toFixed(3)),
    firingsPerRow: firings / encodedRows,
  };
}

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

async function openEncoder(
  weights: EncoderWeights,
  rowType: RowType,
  threads: number,
): Promise<{ encoder: Encoder; address: number }> {
  const memory = new WorkMemory();
  const encoder = await Encoder.open(sae, () => Promise.resolve(weights), memory, {
    from: 0,
    to: features,
    rowType,
    compute: { provider: 'cpu', threads },
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

function openPlain(encoder: Float32Array, threads: number): Promise<Session> {
  const graph = new OnnxGraph();
  const rows = graph.input(rowsName, ElementType.float32, ['rows', inputWidth]);
  const transposed = new Float32Array(encoder.length);
  for (let f = 0; f < features; f++) {
    for (let i = 0; i < inputWidth; i++) transposed[i * features + f] = encoder[f * inputWidth + i]!;
  }
  graph.node('MatMul', [rows, graph.constant(transposed, [inputWidth, features])], {}, productName);
  graph.output(productName, ElementType.float32, ['rows', features]);
  return Session.open(graph.finish(), 'F32', { provider: 'cpu', threads });
}
