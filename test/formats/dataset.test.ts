import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DatasetInvalid, RiffleError } from '../../src/errors.js';
import type { Dataset } from '../../src/formats/dataset.js';
import { codecOf, firstRows, locateRows, shardColumnOffsets } from '../../src/formats/encoding.js';
import { parseDataset } from '../../src/formats/readDataset.js';
import { formatDataset } from '../../src/formats/writeDataset.js';

const dataset: Dataset = {
  format: 'riffle.dataset/1',
  rows: 7,
  encoding: 'safetensors',
  columns: [
    { name: 'tokens', dtype: 'I32', shape: [] },
    { name: 'activations', dtype: 'F16', shape: [3] },
  ],
  shards: [
    { key: '0.safetensors', rows: 4, bytes: 100 + 40, header: 100, etag: '"a"' },
    {
      key: 'deep/1.safetensors',
      rows: 3,
      bytes: 90 + 30,
      header: 90,
      etag: '"b"',
      offsets: [18, 0],
      crc32: '0123abcd',
    },
  ],
  metadata: Object.fromEntries([
    ['model', 'm'],
    ['__proto__', 'p'],
  ]),
  shuffle: { layout: 'a'.repeat(64), seed: 's', blockRows: 2, outputShardRows: 4, digest: '0'.repeat(32) },
};

const text = `{
  "format": "riffle.dataset/1",
  "rows": 7,
  "encoding": "safetensors",
  "columns": [
    {"name":"tokens","dtype":"I32","shape":[]},
    {"name":"activations","dtype":"F16","shape":[3]}
  ],
  "shards": [
    {"key":"0.safetensors","rows":4,"bytes":140,"header":100,"etag":"\\"a\\""},
    {"key":"deep/1.safetensors","rows":3,"bytes":120,"header":90,"etag":"\\"b\\"","offsets":[18,0],"crc32":"0123abcd"}
  ],
  "metadata": {
    "__proto__": "p",
    "model": "m"
  },
  "shuffle": {"layout":"${'a'.repeat(64)}","seed":"s","blockRows":2,"outputShardRows":4,"digest":"${'0'.repeat(32)}"}
}
`;

const raw: Dataset = {
  format: 'riffle.dataset/1',
  rows: 2,
  encoding: 'raw',
  recordBytes: 6,
  columns: [{ name: 'record', dtype: 'U8', shape: [6] }],
  shards: [{ key: '0.bin', rows: 2, bytes: 12, header: 0, etag: '"a"' }],
};

function refuses(change: Record<string, unknown>, message: RegExp, base: Dataset = dataset): void {
  assert.throws(
    () => parseDataset(JSON.stringify({ ...base, ...change }), 's3://b/dataset.json'),
    (error) =>
      error instanceof DatasetInvalid &&
      error.message.startsWith('s3://b/dataset.json cannot be used: ') &&
      message.test(error.message),
    String(message),
  );
}

function refusesShard(change: Record<string, unknown>, message: RegExp): void {
  refuses({ shards: [{ ...dataset.shards[0], ...change }, dataset.shards[1]] }, message);
}

