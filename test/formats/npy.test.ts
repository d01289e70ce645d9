import assert from 'node:assert/strict';
import fc from 'fast-check';
import { InvalidInput, ShardInvalid } from '../../src/errors.js';
import { encodeNpyHeader, npyHeaderBytes, parseNpyHeader } from '../../src/formats/npy.js';
import { parsePythonDict } from '../../src/formats/pythonLiteral.js';
import { npyFile } from '../support/shardFiles.js';

/** A header as the format's specification lays it out, with any dict. */
function npyHeader(dict: string, [major, minor]: readonly [number, number] = [1, 0]): Buffer {
  const length = Buffer.alloc(major === 1 ? 2 : 4);
  if (major === 1) length.writeUInt16LE(dict.length);
  else length.writeUInt32LE(dict.length);
  return Buffer.concat([Buffer.from('\x93NUMPY', 'latin1'), Buffer.from([major, minor]), length, Buffer.from(dict)]);
}

function parse(dict: string, dataBytes: number, version?: readonly [number, number]) {
  const header = npyHeader(dict, version);
  return parseNpyHeader(header, header.length + dataBytes, 'the test');
}

const dictOf = (descr: string, order: string, shape: string) =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

function refuses(dict: string, dataBytes: number, message: RegExp): void {
  assert.throws(
    () => parse(dict, dataBytes),
    (error) => error instanceof ShardInvalid && error.message.includes('the test') && message.test(error.message),
  );
}

