import type { Column } from '../../src/formats/dataset.js';
import type { PlacedDataset } from '../../src/formats/concatenation.js';
import { columnBytes, dtypeBytes } from '../../src/formats/columns.js';
import { describe } from '../../src/formats/describe.js';
import { encodeSafetensorsHeader } from '../../src/formats/safetensors.js';
import type { TestBucket } from './testBucket.js';

/** A column with its content. */
export interface MadeColumn extends Column {
  /** Element `i` of the whole column; for floats its bits. */
  readonly value: (i: number) => number | bigint;
}

/**
 * Writes safetensors shards of these columns to a prefix of their own, as `riffle describe` finds them.
 * @param cuts records of each shard
 * @param order of the columns in the file of each shard
 */
export async function makeDump(
  bucket: TestBucket,
  columns: readonly MadeColumn[],
  cuts: readonly number[],
  nameOf: (shard: number) => string = (shard) => `${String(shard).padStart(5, '0')}.safetensors`,
  order: (shard: number) => readonly MadeColumn[] = () => columns,
): Promise<PlacedDataset> {
  const place = bucket.newPlace();
  let first = 0;
  for (const [shard, records] of cuts.entries()) {
    const ordered = order(shard);
    const parts = ordered.map((column) => columnData(column, first, records));
    const file = Buffer.concat([encodeSafetensorsHeader(ordered, records), ...parts]);
    await bucket.store.put({ bucket: place.bucket, key: place.prefix + nameOf(shard) }, [file]);
    first += records;
  }
  const { dataset } = await describe(bucket.store, place);
  return { place, dataset };
}

/** The bytes of records [first, first + records) of a column. */
export function columnData(column: MadeColumn, first: number, records: number): Buffer {
  const bytes = dtypeBytes(column.dtype)!;
  const perRecord = columnBytes(column) / bytes;
  const data = Buffer.alloc(records * perRecord * bytes);
  for (let i = 0; i < records * perRecord; i++) {
    const value = BigInt.asUintN(8 * bytes, BigInt(column.value(first * perRecord + i)));
    if (bytes === 8) data.writeBigUInt64LE(value, i * 8);
    else data.writeUIntLE(Number(value), i * bytes, bytes);
  }
  return data;
}
