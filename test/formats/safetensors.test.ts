import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { ShardInvalid } from '../../src/errors.js';
import { columnBytes } from '../../src/formats/columns.js';
import { encodeSafetensorsHeader, parseSafetensorsHeader } from '../../src/formats/safetensors.js';
import { anyColumns, anyMetadata, safetensorsFile, safetensorsHeader } from '../support/shardFiles.js';

const sampleColumns = [
  ...['context', 'document', 'position', 'tokens'].map((name) => ({ name, dtype: 'I32', shape: [] })),
  { name: 'activations', dtype: 'F16', shape: [576] },
];

function parseJson(json: unknown, dataBytes: number) {
  const header = safetensorsHeader(typeof json === 'string' ? json : JSON.stringify(json));
  return parseSafetensorsHeader(header, header.length + dataBytes, 'the test');
}

function refuses(json: unknown, dataBytes: number, message: RegExp): void {
  assert.throws(
    () => parseJson(json, dataBytes),
    (error) => error instanceof ShardInvalid && error.message.includes('the test') && message.test(error.message),
  );
}

const x = { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] };

describe('safetensors headers', () => {
  it('of the sample are read, and written again byte for byte', async () => {
    for (let index = 0; index < 4; index++) {
      const file = await readFile(new URL(`../../examples/dump/0000${index}.safetensors`, import.meta.url));
      const parsed = parseSafetensorsHeader(file.subarray(0, 1000), file.length, 'sample');
      assert.deepEqual(parsed, {
        rows: 2048,
        header: 368,
        columns: sampleColumns,
        offsets: [0, 8192, 16384, 24576, 32768],
        metadata: new Map(),
      });
      assert.deepEqual(encodeSafetensorsHeader(parsed.columns, parsed.rows), file.subarray(0, 368));
    }
  });

  it('keep columns, rows and metadata through writing and reading', () => {
    fc.assert(
      fc.property(anyColumns, fc.nat(1000), anyMetadata, (columns, rows, metadata) => {
        const header = encodeSafetensorsHeader(columns, rows, metadata);
        const dataBytes = columns.reduce((sum, column) => sum + rows * columnBytes(column), 0);
        const parsed = parseSafetensorsHeader(header, header.length + dataBytes, 'the test');
        assert.equal(header.length % 8, 0);
        assert.equal(parsed.header, header.length);
        assert.equal(parsed.rows, rows);
        assert.deepEqual(parsed.columns, columns);
        assert.deepEqual([...parsed.metadata].sort(), Object.entries(metadata).sort());
      }),
    );
  });

  it('are the same bytes whatever the order of the metadata', () => {
    assert.deepEqual(
      encodeSafetensorsHeader(sampleColumns, 5, { model: 'm', hook: 'h' }),
      encodeSafetensorsHeader(sampleColumns, 5, { hook: 'h', model: 'm' }),
    );
  });

  it('list columns by offset, whatever the order of the names, and keep hostile names', () => {
    const one = (begin: number) => ({ dtype: 'U8', shape: [2], data_offsets: [begin, begin + 2] });
    const json = `{"7":${JSON.stringify(one(4))},"__proto__":${JSON.stringify(one(2))},"":${JSON.stringify(one(0))}}`;
    const parsed = parseJson(json, 6);
    assert.deepEqual(
      parsed.columns.map(({ name }) => name),
      ['', '__proto__', '7'],
    );
    assert.deepEqual(parsed.offsets, [0, 2, 4]);
  });

  it('of a shard without rows list columns in the order of the text', () => {
    const empty = { dtype: 'U8', shape: [0, 4], data_offsets: [0, 0] };
    assert.deepEqual(
      parseJson(`{"b":${JSON.stringify(empty)},"1":${JSON.stringify(empty)}}`, 0).columns.map(({ name }) => name),
      ['b', '1'],
    );
  });

  it('with a lying length are refused before anything of that length is read', () => {
    for (const [length, objectBytes, message] of [
      [2n ** 63n, 1000, /9223372036854775808 bytes, and no header may be longer/],
      [100_000_001n, 200_000_000, /100000001/],
      [993n, 1000, /ends at byte 1001, but the object has 1000 bytes/],
    ] as const) {
      const start = Buffer.alloc(16);
      start.writeBigUInt64LE(length);
      assert.throws(() => parseSafetensorsHeader(start, objectBytes, 'the test'), { code: 'ShardInvalid', message });
    }
    assert.throws(() => parseSafetensorsHeader(Buffer.alloc(7), 7, 'the test'), /it has 7 bytes/);
    assert.throws(() => parseSafetensorsHeader(Buffer.alloc(0), 0, 'the test'), /it has 0 bytes/);
  });

  it('that are not a JSON object are refused', () => {
    refuses('', 0, /not JSON/);
    refuses('{"a":', 0, /not JSON/);
    refuses('[1]', 0, /not an object/);
    refuses('\ufeff{}', 0, /not JSON/);
    refuses('{}', 0, /names no tensor/);
    const broken = safetensorsHeader('{"\u00ff":1}');
    broken[10] = 0xff;
    assert.throws(() => parseSafetensorsHeader(broken, broken.length, 'the test'), /not JSON/);
  });

  it('that are bombs are refused without exhausting stack or memory', () => {
    refuses('['.repeat(5_000_000), 0, /nested deeper/);
    refuses(`{"a":${'{"a":'.repeat(50)}`, 0, /nested deeper/);
    refuses(`{"a":[${'0,'.repeat(2_000_000)}0]}`, 0, /more than 1000000 values/);
  });

  it('with the same name twice are refused', () => {
    refuses(`{"a":${JSON.stringify(x)},"\\u0061":${JSON.stringify(x)}}`, 24, /names "a" twice/);
    refuses(`{"\\ud800":${JSON.stringify(x)}}`, 24, /not valid Unicode/);
  });

  it('with a dtype that is unknown, or of less than a byte, are refused by name', () => {
    refuses({ a: { ...x, dtype: 'F24' } }, 24, /dtype "F24", which is unknown; riffle reads BOOL, U8/);
    for (const dtype of ['F4', 'F6_E2M3', 'F6_E3M2']) {
      refuses({ a: { ...x, dtype } }, 24, new RegExp(`"${dtype}", which takes less than a whole byte`));
    }
    refuses({ a: { ...x, dtype: 'toString' } }, 24, /"toString", which is unknown/);
    refuses({ a: { shape: [2], data_offsets: [0, 8] } }, 8, /has no dtype/);
  });

  it('with an impossible shape are refused', () => {
    refuses({ a: { ...x, shape: [] } }, 24, /"a" is a scalar/);
    refuses({ a: { ...x, shape: [-2, -3] } }, 24, /shape that holds something else/);
    refuses({ a: { ...x, shape: [2.5] } }, 24, /shape that holds something else/);
    refuses({ a: { ...x, shape: '2' } }, 24, /has no shape/);
    refuses({ a: { ...x, shape: [2 ** 40, 2 ** 40] } }, 24, /too large/);
    refuses({ a: { ...x, shape: [0, 2 ** 40, 2 ** 40], data_offsets: [0, 0] } }, 0, /too large/);
    refuses({ a: { ...x, shape: [2, 4] } }, 24, /24 bytes, but shape \[2, 4\] of F32 \(4 bytes each\) takes 32/);
    refuses({ a: 7 }, 24, /not described by an object/);
  });

  it('with offsets that overlap, leave holes or leave the file are refused', () => {
    refuses({ a: x, b: { ...x, data_offsets: [23, 47] } }, 47, /"b" begins at data byte 23, inside another/);
    refuses({ a: x, b: { ...x, data_offsets: [25, 49] } }, 49, /bytes 24 to 25 before tensor "b" belong to no tensor/);
    refuses({ a: { ...x, data_offsets: [-24, 0] } }, 24, /not a byte range/);
    refuses({ a: { ...x, data_offsets: [24, 0] } }, 24, /not a byte range/);
    refuses({ a: { ...x, data_offsets: [0] } }, 24, /two numbers/);
    refuses({ a: x }, 23, /truncated: its tensors take 24 bytes after the header, and the object has 23/);
    refuses({ a: x }, 25, /too long: its tensors take 24 bytes after the header, and the object has 25/);
  });

  it('whose tensors differ in rows are refused', () => {
    refuses({ a: x, b: { dtype: 'U8', shape: [3], data_offsets: [24, 27] } }, 27, /"a" and "b" have 2 and 3 rows/);
  });

  it('with metadata that are not strings are refused', () => {
    refuses({ __metadata__: { a: 1 }, a: x }, 24, /"a" of __metadata__/);
    refuses({ __metadata__: 'a', a: x }, 24, /__metadata__ is not an object/);
  });

  it('corrupted in any way parse or are refused as ShardInvalid', () => {
    const file = safetensorsFile(sampleColumns, 2, { model: 'm' });
    const { header } = parseSafetensorsHeader(file, file.length, 'the test');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(header - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }), (changes) => {
        const corrupt = Uint8Array.from(file);
        for (const [at, byte] of changes) corrupt[at] = byte;
        onlyShardInvalid(() => parseSafetensorsHeader(corrupt, corrupt.length, 'the test'));
      }),
      { numRuns: 2000 },
    );
  });

  it('of arbitrary JSON parse or are refused as ShardInvalid', () => {
    const value = fc.oneof(
      fc.jsonValue(),
      fc.record({ dtype: fc.constantFrom('U8', 'F4', ''), shape: fc.jsonValue(), data_offsets: fc.jsonValue() }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), fc.nat(100), (json, dataBytes) => {
        onlyShardInvalid(() => parseJson(json, dataBytes));
      }),
      { numRuns: 1000 },
    );
  });
});

/** Passes when `parse` returns, or throws ShardInvalid. */
function onlyShardInvalid(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    if (!(error instanceof ShardInvalid)) throw error;
  }
}