describe('dataset.json', () => {
  it('is written as one fixed text, and read back as the same dataset', () => {
    assert.equal(formatDataset(dataset), text);
    assert.deepEqual(parseDataset(text, 'x'), dataset);
    assert.deepEqual(parseDataset(formatDataset(raw), 'x'), raw);
  });

  it('of a single row is read', () => {
    const one = { ...raw, rows: 1, shards: [{ key: '0.bin', rows: 1, bytes: 6, header: 0, etag: '"a"' }] };
    assert.deepEqual(parseDataset(formatDataset(one), 'x'), one);
  });

  it('may hold empty shards and fields that riffle does not know', () => {
    const empty = { key: '2.safetensors', rows: 0, bytes: 80, header: 80, etag: '"c"' };
    const parsed = parseDataset(
      JSON.stringify({ ...dataset, shards: [...dataset.shards, { ...empty, note: 1 }], other: {} }),
      'x',
    );
    assert.deepEqual(parsed, { ...dataset, shards: [...dataset.shards, empty] });
  });

  it('of another version is refused, and says which one is read', () => {
    refuses(
      { format: 'riffle.dataset/2' },
      /its format is "riffle.dataset\/2", and this riffle reads "riffle.dataset\/1"/,
    );
    refuses({ format: undefined }, /not a riffle dataset/);
    refuses({ format: 1 }, /not a riffle dataset/);
  });

  it('that is not JSON, or a bomb, is refused', () => {
    for (const bad of ['', '{', 'null', '[]', '"x"', '['.repeat(1_000_000), `{"a":${'{"a":'.repeat(1000)}`]) {
      assert.throws(() => parseDataset(bad, 'x'), DatasetInvalid);
    }
  });

  it('of wrong types is refused with the field and its value', () => {
    refuses({ rows: -7 }, /rows is -7/);
    refuses({ rows: '7' }, /rows is "7"/);
    refuses({ rows: 2 ** 53 }, /rows is 9007199254740992/);
    refuses({ rows: 7.5 }, /rows is 7.5/);
    refuses({ encoding: 'parquet' }, /encoding is "parquet"/);
    refuses({ columns: [] }, /columns is \[\]/);
    refuses({ columns: [{ name: 'a', dtype: 'F32', shape: [-1] }] }, /columns\[0\]\.shape\[0\] is -1/);
    refuses({ shards: {} }, /shards is {}/);
    refuses({ metadata: { a: 1 } }, /metadata is {"a":1} \(expected an object of strings\)/);
    refuses({ shuffle: { ...dataset.shuffle, seed: '' } }, /shuffle\.seed is ""/);
    refusesShard({ etag: undefined }, /shards\[0\]\.etag is missing/);
    refusesShard({ etag: 5 }, /shards\[0\]\.etag is 5/);
    refusesShard({ crc32: 'xyz' }, /shards\[0\]\.crc32 is "xyz"/);
    refusesShard({ header: Infinity }, /shards\[0\]\.header is null/);
  });

  it('whose rows do not add up, or are zero, is refused', () => {
    refuses({ rows: 8 }, /8 rows, but its shards have 7 together/);
    refuses({ rows: 0, shards: [] }, /zero rows/);
    const huge = { rows: Number.MAX_SAFE_INTEGER - 1, bytes: 0, header: 0, offsets: [0, 0] };
    refusesShard(huge, /columns up to offset|inside another/);
  });

  it('with keys that leave the prefix, repeat or do not fit the encoding is refused', () => {
    refusesShard({ key: '../0.safetensors' }, /"\.\.\/0\.safetensors" has an empty, "\." or "\.\." part/);
    refusesShard({ key: '/0.safetensors' }, /part/);
    refusesShard({ key: 'a/./0.safetensors' }, /part/);
    refusesShard({ key: '' }, /is empty/);
    refusesShard({ key: 'a\n.safetensors' }, /control character/);
    refusesShard({ key: 'deep/1.safetensors' }, /listed twice/);
    refusesShard({ key: '0.npy' }, /does not end in \.safetensors/);
  });

  it('whose lengths contradict each other is refused', () => {
    refusesShard({ bytes: 139 }, /has 139 bytes, but a header of 100 and 4 records of 10 take 140/);
    refusesShard({ bytes: 141 }, /141 bytes/);
    refusesShard({ rows: 2 ** 52, header: 2 ** 53 - 1 }, /take/);
    refusesShard({ offsets: [0] }, /1 offsets for 2 columns/);
    refusesShard({ offsets: [0, 15] }, /"activations" at offset 15, inside another that ends at 16/);
    refusesShard({ offsets: [16, 16] }, /inside another/);
    refusesShard({ offsets: [0, 17] }, /columns up to offset 41, but only 40 bytes of data/);
  });

  it('with impossible columns is refused', () => {
    const column = { name: 'a', dtype: 'U8', shape: [10] };
    refuses({ columns: [column, column] }, /"a" is listed twice/);
    refuses({ columns: [{ ...column, dtype: 'F4' }] }, /"F4", which takes less than a whole byte/);
    refuses({ columns: [{ ...column, dtype: 'U7' }] }, /"U7", which is unknown/);
    refuses({ columns: [{ ...column, shape: [2 ** 50, 2 ** 50] }] }, /too large/);
    refuses({ columns: [{ ...column, shape: [0] }] }, /records have no bytes/);
    refuses({ columns: [{ ...column, name: '__metadata__' }] }, /safetensors reserves/);
    refuses({ columns: [{ ...column, name: '\ud800' }] }, /not valid Unicode/);
  });

  it('whose columns do not fit the encoding is refused', () => {
    refuses({ recordBytes: 10 }, /recordBytes is for raw only/);
    refuses({ recordBytes: 5 }, /recordBytes is 5, but its column has 6/, raw);
    refuses({ recordBytes: undefined }, /recordBytes is missing/, raw);
    refuses({ columns: [{ name: 'record', dtype: 'I16', shape: [3] }] }, /dtype U8, not I16/, raw);
    refuses({ encoding: 'npy' }, /encoding npy has one column, not 2/);
    refuses(
      { encoding: 'npy', columns: [{ name: 'data', dtype: 'BF16', shape: [] }] },
      /npy files cannot hold dtype BF16/,
    );
  });

  it('changed anywhere is read or refused by a RiffleError', () => {
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), fc.nat(3), (at, inserted, removed) => {
        try {
          parseDataset(text.slice(0, at) + inserted + text.slice(at + removed), 'x');
        } catch (error) {
          if (!(error instanceof RiffleError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('of 300,000 shards is written and read in seconds', function () {
    this.timeout(60_000);
    const shards = Array.from({ length: 300_000 }, (_, index) => ({
      key: `${String(index).padStart(6, '0')}.bin`,
      rows: 2,
      bytes: 12,
      header: 0,
      etag: `"${String(index).padStart(32, '0')}"`,
    }));
    const large = { ...raw, rows: 600_000, shards };
    assert.deepEqual(parseDataset(formatDataset(large), 'x'), large);
  });
});

describe('where rows are', () => {
  it('columns begin where the file order or the offsets say', () => {
    const [first, second] = dataset.shards;
    assert.deepEqual(first && shardColumnOffsets(dataset, first), [100, 116]);
    assert.deepEqual(second && shardColumnOffsets(dataset, second), [108, 90]);
  });

  it('every range is found as a walk over all shards finds it', () => {
    const shardRows = fc.array(fc.nat(5), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(shardRows, fc.nat(60), fc.nat(60), (counts, a, b) => {
        const shards = counts.map((rows) => ({ key: 'k', rows, bytes: 0, header: 0, etag: '' }));
        const all = counts.flatMap((rows, shardIndex) => Array.from({ length: rows }, (_, row) => [shardIndex, row]));
        const [start, end] = [Math.min(a, b, all.length), Math.min(Math.max(a, b), all.length)];
        const found = locateRows({ shards }, start, end - start);
        assert.deepEqual(
          found.flatMap(({ shardIndex, rowInShard, rows }) =>
            Array.from({ length: rows }, (_, index) => [shardIndex, rowInShard + index]),
          ),
          all.slice(start, end),
        );
        assert.ok(found.every(({ rows }) => rows > 0));
        assert.equal(firstRows({ shards }).at(-1), all.length);
      }),
    );
  });

  it('rows that are not there are a mistake of the caller', () => {
    for (const [first, rows] of [
      [7, 1],
      [-1, 1],
      [0, 8],
      [0.5, 1],
    ] as const) {
      assert.throws(() => locateRows(dataset, first, rows), RangeError);
    }
    assert.deepEqual(locateRows(dataset, 7, 0), []);
  });
});

describe('codecs', () => {
  it('of raw need a record size, and no other does', () => {
    for (const recordBytes of [undefined, 0, -1, 1.5, NaN]) {
      assert.throws(() => codecOf({ encoding: 'raw', recordBytes }), { code: 'InvalidInput' });
    }
    assert.throws(() => codecOf({ encoding: 'npy', recordBytes: 4 }), { code: 'InvalidInput' });
  });

  it('of raw count records, and refuse a rest', () => {
    const codec = codecOf({ encoding: 'raw', recordBytes: 6 });
    assert.equal(codec.parseHeader(new Uint8Array(0), 600, 'x').rows, 100);
    assert.equal(codec.encodeHeader(raw.columns, 100).length, 0);
    assert.throws(() => codec.parseHeader(new Uint8Array(0), 601, 'x'), {
      code: 'ShardInvalid',
      message: /601 bytes are 100 records of 6 bytes and 1 bytes over/,
    });
  });
});
