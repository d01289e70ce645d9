/**
 * The first pass's GETs and bytes, as `riffle plan` prints them: those that the tasks will send, counted one by one.
 * The other figures are held against real runs elsewhere.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Dataset } from '../../src/formats/dataset.js';
import { recordBytes } from '../../src/formats/encoding.js';
import { Geometry } from '../../src/shuffle/geometry.js';
import { parsePlanInput } from '../../src/shuffle/input.js';
import { layoutOf, shapeOf } from '../../src/shuffle/layout.js';
import { datasetOfSize, summarizePlan } from '../../src/shuffle/planSummary.js';
import { planShuffle } from '../../src/shuffle/prepare.js';
import { rowsBefore } from '../../src/shuffle/shape.js';
import { planReads } from '../../src/shuffle/readRows.js';

const place = { bucket: 'bucket', prefix: 'p/' };

/** Wide records, so that few rows take several requests; columns of equal or of different widths. */
const anyDataset: fc.Arbitrary<Dataset> = fc
  .record({
    widths: fc.constantFrom([200_000], [65_000, 65_000], [4, 300_000], [100_000, 8, 100_000]),
    shards: fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 6 }),
  })
  .filter(({ shards }) => shards.some((rows) => rows > 0))
  .map(({ widths, shards }) => {
    const columns = widths.map((width, i) => ({ name: `c${i}`, dtype: 'U8', shape: [width] }));
    const width = recordBytes({ columns });
    return {
      format: 'riffle.dataset/1',
      rows: shards.reduce((sum, rows) => sum + rows, 0),
      encoding: 'safetensors',
      columns,
      shards: shards.map((rows, i) => ({ key: `${i}`, rows, bytes: 80 + rows * width, header: 80, etag: `"${i}"` })),
    };
  });

describe('summarizePlan', () => {
  it('counts the GETs and bytes of the first pass', () => {
    let scattered = 0;
    const sizes = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 50 }), fc.nat(200));
    fc.assert(
      fc.property(anyDataset, sizes, (dataset, [blockRows, outputShardRows, more]) => {
        const memory = Math.max(blockRows, outputShardRows) * 310_000 + 5000 + more * 1e6;
        const input = parsePlanInput({ input: 's3://bucket/p/', blockRows, outputShardRows, memory, minSegment: 1 });
        const layout = layoutOf(dataset, input);
        const shape = shapeOf(dataset.rows, layout);
        const geometry = Geometry.of(shape, planShuffle(dataset, layout, input).plan);
        if (!geometry.isGather(1)) scattered++;
        let get = 0;
        let bytes = 0;
        for (let task = 0; task < geometry.taskCount(1); task++) {
          const [first, end] = geometry.isGather(1)
            ? [0, shape.rows]
            : [geometry.scatterTask(1, task).firstBlock, geometry.scatterTask(1, task).endBlock].map((block) =>
                rowsBefore(shape, block),
              );
          const reads = planReads([place], dataset, first!, end! - first!);
          // And one that looks for the checkpoint.
          get += reads.length + 1;
          bytes += reads.reduce((sum, { range }) => sum + range.end - range.start, 0);
        }
        const [pass] = summarizePlan(dataset, input, [place]).passes;
        assert.deepEqual([pass!.get, pass!.bytesRead], [get, bytes]);
      }),
      { seed: 1, numRuns: 200 },
    );
    assert.ok(scattered > 50, `only ${scattered} plans had scatter passes`);
  });

  it('adds up 100 PB without counting billions of requests one by one', () => {
    const input = parsePlanInput({ input: { rows: 1e14, recordBytes: 1024 }, memory: 100 * 1024 ** 3 });
    const { passes } = summarizePlan(datasetOfSize(1e14, 1024), input, [place]);
    assert.deepEqual(
      passes.map(({ kind }) => kind),
      ['scatter', 'scatter', 'gather'],
    );
    assert.equal(passes[0]!.bytesRead, 1e14 * 1024);
    // Every byte comes in ranges of at most 16 MiB.
    assert.ok(passes[0]!.get >= (1e14 * 1024) / (16 * 1024 * 1024));
  });
});
