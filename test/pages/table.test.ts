/** Columns of a table: small enough for a browser at a million features. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { joinColumn } from '../../src/pages/mergedFiles.js';
import { packItem } from '../../src/pages/packWriter.js';
import { decodeRows, encodeRows, newColumn, noToken, tableColumns, type TableRow } from '../../src/pages/table.js';
import { Sfc32 } from '../support/sfc32.js';

describe('the feature table', () => {
  for (const [dtype, values] of [
    ['U8', fc.uint8Array()],
    ['U32', fc.uint32Array()],
    ['F32', fc.float32Array()],
    ['F64', fc.float64Array()],
  ] as const) {
    it(`gives back rows of ${dtype}`, () => {
      fc.assert(
        fc.property(values, fc.nat(5), (given, before) => {
          const column = newColumn(dtype, before + given.length);
          decodeRows(encodeRows(given), column, before, 'table/x.bin');
          assert.deepEqual([...column.subarray(before)], [...given]);
          assert.throws(
            () => decodeRows(encodeRows(Float64Array.of(1)), newColumn(dtype, 0), 0, 'table/x.bin'),
            /table\/x.bin/,
          );
        }),
        { seed: 1 },
      );
    });
  }

  it('is little-endian byte planes', () => {
    assert.deepEqual([...encodeRows(Uint32Array.of(0x04030201, 0x14131211))], [1, 0x11, 2, 0x12, 3, 0x13, 4, 0x14]);
  });

  it('counts beyond 2^32 in float64', () => {
    assert.equal(tableColumns(2 ** 32).find(({ name }) => name === 'firing')!.dtype, 'F64');
    assert.equal(tableColumns(2 ** 32 - 1).find(({ name }) => name === 'firing')!.dtype, 'U32');
  });

  it('takes at most 16 MiB for a million features, all columns together', function () {
    this.timeout(120_000);
    const features = 1_000_000;
    const packs = Math.ceil(features / 4096);
    const rows = makeRows(features);
    let bytes = 0;
    for (const { name, dtype } of tableColumns(1e8)) {
      const column = newColumn(dtype, features);
      rows.forEach((row, feature) => (column[feature] = row[name]));
      const items = Array.from({ length: packs }, (_, n) =>
        packItem(encodeRows(column.subarray(n * 4096, (n + 1) * 4096))),
      );
      bytes += joinColumn(items).parts.reduce((sum, { length }) => sum + length, 0);
    }
    assert.ok(bytes <= 16 * 1024 * 1024, `${bytes} bytes`);
    assert.ok(bytes > 8 * 1024 * 1024, `${bytes} bytes cannot be a realistic table`);
  });
});

/** Densities of a wide lognormal-like law, over 100 million tokens and 256,000 token ids. */
function makeRows(features: number): TableRow[] {
  const numbers = new Sfc32(3);
  return Array.from({ length: features }, () => {
    if (numbers.uniform() < 0.1) return { state: 1, firing: 0, max: 0, mean: 0, topToken: noToken, topShare: 0 };
    const spread = numbers.uniform() + numbers.uniform() + numbers.uniform() - 1.5;
    const firing = 1 + Math.floor(1e8 * 10 ** (-4 + 2.5 * spread));
    const max = Math.fround(2 + 30 * numbers.uniform() ** 2);
    const share = (1 + Math.floor(200 * numbers.uniform() ** 2)) / 200;
    const topToken = Math.floor(256_000 ** numbers.uniform());
    const mean = Math.fround(max * (0.1 + 0.4 * numbers.uniform()));
    return { state: firing > 1e7 ? 4 : 3, firing, max, mean, topToken, topShare: Math.fround(share) };
  });
}
