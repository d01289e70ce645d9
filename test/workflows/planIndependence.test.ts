// The same layout gives the same bytes, whatever the resources: real workflows, workers and S3.
// Random shapes and plans are covered without servers in test/shuffle/planIndependence.test.ts.
import assert from 'node:assert/strict';
import { ShuffleBench } from '../support/shuffles.js';
import { stackTimeout } from '../support/stack.js';

const settings = [
  { passes: 0, workers: 1, options: { memory: '64MiB' } },
  { passes: 1, workers: 1, options: { memory: '3MiB', minSegment: '16KiB', parallelism: 1 } },
  { passes: 1, workers: 4, options: { memory: '700KiB', minSegment: 1 } },
  { passes: 2, workers: 2, options: { memory: '1300KiB', minSegment: '256KiB', parallelism: 7 } },
  { passes: 3, workers: 4, options: { memory: '1700KiB', minSegment: '512KiB' } },
  { passes: 3, workers: 2, options: { memory: '1600KiB', minSegment: '400KiB', keepIntermediates: true } },
];

describe('plan independence on the real stack', function () {
  this.timeout(stackTimeout);
  let bench: ShuffleBench;
  let expected: Record<string, string> | undefined;

  before(async () => {
    bench = await ShuffleBench.open();
  });
  after(() => bench.close());

  for (const { passes, workers, options } of settings) {
    it(`${passes} scatter passes, ${workers} workers, ${JSON.stringify(options)}`, async () => {
      await bench.startWorkers(workers);
      try {
        const output = bench.bucket.newPlace();
        const result = await bench.shuffle(output, options);
        assert.equal(result.scatterPasses, passes);
        assert.equal(result.rows, 8192);
        const digests = await bench.digests(output);
        assert.equal(Object.keys(digests).length, 17, 'sixteen shards and dataset.json');
        expected ??= digests;
        assert.deepEqual(digests, expected);
        const left = (await bench.bucket.keys(output)).filter((key) => /^_riffle\/(?!plan\.json)/.test(key));
        assert.equal(left.length > 0, options.keepIntermediates === true);
      } finally {
        await bench.killWorkers('SIGTERM');
      }
    });
  }

  it('another seed gives another order of the same records', async () => {
    await bench.startWorkers(1);
    try {
      const output = bench.bucket.newPlace();
      await bench.shuffle(output, { seed: 'other', memory: '64MiB' });
      const digests = await bench.digests(output);
      assert.equal(Object.keys(digests).length, 17);
      for (const [key, digest] of Object.entries(digests)) assert.notEqual(digest, expected![key]);
    } finally {
      await bench.killWorkers('SIGTERM');
    }
  });
});
