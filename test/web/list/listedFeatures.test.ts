/** Lists of features in links. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { InvalidInput } from '../../../src/errors.js';
import { mostFeatures, readList, writeList } from '../../../web/src/list/listedFeatures.js';

describe('a list of features in a link', () => {
  it('keeps its order, each feature once', () => {
    assert.deepEqual(readList('40-42,3,17,41'), [40, 41, 42, 3, 17]);
    assert.equal(writeList([40, 41, 42, 3, 17, 18]), '40-42,3,17,18');
    assert.deepEqual(readList(''), []);
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(30)), (features) => {
        assert.deepEqual(readList(writeList(features)), features);
      }),
      { seed: 1 },
    );
  });

  it('is refused when it is none or too long', () => {
    assert.throws(() => readList('5-3'), InvalidInput);
    assert.throws(() => readList('1,,2'), InvalidInput);
    assert.throws(() => readList('0-4000000000'), InvalidInput);
    assert.equal(readList(`1-${mostFeatures}`).length, mostFeatures);
    assert.throws(() => readList(`0-${mostFeatures}`), InvalidInput);
  });
});
