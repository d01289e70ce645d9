/** The memory of a collector is what the planner is told. */
import assert from 'node:assert/strict';
import { Collector } from '../../src/features/collector.js';
import { bytesPerFeature } from '../../src/features/collectorLayout.js';
import type { ExampleSettings } from '../../src/features/settings.js';
import { Bank, largestBank } from '../../src/memory/bank.js';

const typical: ExampleSettings = {
  top: 20,
  sample: 200,
  shownRandom: 10,
  intervals: 10,
  intervalEdges: 'equalWidth',
  perInterval: 5,
  distinct: 'context',
};

describe('memory of a collector', () => {
  it('is what is stated', () => {
    assert.equal(bytesPerFeature(typical), 11_972);
    assert.equal(bytesPerFeature({ ...typical, intervalEdges: 'quantile' }), 26_372);
    for (const settings of [typical, { ...typical, intervalEdges: 'quantile' as const, perInterval: 1 }]) {
      const bank = new Bank(largestBank);
      const before = bank.size;
      new Collector(bank, { first: 0, count: 5000 }, 0, settings, 1n, 10_000);
      const stated = Collector.bytes(settings, 5000, 10_000);
      const taken = bank.size - before;
      assert.ok(taken <= stated + 65_536 && taken > stated - 65_536, `${taken} of ${stated} bytes`);
    }
  });

  it('ends where the bank ends', () => {
    const bank = new Bank(2 ** 20);
    assert.throws(() => new Collector(bank, { first: 0, count: 5000 }, 0, typical, 1n, 1000), /no room/);
  });
});