describe('npy headers', () => {
  it('of versions 1.0, 2.0 and 3.0 are read', () => {
    for (const version of [
      [1, 0],
      [2, 0],
      [3, 0],
    ] as const) {
      const parsed = parse(dictOf("'<f2'", 'False', '(3, 4, 5)'), 120, version);
      assert.deepEqual(parsed.columns, [{ name: 'data', dtype: 'F16', shape: [4, 5] }]);
      assert.equal(parsed.rows, 3);
      assert.deepEqual(parsed.offsets, [0]);
    }
  });

  it('map every NumPy type that safetensors has a name for', () => {
    const known = {
      '|b1': ['BOOL', 1],
      '|i1': ['I8', 1],
      '|u1': ['U8', 1],
      '<i2': ['I16', 2],
      '<u2': ['U16', 2],
      '<f2': ['F16', 2],
      '<i4': ['I32', 4],
      '<u4': ['U32', 4],
      '<f4': ['F32', 4],
      '<i8': ['I64', 8],
      '<u8': ['U64', 8],
      '<f8': ['F64', 8],
      '<c8': ['C64', 8],
    } as const;
    for (const [descr, [dtype, bytes]] of Object.entries(known)) {
      assert.equal(parse(dictOf(`'${descr}'`, 'False', '(7,)'), 7 * bytes).columns[0]?.dtype, dtype);
    }
  });

  it('are written byte for byte as NumPy writes them', () => {
    const golden = "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }";
    const header = encodeNpyHeader([{ name: 'any', dtype: 'F32', shape: [4] }], 3);
    assert.equal(Buffer.from(header).toString('latin1'), `${golden.padEnd(127)}\n`);
  });

  it('keep dtype, shape and rows through writing and reading', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('BOOL', 'I8', 'F16', 'U32', 'C64'),
        fc.array(fc.nat(5), { maxLength: 5 }),
        fc.nat(100),
        (dtype, shape, rows) => {
          const file = npyFile({ dtype, shape }, rows);
          const parsed = parseNpyHeader(file, file.length, 'the test');
          assert.deepEqual(parsed.columns, [{ name: 'data', dtype, shape }]);
          assert.equal(parsed.rows, rows);
          assert.equal(parsed.header % 64, 0);
        },
      ),
    );
  });

  it('cannot be written for several columns or for types that NumPy lacks', () => {
    const column = { name: 'a', dtype: 'F32', shape: [] };
    assert.throws(() => encodeNpyHeader([column, { ...column, name: 'b' }], 1), InvalidInput);
    assert.throws(() => encodeNpyHeader([{ ...column, dtype: 'BF16' }], 1), /"a" \(BF16\): use safetensors/);
    assert.throws(() => encodeNpyHeader([], 1), InvalidInput);
  });

  it('of arrays that riffle cannot cut into records are refused by name', () => {
    refuses(dictOf("'>f4'", 'False', '(2,)'), 8, /">f4", which is big-endian/);
    refuses(dictOf("'|O'", 'False', '(2,)'), 8, /Python objects/);
    refuses(dictOf("[('a', '<f4'), ('b', '<i4')]", 'False', '(2,)'), 16, /structured/);
    refuses(dictOf("'<c16'", 'False', '(2,)'), 32, /dtype "<c16"; riffle reads \|b1/);
    refuses(dictOf("'<U5'", 'False', '(2,)'), 40, /dtype "<U5"/);
    refuses(dictOf("'<f4'", 'True', '(2, 2)'), 16, /Fortran order/);
    refuses(dictOf("'<f4'", 'False', '()'), 4, /scalar/);
    refuses(dictOf("'<f4'", 'False', '(99999999999999999999,)'), 4, /shape in its npy header/);
    refuses(dictOf("'<f4'", 'False', '(9007199254740991, 9007199254740991)'), 4, /too large/);
    refuses(dictOf("'<f4'", 'False', '(0, 9007199254740991, 9007199254740991)'), 0, /too large/);
  });

  it('of truncated and overlong files are refused with both lengths', () => {
    const file = npyFile({ dtype: 'F32', shape: [3] }, 5);
    assert.throws(
      () => parseNpyHeader(file, file.length - 1, 'x'),
      /truncated: its array ends at byte 188, and the object has 187/,
    );
    assert.throws(
      () => parseNpyHeader(file, file.length + 1, 'x'),
      /too long: its array ends at byte 188, and the object has 189/,
    );
    for (const length of [0, 7, 9]) {
      assert.throws(() => npyHeaderBytes(file.subarray(0, length), length, 'x'), ShardInvalid);
    }
    assert.throws(() => npyHeaderBytes(file, 50, 'x'), /header ends at byte 128, but the object has 50/);
  });

  it('that are not npy, of another version or absurdly long are refused', () => {
    assert.throws(() => npyHeaderBytes(Buffer.alloc(100), 100, 'x'), /does not begin as an npy file/);
    assert.throws(() => npyHeaderBytes(npyHeader('{}', [4, 0]), 100, 'x'), /version 4\.0/);
    const long = npyHeader('{}', [2, 0]);
    long.writeUInt32LE(0xffffffff, 8);
    assert.throws(() => npyHeaderBytes(long, 1e12, 'x'), /4294967295 bytes; riffle reads at most/);
    assert.throws(() => npyHeaderBytes(long, 100, 'x'), /but the object has 100 bytes/);
  });

  it('with other keys or syntax are refused, and nothing is evaluated', () => {
    refuses("{'descr': '<f4', 'shape': (2,)}", 8, /has the keys "descr, shape"/);
    refuses(`{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}`, 8, /has the keys/);
    refuses("{'descr': '<f4', 'descr': '<f4'}", 8, /there before/);
    refuses(dictOf("__import__('os')", 'False', '(2,)'), 8, /expected a string/);
    refuses(dictOf("'<f4'", 'False', '(2)'), 8, /in a tuple of one/);
    refuses(dictOf("'<f4'", 'False', '(-2,)'), 8, /expected/);
    refuses(dictOf("'<f4'", 'False', '(2 3)'), 8, /expected/);
    refuses(dictOf("'<f4'", 'False', '(2,)') + 'x', 8, /expected the end/);
    refuses(dictOf("'<\\x664'", 'False', '(2,)'), 8, /without escapes/);
    refuses(dictOf("'<f4", 'False', '(2,)').slice(0, 15), 8, /without escapes/);
    refuses(`{'descr': ${'['.repeat(1000)}`, 8, /less nesting/);
    refuses('', 8, /expected "{" at character 0/);
  });

  it('corrupted in any way parse or are refused as ShardInvalid', () => {
    const file = npyFile({ dtype: 'F16', shape: [4] }, 10);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(127), fc.nat(255)), { minLength: 1, maxLength: 6 }), (changes) => {
        const corrupt = Uint8Array.from(file);
        for (const [at, byte] of changes) corrupt[at] = byte;
        try {
          parseNpyHeader(corrupt, corrupt.length, 'the test');
        } catch (error) {
          if (!(error instanceof ShardInvalid)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('take linear time', () => {
    const text = `{'a': (${'1,'.repeat(200_000)}), }`;
    const before = performance.now();
    assert.equal(parsePythonDict(text).size, 1);
    assert.throws(() => parsePythonDict(`{${"'".repeat(200_000)}`), SyntaxError);
    assert.ok(performance.now() - before < 2000);
  });
});
