import { readFileSync } from 'node:fs';

/** A tensor of a file, widened to float32 (or as int32), flat. */
export interface Tensor {
  shape: number[];
  data: Float32Array | Int32Array;
}

/** Reads a whole safetensors file of F16, F32 and I32 tensors. */
export function readSafetensors(path: string | URL): Map<string, Tensor> {
  const file = readFileSync(path);
  const begin = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, begin)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  delete header['__metadata__'];
  return new Map(
    Object.entries(header).map(([name, { dtype, shape, data_offsets: offsets }]) => {
      // A copy, so that it is aligned.
      const bytes = Uint8Array.from(file.subarray(begin + offsets[0], begin + offsets[1])).buffer;
      return [name, { shape, data: widen(dtype, bytes) }];
    }),
  );
}

function widen(dtype: string, bytes: ArrayBuffer): Float32Array | Int32Array {
  switch (dtype) {
    case 'F16':
      return Float32Array.from(new Uint16Array(bytes), fromHalf);
    case 'F32':
      return new Float32Array(bytes);
    case 'I32':
      return new Int32Array(bytes);
    default:
      throw new Error(`no dtype ${dtype} here`);
  }
}

function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** The rows of a matrix, as views. */
export function rowsOf({ shape, data }: Tensor): (Float32Array | Int32Array)[] {
  const [rows = 0, width = 0] = shape;
  return Array.from({ length: rows }, (_, row) => data.subarray(row * width, (row + 1) * width));
}
