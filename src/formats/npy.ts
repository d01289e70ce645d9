import { InvalidInput } from '../errors.js';
import { checkedColumnBytes, shapeFault } from './columns.js';
import type { Column } from './dataset.js';
import { parsePythonDict, type PythonValue } from './pythonLiteral.js';
import { quoted, shardFault, type ShardHeader } from './shardHeader.js';

/** The one column of an npy dataset: the file format has no name for its array. */
export const npyColumn = 'data';

const magic = Buffer.from('\x93NUMPY', 'latin1');

/** Far more than the dict of any array without named fields takes. */
const maxDictBytes = 65_536;

/** Data begin at a multiple of this, for memory maps. */
const alignment = 64;

/** NumPy pads the dict as if the first dimension had this many digits, so that it may grow in place. */
const growthDigits = 21;

const dtypeOfDescr: ReadonlyMap<string, string> = new Map([
  ['|b1', 'BOOL'],
  ['|i1', 'I8'],
  ['|u1', 'U8'],
  ['<i2', 'I16'],
  ['<u2', 'U16'],
  ['<f2', 'F16'],
  ['<i4', 'I32'],
  ['<u4', 'U32'],
  ['<f4', 'F32'],
  ['<i8', 'I64'],
  ['<u8', 'U64'],
  ['<f8', 'F64'],
  ['<c8', 'C64'],
]);

const descrOfDtype: ReadonlyMap<string, string> = new Map([...dtypeOfDescr].map(([descr, dtype]) => [dtype, descr]));

/** Whether the npy format has a type of its own for this safetensors dtype. */
export function npyHolds(dtype: string): boolean {
  return descrOfDtype.has(dtype);
}

/**
 * Where the data of an npy file begins.
 * @param start the first bytes of the object, at least 12 where it has as many
 * @param objectBytes the object's length
 * @param where what is read, for messages
 * @throws ShardInvalid for other files, format versions other than 1.0, 2.0 and 3.0, and lengths beyond the object
 */
export function npyHeaderBytes(start: Uint8Array, objectBytes: number, where: string): number {
  const { dictStart, dictBytes } = parsePreamble(start, where);
  const header = dictStart + dictBytes;
  if (header > objectBytes) {
    throw shardFault(where, `its npy header ends at byte ${header}, but the object has ${objectBytes} bytes`);
  }
  if (dictBytes > maxDictBytes) {
    throw shardFault(where, `its npy header has ${dictBytes} bytes; riffle reads at most ${maxDictBytes}`);
  }
  return header;
}

/**
 * Parses the header of an npy file (format 1.0, 2.0, 3.0) and checks it against the object's length: C order,
 * little-endian elements of a fixed size that safetensors has a name for.
 * @param bytes the object's first bytes, at least the whole header
 * @param objectBytes the object's length
 * @param where what is read, for messages
 * @throws ShardInvalid
 */
export function parseNpyHeader(bytes: Uint8Array, objectBytes: number, where: string): ShardHeader {
  const header = npyHeaderBytes(bytes, objectBytes, where);
  if (bytes.length < header) throw new RangeError(`${bytes.length} bytes given, and the header has ${header}`);
  const { dictStart, major } = parsePreamble(bytes, where);
  const dict = parseDict(bytes.subarray(dictStart, header), major === 3 ? 'utf-8' : 'latin1', where);

  const dtype = parseDescr(dict.get('descr'), where);
  if (dict.get('fortran_order') !== false) {
    throw shardFault(where, 'its array is in Fortran order (fortran_order: True); riffle reads C order');
  }
  const [rows, ...shape] = parseShape(dict.get('shape'), where);
  if (rows === undefined) throw shardFault(where, 'its array is a scalar; it needs a first dimension, the rows');
  const recordBytes = checkedColumnBytes({ dtype, shape });
  const dataBytes = checkedColumnBytes({ dtype, shape: [...shape, rows] });
  if (recordBytes === undefined || dataBytes === undefined) {
    throw shardFault(where, `its shape (${[rows, ...shape].join(', ')}) is too large to count its bytes exactly`);
  }
  if (header + dataBytes !== objectBytes) {
    const kind = objectBytes < header + dataBytes ? 'is truncated' : 'is too long';
    throw shardFault(
      where,
      `it ${kind}: its array ends at byte ${header + dataBytes}, and the object has ${objectBytes}`,
    );
  }
  return { rows, header, columns: [{ name: npyColumn, dtype, shape }], offsets: [0], metadata: new Map() };
}

