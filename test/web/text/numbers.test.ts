import assert from 'node:assert/strict';
import fc from 'fast-check';
import { aligned, byteSize, grouped, oneIn, percent, short, signed } from '../../../web/src/text/numbers.js';

describe('numbers for people', () => {
  it('have four significant digits', () => {
    assert.deepEqual([12.5, 2.7039447, 0, 123456, 0.0031774, 1.2e-9].map(short), [
      '12.5',
      '2.704',
      '0',
      '123500',
      '0.003177',
      '1.2e-9',
    ]);
  });

  it('have as many decimals in a column as the largest needs', () => {
    assert.deepEqual([12.5, 9.754, 0.1].map((value) => aligned(value, 12.5)), ['12.50', '9.75', '0.10']);
    assert.equal(aligned(31234.5, 31234.5), '31235');
    assert.equal(aligned(2e-9, 3e-9), '2.00e-9');
    assert.equal(aligned(0, 0), '0');
  });

  it('say shares in percent, and never 0 % or 100 % for what is not', () => {
    assert.equal(percent(0), '0 %');
    assert.equal(percent(1), '100 %');
    assert.equal(percent(0.02078125), '2.08 %');
    fc.assert(
      fc.property(fc.double({ min: 1e-12, max: 1 - 1e-12, noNaN: true }), (share) => {
        assert.ok(!['0 %', '100 %'].includes(percent(share)), `${share} as ${percent(share)}`);
      }),
    );
  });

  it('say how rare a feature is', () => {
    assert.deepEqual([0, 1, 0.6, 0.5, 0.129, 0.00317, 1e-6].map(oneIn), [
      undefined,
      undefined,
      undefined,
      '1 in 2',
      '1 in 7.8',
      '1 in 315',
      '1 in 1,000,000',
    ]);
  });

  it('have a real minus, commas, and units of bytes', () => {
    assert.equal(signed(-7.768), '−7.77');
    assert.equal(grouped(25600), '25,600');
    assert.deepEqual([575, 5319160, 2.5e12].map(byteSize), ['575 bytes', '5.32 MB', '2.5 TB']);
  });
});
