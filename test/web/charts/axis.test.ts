import assert from 'node:assert/strict';
import fc from 'fast-check';
import { linear, linearTicks, logarithmic, logTicks } from '../../../web/src/charts/axis.js';

describe('the axis of a chart', () => {
  it('goes from 0 to 1', () => {
    assert.deepEqual([2, 3, 4].map(linear(2, 4)), [0, 0.5, 1]);
    assert.deepEqual([1, 4, 16].map(logarithmic(1, 16)), [0, 0.5, 1]);
    assert.deepEqual([5].map(linear(5, 5)), [0]);
  });

  it('has round ticks', () => {
    assert.deepEqual(logTicks(0.3, 12, 9), [0.5, 1, 2, 5, 10]);
    assert.deepEqual(logTicks(5e-7, 3e-6, 9), [5e-7, 1e-6, 2e-6]);
    assert.deepEqual(logTicks(1.1, 1.5, 5), [1.1, 1.5]);
    assert.deepEqual(linearTicks(-4.2, 7.9, 5), [0, 5]);
    assert.deepEqual(linearTicks(0.1, 0.55, 5), [0.1, 0.2, 0.3, 0.4, 0.5]);
    assert.deepEqual(linearTicks(3, 3, 5), [3]);
  });

  it('has ticks inside it, ascending, and not too many', () => {
    const ends = fc.tuple(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), fc.double({ min: 1.01, max: 1e6, noNaN: true }));
    fc.assert(
      fc.property(ends, ([from, times]) => {
        for (const ticks of [logTicks(from, from * times, 5), linearTicks(from, from * times, 5)]) {
          assert.ok(ticks.length <= 6, String(ticks));
          assert.ok(ticks.every((tick, n) => tick >= from && tick <= from * times && (n === 0 || tick > ticks[n - 1]!)));
        }
      }),
    );
  });
});
