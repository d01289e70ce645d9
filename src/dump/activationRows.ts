import { columnBytes } from '../formats/columns.js';
import { toFloat32 } from '../formats/float32.js';
import type { ActivationDtype } from '../formats/float32.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { readColumns } from './columnView.js';
import type { ReadOptions } from './columnView.js';
import type { Dump } from './dump.js';

/**
 * Reads the activations of rows [first, first + rows) as they are stored.
 * @param target memory for `rows * dump.rowBytes` bytes
 * @throws ObjectMissing or ObjectChanged when a shard is not the one that dataset.json describes
 */
export async function readActivations(
  store: ObjectStore,
  dump: Dump,
  first: number,
  rows: number,
  target: Uint8Array,
  options?: ReadOptions,
): Promise<void> {
  await readColumns(store, dump.activations, first, rows, [target], options);
}

/** An infinity or a NaN has all bits of its exponent set. */
const exponentBits = { F16: 0x7c00, BF16: 0x7f80, F32: 0x7f800000 } as const;

/** Activations as they are stored, row after row, at an address that is a multiple of an element's bytes. */
export interface StoredActivations {
  readonly bytes: Uint8Array;
  readonly dtype: ActivationDtype;
  /** Numbers of a row. */
  readonly width: number;
}

/** The rows, counted from the first, that hold an infinity or a NaN. */
export function nonFiniteRows({ bytes, dtype, width }: StoredActivations): number[] {
  const { buffer, byteOffset, length } = bytes;
  const bits =
    dtype === 'F32' ? new Uint32Array(buffer, byteOffset, length / 4) : new Uint16Array(buffer, byteOffset, length / 2);
  const exponent = exponentBits[dtype];
  const rows: number[] = [];
  for (let first = 0; first < bits.length; first += width) {
    for (let i = first; i < first + width; i++) {
      if ((bits[i]! & exponent) !== exponent) continue;
      rows.push(first / width);
      break;
    }
  }
  return rows;
}

/** The Euclidean norm of each row. Squares are summed in float64 in the order of the row, so it is the same everywhere. */
export function rowNorms({ bytes, dtype, width }: StoredActivations): Float64Array {
  const scratch = new Float32Array(width);
  const rowBytes = columnBytes({ dtype, shape: [width] });
  return Float64Array.from({ length: bytes.length / rowBytes }, (_, row) => {
    const values = toFloat32(dtype, bytes.subarray(row * rowBytes, (row + 1) * rowBytes), scratch);
    let sum = 0;
    for (let i = 0; i < width; i++) sum += values[i]! * values[i]!;
    return Math.sqrt(sum);
  });
}
