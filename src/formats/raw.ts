import type { Column } from './dataset.js';
import { shardFault, type ShardHeader } from './shardHeader.js';

/** The one column of a raw dataset: whole records, as bytes. */
export function rawColumn(recordBytes: number): Column {
  return { name: 'record', dtype: 'U8', shape: [recordBytes] };
}

/**
 * A raw file is nothing but records: its length tells how many.
 * @throws ShardInvalid when the length is no multiple of `recordBytes`
 */
export function parseRaw(objectBytes: number, recordBytes: number, where: string): ShardHeader {
  const rest = objectBytes % recordBytes;
  if (rest !== 0) {
    throw shardFault(
      where,
      `its ${objectBytes} bytes are ${Math.floor(objectBytes / recordBytes)} records of ${recordBytes} bytes and ` +
        `${rest} bytes over: it is truncated, or its records have another size`,
    );
  }
  return {
    rows: objectBytes / recordBytes,
    header: 0,
    columns: [rawColumn(recordBytes)],
    offsets: [0],
    metadata: new Map(),
  };
}
