/** Types of a dataset as dataset.json describes it (format in docs/formats.md). Reading and checking: readDataset.ts. */

export const datasetFormat = 'riffle.dataset/1';

export type Encoding = 'safetensors' | 'npy' | 'raw';

export interface Column {
  readonly name: string;
  /** safetensors name of the element type, e.g. `F16`; for `raw` always `U8`. */
  readonly dtype: string;
  /** Shape of one record's entry: the tensor's shape without its first dimension. */
  readonly shape: readonly number[];
}

export interface Shard {
  /** Relative to the dataset's prefix. */
  readonly key: string;
  readonly rows: number;
  /** Length of the object. */
  readonly bytes: number;
  /** Where the data begins. */
  readonly header: number;
  readonly etag: string;
  /** Byte offset of each column, from `header`, where the shard's columns are not in the dataset's order without holes. */
  readonly offsets?: readonly number[] | undefined;
  /** CRC-32 of the whole object in hex, where riffle wrote it. */
  readonly crc32?: string | undefined;
}

/** What a shuffled dataset says of its order: with equal values the permutation is the same. */
export interface ShuffleRecord {
  /** SHA-256 of the layout. */
  readonly layout: string;
  readonly seed: string;
  readonly blockRows: number;
  readonly outputShardRows: number;
  /** 128-bit multiset digest of all records of the shuffle, those of both parts of a split, in hex. */
  readonly digest: string;
  /** Only where the output was cut in two: the share of its shards that is held out, and which part this is. */
  readonly split?: { readonly heldOut: number; readonly part: 'training' | 'held-out' } | undefined;
}

export interface Dataset {
  readonly format: typeof datasetFormat;
  readonly rows: number;
  readonly encoding: Encoding;
  /** Columns in file order. */
  readonly columns: readonly Column[];
  /** Shards in row order. */
  readonly shards: readonly Shard[];
  /** Only for `raw`. */
  readonly recordBytes?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly shuffle?: ShuffleRecord | undefined;
}
