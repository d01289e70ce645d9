import { ElementType, OnnxGraph } from './onnx.js';
import type { EncodedSae, RowType } from './weights.js';

/** Names of the graph's input and output. */
export const rowsName = 'rows';
export const productName = 'product';

/** Smaller norms are taken for this one, so that a row of zeros stays one. */
const leastNorm = 2 ** -126;

/** As SAELens has it. */
const layerNormEpsilon = 1e-5;

/** bfloat16 travels as plain bits: the Node binding of ONNX Runtime has no such type. */
const inputTypes: Readonly<Record<RowType, ElementType>> = {
  F16: ElementType.float16,
  BF16: ElementType.uint16,
  F32: ElementType.float32,
};

/**
 * The ONNX model from rows to the dense product (steps 1 to 3 in weights.ts).
 *
 * Input `rows` [rows, d], output `product` float32 [rows, n]. Weights are constants, which ONNX Runtime packs once; only
 * then are results the same bits for any number of rows and any n (notes in docs/architecture.md). z is a node of its
 * own, never folded into the bias: real activations have terms a hundred times as large as their sum, and float32
 * would lose what is left.
 *
 * @param encoder [n, d]
 * @param inputBias [d]
 */
export function encoderModel(
  { inputWidth, normalization, inputScale }: EncodedSae,
  rowType: RowType,
  encoder: Float32Array,
  inputBias: Float32Array | undefined,
): Uint8Array {
  const n = encoder.length / inputWidth;
  const graph = new OnnxGraph();
  const rows = graph.input(rowsName, inputTypes[rowType], ['rows', inputWidth]);
  let z = normalized(graph, widened(graph, rows, rowType), normalization, inputWidth);
  if (inputScale !== 1) z = graph.node('Mul', [z, scalar(graph, inputScale)]);
  if (inputBias) z = graph.node('Sub', [z, graph.constant(inputBias, [inputWidth])]);
  graph.node('Gemm', [z, graph.constant(encoder, [n, inputWidth])], { transB: 1 }, productName);
  graph.output(productName, ElementType.float32, ['rows', n]);
  return graph.finish();
}

/** Exact: float32 holds every float16 and every bfloat16. */
function widened(graph: OnnxGraph, rows: string, rowType: RowType): string {
  switch (rowType) {
    case 'F32':
      return rows;
    case 'F16':
      return graph.node('Cast', [rows], { to: ElementType.float32 });
    case 'BF16':
      return graph.node('Cast', [graph.node('BitCast', [rows], { to: ElementType.bfloat16 })], {
        to: ElementType.float32,
      });
  }
}

function normalized(
  graph: OnnxGraph,
  x: string,
  normalization: EncodedSae['normalization'],
  inputWidth: number,
): string {
  switch (normalization) {
    case 'none':
      return x;
    case 'constantNorm': {
      const norm = graph.node('Sqrt', [sumOfSquares(graph, x, inputWidth)]);
      const divisor = overflowing(graph, graph.node('Max', [norm, scalar(graph, leastNorm)]));
      return graph.node('Div', [graph.node('Mul', [x, scalar(graph, Math.sqrt(inputWidth))]), divisor]);
    }
    case 'layerNorm': {
      const mean = graph.node('Div', [sum(graph, x, inputWidth), scalar(graph, inputWidth)]);
      const centred = graph.node('Sub', [x, mean]);
      const squares = sumOfSquares(graph, centred, inputWidth);
      const deviation = graph.node('Sqrt', [graph.node('Div', [squares, scalar(graph, inputWidth - 1)])]);
      const divisor = graph.node('Add', [deviation, scalar(graph, layerNormEpsilon)]);
      return graph.node('Div', [centred, overflowing(graph, divisor)]);
    }
  }
}

function sumOfSquares(graph: OnnxGraph, x: string, inputWidth: number): string {
  return sum(graph, graph.node('Mul', [x, x]), inputWidth);
}

/**
 * Sums of rows [rows, 1]. A product with ones, because it is as reproducible as the encoder's own: ReduceSum adds up in
 * an order that depends on where a row lies in memory.
 */
function sum(graph: OnnxGraph, x: string, inputWidth: number): string {
  return graph.node('Gemm', [x, graph.constant(new Float32Array(inputWidth).fill(1), [1, inputWidth])], { transB: 1 });
}

/** Infinity becomes NaN, which the scan reports; dividing by infinity would give an innocent 0. */
function overflowing(graph: OnnxGraph, divisor: string): string {
  return graph.node('Add', [divisor, graph.node('Mul', [divisor, scalar(graph, 0)])]);
}

function scalar(graph: OnnxGraph, value: number): string {
  return graph.constant(Float32Array.of(value), []);
}
