import { relativeKeyFault } from '../storage/uri.js';
import { checkedColumnBytes, columnBytes, dtypeFault, recordBytes, shapeFault } from './columns.js';
import type { Column, Dataset, Shard } from './dataset.js';
import { codecOf } from './encoding.js';
import { npyHolds } from './npy.js';
import { quoted } from './shardHeader.js';

/**
 * What a dataset of the right types may still get wrong, as a sentence without its end, or undefined when it is sound:
 * then every number in it can be used without further checks.
 */
export function datasetFault(dataset: Dataset): string | undefined {
  return columnsFault(dataset) ?? shardsFault(dataset);
}

function columnsFault(dataset: Dataset): string | undefined {
  const { columns, encoding } = dataset;
  const names = new Set<string>();
  for (const column of columns) {
    const named = `column ${quoted(column.name)}`;
    if (names.has(column.name)) return `${named} is listed twice`;
    names.add(column.name);
    if (/\p{Surrogate}/u.test(column.name)) return `the name of ${named} is not valid Unicode`;
    if (encoding === 'safetensors' && column.name === '__metadata__')
      return `${named} has a name that safetensors reserves`;
    const fault = dtypeFault(column.dtype);
    if (fault) return `${named} has dtype ${quoted(column.dtype)}, which ${fault}`;
    const misshapen = shapeFault(column.shape);
    if (misshapen) return `${named} has a shape that ${misshapen}`;
    if (checkedColumnBytes(column) === undefined) return `${named} is too large to count its bytes exactly`;
  }
  const bytes = recordBytes(dataset);
  if (bytes === 0) return 'its records have no bytes';
  if (!Number.isSafeInteger(bytes)) return 'its records are too large to count their bytes exactly';
  return encodingFault(dataset, columns, bytes);
}

function encodingFault(dataset: Dataset, columns: readonly Column[], bytes: number): string | undefined {
  const { encoding } = dataset;
  if (encoding !== 'raw' && dataset.recordBytes !== undefined)
    return `recordBytes is for raw only, not for ${encoding}`;
  if (encoding === 'safetensors') return undefined;
  const [column, ...others] = columns;
  if (!column || others.length > 0) return `encoding ${encoding} has one column, not ${columns.length}`;
  if (encoding === 'npy') return npyHolds(column.dtype) ? undefined : `npy files cannot hold dtype ${column.dtype}`;
  if (column.dtype !== 'U8') return `the column of encoding raw has dtype U8, not ${column.dtype}`;
  if (dataset.recordBytes === bytes) return undefined;
  return `recordBytes is ${dataset.recordBytes ?? 'missing'}, but its column has ${bytes} bytes a record`;
}

function shardsFault(dataset: Dataset): string | undefined {
  const { extension } = codecOf(dataset);
  const recordSize = recordBytes(dataset);
  const keys = new Set<string>();
  let rows = 0;
  for (const shard of dataset.shards) {
    const fault =
      relativeKeyFault(shard.key) ??
      (shard.key.endsWith(extension) ? undefined : `does not end in ${extension}, as ${dataset.encoding} files do`) ??
      (keys.has(shard.key) ? 'is listed twice' : undefined) ??
      sizeFault(dataset.columns, recordSize, shard);
    if (fault) return `shard ${quoted(shard.key)} ${fault}`;
    keys.add(shard.key);
    rows += shard.rows;
  }
  if (!Number.isSafeInteger(rows)) return 'its shards have more rows than 2^53 - 1';
  if (rows !== dataset.rows) return `it has ${dataset.rows} rows, but its shards have ${rows} together`;
  if (rows === 0) return 'it has zero rows, so there is nothing to do with it';
  return undefined;
}

function sizeFault(columns: readonly Column[], recordSize: number, shard: Shard): string | undefined {
  const expected = shard.header + shard.rows * recordSize;
  if (!shard.offsets) {
    return expected === shard.bytes
      ? undefined
      : `has ${shard.bytes} bytes, but a header of ${shard.header} and ${shard.rows} records of ${recordSize} take ${expected}`;
  }
  if (shard.offsets.length !== columns.length) {
    return `has ${shard.offsets.length} offsets for ${columns.length} columns`;
  }
  const spans = columns.map((column, index) => {
    const begin = shard.offsets?.[index] ?? 0;
    return { name: column.name, begin, end: begin + shard.rows * columnBytes(column) };
  });
  let next = 0;
  for (const { name, begin, end } of spans.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < next) return `has column ${quoted(name)} at offset ${begin}, inside another that ends at ${next}`;
    next = end;
  }
  const dataBytes = shard.bytes - shard.header;
  return next <= dataBytes ? undefined : `has columns up to offset ${next}, but only ${dataBytes} bytes of data`;
}