/**
 * The header of an npy file (format 1.0) that holds `rows` rows of one column, byte for byte as NumPy 2 writes it.
 * @throws InvalidInput for several columns or a dtype that NumPy has no name for
 */
export function encodeNpyHeader(columns: readonly Column[], rows: number): Uint8Array {
  const [column, ...others] = columns;
  const descr = column && descrOfDtype.get(column.dtype);
  if (!column || !descr || others.length > 0) {
    throw new InvalidInput(
      `An npy file holds one column of a dtype among ${[...descrOfDtype.keys()].join(', ')}, not ` +
        `${columns.map(({ name, dtype }) => `${quoted(name)} (${dtype})`).join(', ') || 'none'}: use safetensors.`,
    );
  }
  const dims = [rows, ...column.shape];
  const tuple = dims.length === 1 ? `(${rows},)` : `(${dims.join(', ')})`;
  const growth = ' '.repeat(Math.max(0, growthDigits - String(rows).length));
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }${growth}`;
  // NumPy adds a whole 64 bytes where none are needed; so does this.
  const dictStart = magic.length + 4;
  const padding = alignment - ((dictStart + dict.length + 1) % alignment);
  const dictBytes = dict.length + padding + 1;
  if (dictBytes > maxDictBytes - 1) throw new InvalidInput(`Column ${quoted(column.name)} has too many dimensions.`);
  const header = Buffer.alloc(dictStart + dictBytes, ' ');
  magic.copy(header);
  header[magic.length] = 1;
  header[magic.length + 1] = 0;
  header.writeUInt16LE(dictBytes, magic.length + 2);
  header.write(dict, dictStart, 'latin1');
  header[header.length - 1] = 0x0a;
  return header;
}

function parsePreamble(start: Uint8Array, where: string): { major: number; dictStart: number; dictBytes: number } {
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.length);
  if (bytes.length < magic.length + 2 || !bytes.subarray(0, magic.length).equals(magic)) {
    throw shardFault(where, 'it does not begin as an npy file does (\\x93NUMPY and a version)');
  }
  const major = bytes[magic.length] ?? 0;
  const minor = bytes[magic.length + 1] ?? 0;
  if (major < 1 || major > 3 || minor !== 0) {
    throw shardFault(where, `it has npy format version ${major}.${minor}; riffle reads 1.0, 2.0 and 3.0`);
  }
  const dictStart = magic.length + 2 + (major === 1 ? 2 : 4);
  if (bytes.length < dictStart) throw shardFault(where, `it ends inside its npy header, at byte ${bytes.length}`);
  const dictBytes = major === 1 ? bytes.readUInt16LE(magic.length + 2) : bytes.readUInt32LE(magic.length + 2);
  return { major, dictStart, dictBytes };
}

function parseDict(bytes: Uint8Array, charset: string, where: string): ReadonlyMap<string, PythonValue> {
  let dict: ReadonlyMap<string, PythonValue>;
  try {
    dict = parsePythonDict(new TextDecoder(charset, { fatal: true }).decode(bytes));
  } catch (error) {
    throw shardFault(where, `its npy header cannot be read: ${(error as Error).message}`, error);
  }
  const names = [...dict.keys()].sort().join(', ');
  if (names !== 'descr, fortran_order, shape') {
    throw shardFault(where, `its npy header has the keys ${quoted(names)}, not descr, fortran_order and shape`);
  }
  return dict;
}

function parseDescr(descr: PythonValue | undefined, where: string): string {
  if (Array.isArray(descr)) throw shardFault(where, 'its array is structured (named fields); split it into columns');
  const dtype = typeof descr === 'string' ? dtypeOfDescr.get(descr) : undefined;
  if (dtype !== undefined) return dtype;
  const name = `its array has dtype ${quoted(String(descr))}`;
  if (typeof descr === 'string' && descr.startsWith('>')) {
    throw shardFault(where, `${name}, which is big-endian; riffle reads little-endian`);
  }
  if (typeof descr === 'string' && /^.?O/.test(descr)) {
    throw shardFault(where, `${name}, Python objects, which riffle never reads`);
  }
  throw shardFault(where, `${name}; riffle reads ${[...dtypeOfDescr.keys()].join(', ')}`);
}

function parseShape(shape: PythonValue | undefined, where: string): readonly number[] {
  if (!Array.isArray(shape)) throw shardFault(where, 'the shape in its npy header is not a tuple');
  const misshapen = shapeFault(shape);
  if (misshapen) throw shardFault(where, `the shape in its npy header ${misshapen}`);
  return shape as number[];
}
