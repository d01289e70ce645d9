import fc from 'fast-check';
import type { Column } from '../../src/formats/dataset.js';
import { recordBytes } from '../../src/formats/columns.js';
import { encodeSafetensorsHeader } from '../../src/formats/safetensors.js';
import { encodeNpyHeader } from '../../src/formats/npy.js';

const dtypes = ['BOOL', 'U8', 'F8_E4M3FNUZ', 'BF16', 'F16', 'I32', 'F32', 'C64', 'U64'];

/** Well-formed text of all kinds, names that objects inherit among them. */
const anyName = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', 'constructor', '12', 'toString', '\u2028"\\'),
);

/** One to six columns that a safetensors file can hold. */
export const anyColumns: fc.Arbitrary<Column[]> = fc.uniqueArray(
  fc.record(
    {
      name: anyName.filter((name) => name !== '__metadata__'),
      dtype: fc.constantFrom(...dtypes),
      shape: fc.array(fc.nat(9), { maxLength: 3 }),
    },
    { noNullPrototype: true },
  ),
  { minLength: 1, maxLength: 6, selector: ({ name }) => name },
);

export const anyMetadata: fc.Arbitrary<Record<string, string>> = fc
  .uniqueArray(fc.tuple(anyName, anyName), { maxLength: 4, selector: ([name]) => name })
  .map((entries) => Object.fromEntries(entries));

/** The length and the JSON, as they are: for headers that no writer would write. */
export function safetensorsHeader(json: string): Buffer {
  const text = Buffer.from(json);
  const header = Buffer.alloc(8 + text.length);
  header.writeBigUInt64LE(BigInt(text.length));
  text.copy(header, 8);
  return header;
}

/** A safetensors file of `rows` rows whose data bytes count up from `first`. */
export function safetensorsFile(
  columns: readonly Column[],
  rows: number,
  metadata?: Record<string, string>,
  first = 0,
): Buffer {
  return Buffer.concat([
    encodeSafetensorsHeader(columns, rows, metadata),
    counting(rows * recordBytes({ columns }), first),
  ]);
}

/** An npy file of `rows` rows whose data bytes count up. */
export function npyFile(column: Omit<Column, 'name'>, rows: number): Buffer {
  const columns = [{ name: 'data', ...column }];
  return Buffer.concat([encodeNpyHeader(columns, rows), counting(rows * recordBytes({ columns }))]);
}

/** Bytes that count up from `first`, modulo 251. */
export function counting(bytes: number, first = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, index) => (first + index) % 251));
}
