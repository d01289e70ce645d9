import assert from 'node:assert/strict';
import fc from 'fast-check';
import { strength } from '../../../web/src/examples/strength.js';

describe('the colour of a token', () => {
  it('is full at the feature’s highest activation, and can be seen at the lowest', () => {
    assert.equal(strength(5, 5), 100);
    assert.equal(strength(1e-9, 5), 12);
    assert.equal(strength(2.5, 5), 56);
  });

  it('is none where nothing fires', () => {
    for (const [value, max] of [[0, 5], [-1, 5], [1, 0], [NaN, 1]] as const) assert.equal(strength(value, max), 0);
  });

  it('rises with the activation, up to the full', () => {
    const positive = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(positive, positive, positive, (one, other, max) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        assert.ok(strength(low, max) <= strength(high, max));
        assert.ok(strength(high, max) <= 100 && strength(low, max) >= 12);
      }),
    );
  });
});
