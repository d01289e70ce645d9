import { memberNames, parseBoundedJson } from './boundedJson.js';
import { checkedColumnBytes, columnBytes, dtypeBytes, dtypeFault, shapeFault } from './columns.js';
import type { Column } from './dataset.js';
import { compareText, quoted, shardFault, type ShardHeader } from './shardHeader.js';

/** Bytes before the JSON: its length, as an unsigned 64-bit little-endian integer. */
const lengthBytes = 8;

/** The reference implementation refuses longer headers. */
const maxJsonBytes = 100_000_000;

/** A header within the byte limit could still hold tens of millions of empty arrays: far more than memory. */
const limits = { depth: 8, values: 1_000_000 };

const metadataName = '__metadata__';

/** One tensor of a safetensors file; `begin` and `end` count bytes from the end of the header. */
export interface Tensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** What the header of a safetensors file says, checked against the file's length. */
export interface SafetensorsHeader {
  /** Where the data begins. */
  readonly header: number;
  /** In file order. */
  readonly tensors: readonly Tensor[];
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Where the data of a safetensors file begins: 8 + the length of its JSON.
 * @param start the first bytes of the object, at least 8 where it has as many
 * @param objectBytes the object's length
 * @param where what is read, for messages
 * @throws ShardInvalid when the length is more than 100 MB or than the object holds
 */
export function safetensorsHeaderBytes(start: Uint8Array, objectBytes: number, where: string): number {
  if (objectBytes < lengthBytes || start.length < lengthBytes) {
    throw shardFault(where, `it has ${objectBytes} bytes, and a safetensors file at least ${lengthBytes}`);
  }
  const length = Buffer.from(start.buffer, start.byteOffset, lengthBytes).readBigUInt64LE();
  if (length > BigInt(maxJsonBytes)) {
    throw shardFault(
      where,
      `bytes 0-7 claim a safetensors header of ${length} bytes, and no header may be longer than ${maxJsonBytes}`,
    );
  }
  const header = lengthBytes + Number(length);
  if (header > objectBytes) {
    throw shardFault(where, `its safetensors header ends at byte ${header}, but the object has ${objectBytes} bytes`);
  }
  return header;
}

/**
 * Parses the header of a safetensors file and checks it against the object's length, as strictly as the reference
 * implementation: no holes, no overlaps, no bytes left over. On top of that no tensor is a scalar, and dtypes are of
 * whole bytes.
 * @param bytes the object's first bytes, at least the whole header
 * @param objectBytes the object's length
 * @param where what is read, for messages
 * @throws ShardInvalid
 */
export function parseSafetensorsTensors(bytes: Uint8Array, objectBytes: number, where: string): SafetensorsHeader {
  const header = safetensorsHeaderBytes(bytes, objectBytes, where);
  if (bytes.length < header) throw new RangeError(`${bytes.length} bytes given, and the header has ${header}`);
  const { members, metadata } = parseJson(bytes.subarray(lengthBytes, header), where);

  const tensors = members.map(([name, value]) => parseTensor(name, value, where));
  if (tensors.length === 0) throw shardFault(where, 'its header names no tensor');
  // Stable: tensors without bytes keep the order in which the header names them.
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(tensors, objectBytes - header, where);
  return { header, tensors, metadata };
}

/**
 * `parseSafetensorsTensors` for a shard: all tensors share their first dimension, the rows.
 * @throws ShardInvalid
 */
export function parseSafetensorsHeader(bytes: Uint8Array, objectBytes: number, where: string): ShardHeader {
  const { header, tensors, metadata } = parseSafetensorsTensors(bytes, objectBytes, where);
  const rows = tensors[0]?.shape[0] ?? 0;
  const columns = tensors.map((tensor): Column => {
    if (tensor.shape[0] !== rows) {
      throw shardFault(
        where,
        `tensors ${quoted(tensors[0]?.name)} and ${quoted(tensor.name)} have ${rows} and ${tensor.shape[0]} rows; ` +
          'all tensors of a shard must agree in their first dimension',
      );
    }
    return { name: tensor.name, dtype: tensor.dtype, shape: tensor.shape.slice(1) };
  });
  return { rows, header, columns, offsets: tensors.map(({ begin }) => begin), metadata };
}

/**
 * The header of a safetensors file that holds `rows` rows of these columns, in this order and without holes. It is a
 * function of its arguments alone (metadata sorted by name), written as the reference implementation writes it: compact
 * JSON, padded with spaces to a multiple of 8 bytes.
 */
export function encodeSafetensorsHeader(
  columns: readonly Column[],
  rows: number,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const members: string[] = [];
  const entries = Object.entries(metadata).sort(([a], [b]) => compareText(a, b));
  if (entries.length > 0) {
    const pairs = entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
    members.push(`"${metadataName}":{${pairs.join(',')}}`);
  }
  let begin = 0;
  for (const column of columns) {
    const end = begin + rows * columnBytes(column);
    const tensor = { dtype: column.dtype, shape: [rows, ...column.shape], data_offsets: [begin, end] };
    members.push(`${JSON.stringify(column.name)}:${JSON.stringify(tensor)}`);
    begin = end;
  }
  const json = Buffer.from(`{${members.join(',')}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  const header = Buffer.alloc(lengthBytes + padded, ' ');
  header.writeBigUInt64LE(BigInt(padded));
  json.copy(header, lengthBytes);
  return header;
}

/** Splits the header's JSON into tensors, in the order of the text, and metadata. */
function parseJson(
  bytes: Uint8Array,
  where: string,
): { members: (readonly [string, unknown])[]; metadata: ReadonlyMap<string, string> } {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = parseBoundedJson(text, limits);
  } catch (error) {
    throw shardFault(where, `its safetensors header is not JSON: ${(error as Error).message}`, error);
  }
  if (!isObject(value)) throw shardFault(where, 'its safetensors header is JSON, but not an object');
  const names = memberNames(text);
  const values = new Map(Object.entries(value));
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw shardFault(where, `its header names ${quoted(name)} twice`);
    if (/\p{Surrogate}/u.test(name)) throw shardFault(where, `the name ${quoted(name)} is not valid Unicode`);
    seen.add(name);
  }
  const metadata = parseMetadata(values.get(metadataName), where);
  return {
    members: names.filter((name) => name !== metadataName).map((name) => [name, values.get(name)] as const),
    metadata,
  };
}

function parseMetadata(value: unknown, where: string): ReadonlyMap<string, string> {
  if (value === undefined || value === null) return new Map();
  if (!isObject(value)) throw shardFault(where, `${metadataName} is not an object of strings`);
  return new Map(
    Object.entries(value).map(([name, entry]) => {
      if (typeof entry !== 'string' || /\p{Surrogate}/u.test(name + entry)) {
        throw shardFault(where, `${quoted(name)} of ${metadataName} is not a valid string`);
      }
      return [name, entry];
    }),
  );
}

function parseTensor(name: string, value: unknown, where: string): Tensor {
  const fault = (what: string) => shardFault(where, `tensor ${quoted(name)} ${what}`);
  if (!isObject(value)) throw fault('is not described by an object');
  const { dtype, shape, data_offsets: offsets } = value;

  if (typeof dtype !== 'string') throw fault('has no dtype');
  const unusable = dtypeFault(dtype);
  if (unusable) throw fault(`has dtype ${quoted(dtype)}, which ${unusable}`);

  if (!isNumbers(shape)) throw fault('has no shape: it must be a list of numbers');
  const misshapen = shapeFault(shape);
  if (misshapen) throw fault(`has a shape that ${misshapen}`);
  if (shape.length === 0) throw fault('is a scalar; it needs a first dimension, the rows');
  const bytes = checkedColumnBytes({ dtype, shape });
  if (bytes === undefined || checkedColumnBytes({ dtype, shape: shape.slice(1) }) === undefined) {
    throw fault(`of shape [${shape.slice(0, 16).join(', ')}] is too large to count its bytes exactly`);
  }

  if (!isNumbers(offsets) || offsets.length !== 2) throw fault('has no data_offsets: they must be two numbers');
  const [begin, end] = offsets as [number, number];
  if (!Number.isSafeInteger(begin) || !Number.isSafeInteger(end) || begin < 0 || end < begin) {
    throw fault(`has data_offsets [${begin}, ${end}], which are not a byte range`);
  }
  if (end - begin !== bytes) {
    throw fault(
      `has data_offsets [${begin}, ${end}], ${end - begin} bytes, but shape [${shape.slice(0, 16).join(', ')}] of ` +
        `${dtype} (${dtypeBytes(dtype)} bytes each) takes ${bytes}`,
    );
  }
  return { name, dtype, shape, begin, end };
}

/** Checks that the tensors, in order of their offsets, fill the data to the last byte. */
function checkCoverage(tensors: readonly Tensor[], dataBytes: number, where: string): void {
  let next = 0;
  for (const { name, begin, end } of tensors) {
    if (begin < next) {
      throw shardFault(
        where,
        `tensor ${quoted(name)} begins at data byte ${begin}, inside another that ends at ${next}`,
      );
    }
    if (begin > next) {
      throw shardFault(where, `data bytes ${next} to ${begin} before tensor ${quoted(name)} belong to no tensor`);
    }
    next = end;
  }
  if (next !== dataBytes) {
    const kind = dataBytes < next ? 'is truncated' : 'is too long';
    throw shardFault(
      where,
      `it ${kind}: its tensors take ${next} bytes after the header, and the object has ${dataBytes}`,
    );
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'number');
}
