/** The order of the feature table: that of a plain sort, whatever the column's type. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ColumnValues } from '../../../src/pages/table.js';
import { orderRows } from '../../../web/src/overview/order.js';
import {
  firstDirection,
  placesOfTexts,
  readSort,
  sortFeatures,
  sortKeys,
  writeSort,
} from '../../../web/src/overview/sort.js';

describe('the order of features', () => {
  const plain = { noNaN: true, min: 0 };
  for (const [name, columns] of [
    ['U8', fc.uint8Array({ max: 4 })],
    ['U32', fc.uint32Array()],
    ['U32 with ties', fc.uint32Array({ max: 5 })],
    ['F32', fc.float32Array(plain)],
    ['F64', fc.float64Array(plain)],
    ['F64 of counts', fc.array(fc.maxSafeNat()).map((counts) => Float64Array.from(counts))],
  ] as const) {
    it(`is that of a stable sort: ${name}`, () => {
      fc.assert(
        fc.property(columns, (column: ColumnValues) => {
          const features = [...column.keys()];
          const down = features.toSorted((a, b) => column[b]! - column[a]! || a - b);
          const up = features.toSorted((a, b) => column[a]! - column[b]! || a - b);
          // Infinity - Infinity is no number.
          if ([...column].includes(Infinity)) return;
          assert.deepEqual([...orderRows(column, 'descending')], down);
          assert.deepEqual([...orderRows(column, 'ascending')], up);
        }),
        { seed: 1 },
      );
    });
  }

  it('takes part of a larger buffer as it is', () => {
    const buffer = Float64Array.of(9, 3, 1, 2, 9).subarray(1, 4);
    assert.deepEqual([...orderRows(buffer, 'ascending')], [1, 2, 0]);
  });

  it('of texts goes by alphabet whatever case and leading spaces, and what has no text stands last', () => {
    const texts = [' The', 'b', 'the', ' the', 'A', ''];
    const places = placesOfTexts(
      texts,
      texts.map((text) => text.toLowerCase()),
    );
    assert.deepEqual(
      texts.toSorted((a, b) => places[texts.indexOf(a)]! - places[texts.indexOf(b)]!),
      ['', 'A', 'b', ' The', ' the', 'the'],
    );
    const topToken = Uint32Array.of(1, 2 ** 32 - 1, 4, 0, 1);
    const order = (direction: 'ascending' | 'descending'): number[] => [
      ...sortFeatures({ key: 'token', direction }, 5, { topToken }, { tokens: places }),
    ];
    assert.deepEqual(order('ascending'), [2, 0, 4, 3, 1]);
    assert.deepEqual(order('descending'), [3, 0, 4, 2, 1]);
    const labels = new Map([
      [3, 0],
      [1, 1],
    ]);
    assert.deepEqual([...sortFeatures({ key: 'label', direction: 'ascending' }, 4, {}, { labels })], [3, 1, 0, 2]);
    assert.deepEqual([...sortFeatures({ key: 'label', direction: 'descending' }, 4, {}, { labels })], [1, 3, 0, 2]);
  });

  it('stands in the link, and every link gives an order', () => {
    for (const key of sortKeys) {
      for (const direction of ['ascending', 'descending'] as const) {
        assert.deepEqual(readSort(writeSort({ key, direction })), { key, direction });
      }
    }
    assert.equal(writeSort({ key: 'max', direction: firstDirection('max') }).toString(), 'sort=max');
    assert.equal(writeSort({ key: 'feature', direction: 'ascending' }).toString(), '');
    assert.deepEqual(readSort(new URLSearchParams('sort=__proto__')), { key: 'feature', direction: 'ascending' });
  });
});
