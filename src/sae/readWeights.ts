import { forEachConcurrently } from '../concurrently.js';
import { quoted } from '../formats/shardHeader.js';
import type { CallOptions, ObjectStore } from '../storage/objectStore.js';
import { saeFault } from './faults.js';
import { firstNonFinite, floatBytes, toFloat32 } from '../formats/float32.js';
import type { TensorFile, WeightTensor } from './tensorFile.js';

/** Bytes of the largest read. With `concurrentReads` of them and one piece as float32 a call takes at most 40 MiB. */
const pieceBytes = 4 * 1024 * 1024;

const concurrentReads = 8;

/** Runs with a smaller gap between them are read as one: the bytes cost less than a request. */
const coalescedGap = 64 * 1024;

/** A matrix with one vector of `width` numbers a feature: stored [features, width] (axis 0), or [width, features] (1). */
export interface FeatureMatrix {
  readonly tensor: WeightTensor;
  readonly featureAxis: 0 | 1;
}

/** `runs` runs of `length` elements of a tensor, `stride` elements apart; the first run begins at element `first`. */
interface Runs {
  readonly first: number;
  readonly runs: number;
  readonly length: number;
  readonly stride: number;
}

/** What one read covers: elements [element, element + length) of the runs [run, run + runs). */
interface Piece {
  readonly run: number;
  readonly runs: number;
  readonly element: number;
  readonly length: number;
}

/** Reads the features [from, to) of a matrix as float32 [to - from, width]. @throws SaeInvalid, see `readRuns` */
export async function readFeatures(
  store: ObjectStore,
  file: TensorFile,
  { tensor, featureAxis }: FeatureMatrix,
  from: number,
  to: number,
  options?: CallOptions,
): Promise<Float32Array> {
  const [rows = 0, columns = 0] = tensor.shape;
  const count = to - from;
  if (featureAxis === 0) {
    const target = new Float32Array(count * columns);
    const all = { first: from * columns, runs: 1, length: target.length, stride: target.length };
    await readRuns(store, file, tensor, all, ({ element }, values) => target.set(values, element), options);
    return target;
  }
  const target = new Float32Array(count * rows);
  const slices = { first: from, runs: rows, length: count, stride: columns };
  const transpose = ({ run, runs, element, length }: Piece, values: Float32Array): void => {
    for (let feature = 0; feature < length; feature++) {
      const at = (element + feature) * rows + run;
      for (let row = 0; row < runs; row++) target[at + row] = values[row * columns + feature]!;
    }
  };
  await readRuns(store, file, tensor, slices, transpose, options);
  return target;
}

/** Reads elements [from, to) of a vector as float32. @throws SaeInvalid, see `readRuns` */
export async function readVector(
  store: ObjectStore,
  file: TensorFile,
  tensor: WeightTensor,
  from: number,
  to: number,
  options?: CallOptions,
): Promise<Float32Array> {
  const target = new Float32Array(to - from);
  const all = { first: from, runs: 1, length: to - from, stride: to - from };
  await readRuns(store, file, tensor, all, ({ element }, values) => target.set(values, element), options);
  return target;
}

/**
 * @param place takes the elements of a piece, whose runs lie `stride` apart in `values`
 * @throws SaeInvalid for NaN, infinities and numbers beyond float32; what the store throws
 */
async function readRuns(
  store: ObjectStore,
  file: TensorFile,
  tensor: WeightTensor,
  runs: Runs,
  place: (piece: Piece, values: Float32Array) => void,
  options?: CallOptions,
): Promise<void> {
  const size = floatBytes[tensor.dtype];
  const buffers: ArrayBuffer[] = [];
  let scratch: Float32Array | undefined;
  await forEachConcurrently(pieces(runs, size), concurrentReads, options?.signal, async (piece, signal) => {
    const first = runs.first + piece.run * runs.stride + piece.element;
    const bytes = ((piece.runs - 1) * runs.stride + piece.length) * size;
    const buffer = buffers.pop() ?? new ArrayBuffer(bufferBytes(runs, size));
    const target = new Uint8Array(buffer, 0, bytes);
    const start = tensor.start + first * size;
    const range = { start, end: start + bytes };
    await store.readInto(file.location, range, target, { signal, ifMatch: file.head.etag });
    scratch ??= new Float32Array(tensor.dtype === 'F32' ? 0 : buffer.byteLength / size);
    const values = toFloat32(tensor.dtype, target, scratch);
    const fault = firstNonFinite(values);
    if (fault >= 0) throw nonFinite(file.where, tensor, first + fault, values[fault]!);
    place(piece, values);
    buffers.push(buffer);
  });
}

/** Bytes of the largest piece. */
function bufferBytes({ runs, length, stride }: Runs, size: number): number {
  return Math.min(pieceBytes, ((runs - 1) * stride + length) * size);
}

/** Cuts runs into pieces of at most `pieceBytes`, in the order of the file. */
function* pieces({ runs, length, stride }: Runs, size: number): Generator<Piece> {
  const largest = pieceBytes / size;
  const near = (stride - length) * size < coalescedGap && length <= largest;
  const together = near ? Math.floor((largest - length) / stride) + 1 : 1;
  for (let run = 0; run < runs; run += together) {
    for (let element = 0; element < length; element += largest) {
      yield {
        run,
        runs: Math.min(together, runs - run),
        element,
        length: Math.min(largest, length - element),
      };
    }
  }
}

function nonFinite(where: string, { name, shape }: WeightTensor, index: number, value: number): Error {
  const place: number[] = [];
  let rest = index;
  for (const size of shape.toReversed()) {
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return saeFault(where, `tensor ${quoted(name)} holds ${value} (as float32) at [${place.join(', ')}]`);
}
