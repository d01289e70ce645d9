import type { Column } from './dataset.js';

/**
 * Bytes per element of every safetensors dtype that takes whole bytes (the list of the reference implementation 0.8).
 * riffle moves these bytes and never looks inside.
 */
const elementBytes: ReadonlyMap<string, number> = new Map([
  ['BOOL', 1],
  ['U8', 1],
  ['I8', 1],
  ['F8_E5M2', 1],
  ['F8_E4M3', 1],
  ['F8_E8M0', 1],
  ['F8_E4M3FNUZ', 1],
  ['F8_E5M2FNUZ', 1],
  ['I16', 2],
  ['U16', 2],
  ['F16', 2],
  ['BF16', 2],
  ['I32', 4],
  ['U32', 4],
  ['F32', 4],
  ['C64', 8],
  ['F64', 8],
  ['I64', 8],
  ['U64', 8],
]);

const subByteDtypes: ReadonlySet<string> = new Set(['F4', 'F6_E2M3', 'F6_E3M2']);

/** Bytes of one element, or undefined when riffle cannot hold this dtype; `dtypeFault` then says why. */
export function dtypeBytes(dtype: string): number | undefined {
  return elementBytes.get(dtype);
}

/** Why a dtype cannot be used, as the rest of a sentence that begins with it, or undefined when it can. */
export function dtypeFault(dtype: string): string | undefined {
  if (elementBytes.has(dtype)) return undefined;
  if (subByteDtypes.has(dtype)) return 'takes less than a whole byte per element, which riffle cannot move by records';
  return `is unknown; riffle reads ${[...elementBytes.keys()].join(', ')}`;
}

/** Why a shape (of a column or a tensor) cannot be used, or undefined when it can. */
export function shapeFault(shape: readonly unknown[]): string | undefined {
  const fits = shape.every((size) => typeof size === 'number' && Number.isSafeInteger(size) && size >= 0);
  return fits ? undefined : 'holds something else than integers from 0 to 2^53 - 1';
}

/**
 * Bytes that one record has in this column, or undefined when its dtype is unusable or the product is not an exact
 * integer.
 */
export function checkedColumnBytes(column: Pick<Column, 'dtype' | 'shape'>): number | undefined {
  let bytes = dtypeBytes(column.dtype);
  for (const size of column.shape) {
    if (bytes === undefined) return undefined;
    bytes *= size;
    if (!Number.isSafeInteger(bytes)) return undefined;
  }
  return bytes;
}

/** Bytes that one record has in this column. @throws RangeError for a column that no parser would let through */
export function columnBytes(column: Pick<Column, 'dtype' | 'shape'>): number {
  const bytes = checkedColumnBytes(column);
  if (bytes === undefined) throw new RangeError(`Column of dtype ${column.dtype}, shape [${column.shape.join(', ')}]`);
  return bytes;
}

/** Bytes of one record: its entries of all columns together. */
export function recordBytes(dataset: { readonly columns: readonly Column[] }): number {
  return dataset.columns.reduce((sum, column) => sum + columnBytes(column), 0);
}

/** Where each column begins, in bytes from the end of the header, when `rows` entries of each follow without holes. */
export function packedOffsets(columns: readonly Column[], rows: number): number[] {
  let next = 0;
  return columns.map((column) => {
    const start = next;
    next += rows * columnBytes(column);
    return start;
  });
}
