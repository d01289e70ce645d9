import { InvalidInput } from '../errors.js';
import { packedOffsets } from './columns.js';
import type { Column, Dataset, Encoding, Shard } from './dataset.js';
import { encodeNpyHeader, npyHeaderBytes, parseNpyHeader } from './npy.js';
import { parseRaw } from './raw.js';
import { encodeSafetensorsHeader, parseSafetensorsHeader, safetensorsHeaderBytes } from './safetensors.js';
import type { ShardHeader } from './shardHeader.js';

export { columnBytes, recordBytes } from './columns.js';

/** What riffle needs to know of a file format. Columns stand one after the other, each as rows without gaps. */
export interface Codec {
  readonly encoding: Encoding;
  /** How the keys of shard files end. */
  readonly extension: string;
  /** The bytes that precede the data of a file with `rows` rows of these columns; a function of the arguments alone. */
  encodeHeader(columns: readonly Column[], rows: number, metadata?: Readonly<Record<string, string>>): Uint8Array;
  /**
   * How many of the object's first bytes hold its header.
   * @param start the first `Math.min(objectBytes, codecStartBytes)` bytes or more
   * @throws ShardInvalid
   */
  headerBytes(start: Uint8Array, objectBytes: number, where: string): number;
  /**
   * @param bytes the object's first bytes, at least the whole header
   * @throws ShardInvalid for everything that the header says and riffle cannot use, or the object's length belies
   */
  parseHeader(bytes: Uint8Array, objectBytes: number, where: string): ShardHeader;
}

/** `headerBytes` can tell the header's length from this many bytes. */
export const codecStartBytes = 16;

const safetensors: Codec = {
  encoding: 'safetensors',
  extension: '.safetensors',
  encodeHeader: encodeSafetensorsHeader,
  headerBytes: safetensorsHeaderBytes,
  parseHeader: parseSafetensorsHeader,
};

const npy: Codec = {
  encoding: 'npy',
  extension: '.npy',
  encodeHeader: encodeNpyHeader,
  headerBytes: npyHeaderBytes,
  parseHeader: parseNpyHeader,
};

function raw(recordBytes: number): Codec {
  return {
    encoding: 'raw',
    extension: '.bin',
    encodeHeader: () => new Uint8Array(0),
    headerBytes: () => 0,
    parseHeader: (_bytes, objectBytes, where) => parseRaw(objectBytes, recordBytes, where),
  };
}

/**
 * The codec of an encoding.
 * @throws InvalidInput when `recordBytes` is not a positive integer for `raw`, or is given for another encoding
 */
export function codecOf(dataset: { readonly encoding: Encoding; readonly recordBytes?: number | undefined }): Codec {
  const { encoding, recordBytes } = dataset;
  if (encoding !== 'raw') {
    if (recordBytes === undefined) return encoding === 'npy' ? npy : safetensors;
    throw new InvalidInput(
      `Record bytes (${recordBytes}) belong to encoding raw only: ${encoding} files say their own.`,
    );
  }
  if (recordBytes === undefined || !Number.isSafeInteger(recordBytes) || recordBytes < 1) {
    throw new InvalidInput(
      `Encoding raw needs the bytes of one record, an integer of at least 1, not ${recordBytes ?? 'nothing'}: ` +
        'pass --record-bytes N.',
    );
  }
  return raw(recordBytes);
}

/** Byte offset in the file, for each column of the dataset, where its data begins. */
export function shardColumnOffsets(dataset: Pick<Dataset, 'columns'>, shard: Shard): number[] {
  const offsets = shard.offsets ?? packedOffsets(dataset.columns, shard.rows);
  return offsets.map((offset) => shard.header + offset);
}

/** Consecutive rows of one shard. */
export interface RowRange {
  readonly shardIndex: number;
  /** First row, counted in the shard. */
  readonly rowInShard: number;
  readonly rows: number;
}

const firstRowsOf = new WeakMap<readonly Shard[], Float64Array>();

/** The first row of each shard in the dataset, and at the end the number of all rows. Computed once per dataset. */
export function firstRows(dataset: Pick<Dataset, 'shards'>): Float64Array {
  let first = firstRowsOf.get(dataset.shards);
  if (!first) {
    first = new Float64Array(dataset.shards.length + 1);
    for (const [index, shard] of dataset.shards.entries()) first[index + 1] = (first[index] ?? 0) + shard.rows;
    firstRowsOf.set(dataset.shards, first);
  }
  return first;
}

/**
 * Where rows [firstRow, firstRow + rows) of the dataset are, in row order; shards without rows are left out.
 * @throws RangeError when the dataset does not have these rows
 */
export function locateRows(dataset: Pick<Dataset, 'shards'>, firstRow: number, rows: number): RowRange[] {
  const first = firstRows(dataset);
  const total = first[first.length - 1] ?? 0;
  const end = firstRow + rows;
  if (!Number.isSafeInteger(firstRow) || !Number.isSafeInteger(rows) || firstRow < 0 || rows < 0 || end > total) {
    throw new RangeError(`Rows ${firstRow} to ${end} of a dataset of ${total} rows`);
  }
  const ranges: RowRange[] = [];
  let shardIndex = lastAtMost(first, firstRow);
  for (let row = firstRow; row < end; shardIndex++) {
    const shardEnd = first[shardIndex + 1] ?? total;
    const count = Math.min(end, shardEnd) - row;
    if (count > 0) ranges.push({ shardIndex, rowInShard: row - (first[shardIndex] ?? 0), rows: count });
    row += count;
  }
  return ranges;
}

/** The last index whose value is at most `value`, in an ascending array that begins with 0. */
function lastAtMost(ascending: Float64Array, value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((ascending[middle] ?? Infinity) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
