import { damaged, viewOf } from './pack.js';

/** What one row of a column is. Numbers are little-endian. */
export type ColumnType = 'U8' | 'U32' | 'F32' | 'F64';
export type ColumnValues = Uint8Array | Uint32Array | Float32Array | Float64Array;

export interface Column {
  readonly name: ColumnName;
  readonly dtype: ColumnType;
}

/** What a feature's row says; in the order in which the columns are listed. */
export interface TableRow {
  /** Index into `states`. */
  readonly state: number;
  /** Tokens on which it fires; density is this over the run's tokens. */
  readonly firing: number;
  readonly max: number;
  /** The float32 next to the page's mean. */
  readonly mean: number;
  /** Commonest token id of the sample, or `noToken`. */
  readonly topToken: number;
  /** Its share in the sample, as float32. */
  readonly topShare: number;
}
export type ColumnName = keyof TableRow;

/** What the numbers of the column `state` mean. Rows of features that the run leaves out hold 0 in every column. */
export const states = [
  'not in the run',
  'dead: never fires',
  'dead: fires only on excluded tokens',
  'alive',
  'dense',
] as const;

export const noToken = 2 ** 32 - 1;

/** The columns of a run's feature table. @param tokens of the run: counts of more than 2^32 tokens take float64 */
export function tableColumns(tokens: number): readonly Column[] {
  return [
    { name: 'state', dtype: 'U8' },
    { name: 'firing', dtype: tokens < 2 ** 32 ? 'U32' : 'F64' },
    { name: 'max', dtype: 'F32' },
    { name: 'mean', dtype: 'F32' },
    { name: 'topToken', dtype: 'U32' },
    { name: 'topShare', dtype: 'F32' },
  ];
}

export function newColumn(dtype: ColumnType, rows: number): ColumnValues {
  switch (dtype) {
    case 'U8':
      return new Uint8Array(rows);
    case 'U32':
      return new Uint32Array(rows);
    case 'F32':
      return new Float32Array(rows);
    case 'F64':
      return new Float64Array(rows);
  }
}

/**
 * Rows of a column as byte planes: the first bytes of all rows, then the second ones, and so on. Bytes of one
 * significance resemble each other, so they pack well.
 */
export function encodeRows(values: ColumnValues): Uint8Array {
  const width = values.BYTES_PER_ELEMENT;
  const bytes = littleEndian(values);
  const planes = new Uint8Array(bytes.length);
  for (let plane = 0, at = 0; plane < width; plane++) {
    for (let from = plane; from < bytes.length; from += width) planes[at++] = bytes[from]!;
  }
  return planes;
}

/**
 * Puts the rows of one item into a column.
 * @param first row of the item in the column
 * @throws RunDamaged that names `file` when they do not fit
 */
export function decodeRows(planes: Uint8Array, column: ColumnValues, first: number, file: string): void {
  const width = column.BYTES_PER_ELEMENT;
  const rows = planes.length / width;
  if (!Number.isInteger(rows) || first + rows > column.length) {
    throw damaged(file, `the item of row ${first} has ${planes.length} bytes`);
  }
  // Straight to the bytes of the numbers: a million rows are read while someone waits.
  const bytes = new Uint8Array(column.buffer, column.byteOffset + first * width, planes.length);
  for (let plane = 0, at = 0; plane < width; plane++) {
    for (let to = hostPlace(plane, width); to < bytes.length; to += width) bytes[to] = planes[at++]!;
  }
}

const hostIsLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Where this machine has the byte of a number that is the n-th in little-endian order. */
function hostPlace(n: number, width: number): number {
  return hostIsLittleEndian ? n : width - 1 - n;
}

function littleEndian(values: ColumnValues): Uint8Array {
  const bytes = new Uint8Array(values.byteLength);
  const view = viewOf(bytes);
  const width = values.BYTES_PER_ELEMENT;
  for (let row = 0; row < values.length; row++) {
    const value = values[row]!;
    if (values instanceof Uint8Array) view.setUint8(row, value);
    else if (values instanceof Uint32Array) view.setUint32(row * width, value, true);
    else if (values instanceof Float32Array) view.setFloat32(row * width, value, true);
    else view.setFloat64(row * width, value, true);
  }
  return bytes;
}
