/**
 * What `riffle plan` says of requests, bytes and memory, held against what the tasks compute for themselves. Whole runs
 * behind a counting proxy: test/workflows/planRequests.test.ts.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readPriceTable } from '../../src/cli/priceTable.js';
import { MemoryTooSmall } from '../../src/errors.js';
import type { Dataset } from '../../src/formats/dataset.js';
import { recordBytes } from '../../src/formats/encoding.js';
import { CountTable } from '../../src/shuffle/countTable.js';
import { Geometry } from '../../src/shuffle/geometry.js';
import { incoming } from '../../src/shuffle/incoming.js';
import { parsePlanInput } from '../../src/shuffle/input.js';
import { layoutOf, shapeOf } from '../../src/shuffle/layout.js';
import { planTraffic } from '../../src/shuffle/passTraffic.js';
import type { PassTraffic } from '../../src/shuffle/passTraffic.js';
import { datasetOfSize, summarizePlan } from '../../src/shuffle/planSummary.js';
import type { PlanSummary } from '../../src/shuffle/planSummary.js';
import { planShuffle } from '../../src/shuffle/prepare.js';
import { planReads } from '../../src/formats/planReads.js';
import { trailerBytes } from '../../src/runs/segment.js';
import { segmentTraffic } from '../../src/shuffle/segmentTraffic.js';
import { rowsBefore } from '../../src/shuffle/shape.js';
import { partBytes } from '../../src/storage/objectStore.js';

const place = { bucket: 'bucket', prefix: 'p/' };
const input = 's3://bucket/p/';

/** Wide records, so that few rows take several requests; columns of equal or of different widths. */
const anyDataset: fc.Arbitrary<Dataset> = fc
  .record({
    widths: fc.constantFrom([200_000], [65_000, 65_000], [4, 300_000], [100_000, 8, 100_000]),
    shards: fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 6 }),
  })
  .filter(({ shards }) => shards.some((rows) => rows > 0))
  .map(({ widths, shards }) => datasetOf(widths, shards));

function datasetOf(widths: readonly number[], shards: readonly number[]): Dataset {
  const columns = widths.map((width, i) => ({ name: `c${i}`, dtype: 'U8', shape: [width] }));
  const width = recordBytes({ columns });
  return {
    format: 'riffle.dataset/1',
    rows: shards.reduce((sum, rows) => sum + rows, 0),
    encoding: 'safetensors',
    columns,
    shards: shards.map((rows, i) => ({ key: `${i}`, rows, bytes: 80 + rows * width, header: 80, etag: `"${i}"` })),
  };
}

interface Planned {
  readonly geometry: Geometry;
  readonly table: CountTable;
  readonly passes: PassTraffic[];
}

function planned(dataset: Dataset, input: object): Planned {
  const options = parsePlanInput(input);
  const layout = layoutOf(dataset, options);
  const shape = shapeOf(dataset.rows, layout);
  const geometry = Geometry.of(shape, planShuffle(dataset, layout, options).plan);
  const table = new CountTable(shape, layout.seed);
  return { geometry, table, passes: planTraffic(dataset, geometry, { table }) };
}

/** Bytes per second and hours are not looked at here; prices are those that ship. */
async function summaryOf(dataset: Dataset, options: object, wish = {}): Promise<PlanSummary> {
  const prices = await readPriceTable();
  return summarizePlan(dataset, parsePlanInput({ input, ...options }), { prices, rates: prices.rates, wish });
}

const ofSize = (rows: number, gibibytes: number): Promise<PlanSummary> =>
  summaryOf(datasetOfSize(rows, 1024), { memory: `${gibibytes}GiB` });

describe('planTraffic', () => {
  it('counts the GETs and bytes of the first pass', () => {
    let scattered = 0;
    const sizes = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 50 }), fc.nat(200));
    fc.assert(
      fc.property(anyDataset, sizes, (dataset, [blockRows, outputShardRows, more]) => {
        const memory = Math.max(blockRows, outputShardRows) * 310_000 + 5000 + more * 1e6;
        const options = { input, blockRows, outputShardRows, memory, minSegment: 1 };
        const { geometry, passes } = planned(dataset, options);
        if (!geometry.isGather(1)) scattered++;
        let get = 0;
        let bytes = 0;
        for (let task = 0; task < geometry.taskCount(1); task++) {
          const blocks = geometry.isGather(1) ? undefined : geometry.scatterTask(1, task);
          const first = rowsBefore(geometry.shape, blocks?.firstBlock ?? 0);
          const end = rowsBefore(geometry.shape, blocks?.endBlock ?? geometry.blockCount);
          const reads = planReads([place], dataset, first, end - first);
          get += reads.length;
          bytes += reads.reduce((sum, { range }) => sum + range.end - range.start, 0);
        }
        assert.deepEqual([passes[0]!.get, passes[0]!.bytesRead], [get, bytes]);
      }),
      { seed: 1, numRuns: 200 },
    );
    assert.ok(scattered > 50, `only ${scattered} plans had scatter passes`);
  });

  it('counts what every later task reads and writes, segments without records and large ones among them', () => {
    const seen = { empty: 0, large: 0, parts: 0, deep: 0 };
    const sizes = fc.record({
      width: fc.constantFrom(8, 1_000_000, 9_000_000, 20_000_000),
      rows: fc.integer({ min: 20, max: 600 }),
      blockRows: fc.integer({ min: 1, max: 9 }),
      outputShardRows: fc.integer({ min: 1, max: 20 }),
      room: fc.integer({ min: 1, max: 6 }),
      minSegment: fc.constantFrom(1, 100, 30_000_000),
      seed: fc.string({ minLength: 1 }),
    });
    fc.assert(
      fc.property(sizes, ({ width, rows, room, ...cut }) => {
        const memory = Math.max(cut.blockRows, cut.outputShardRows) * (width + 8) * room + 1000;
        const { geometry, table, passes } = planned(datasetOf([width], [rows]), { input, memory, ...cut });
        for (let pass = 2; pass <= geometry.passes; pass++) {
          const told = passes[pass - 1]!;
          const { get, put, bytes, mostRecords } = workOf(pass);
          assert.ok(told.exact);
          assert.deepEqual([told.get, told.bytesRead], [get, bytes]);
          if (geometry.isGather(pass)) continue;
          assert.equal(told.put, put);
          const trailers = geometry.scatterPass(pass).fanOut * trailerBytes;
          assert.equal(told.memoryBytes, mostRecords * (width + 8) + trailers);
          seen.deep++;
        }

        function workOf(pass: number): { get: number; put: number; bytes: number; mostRecords: number } {
          const work = { get: 0, put: 0, bytes: 0, mostRecords: 0 };
          for (let task = 0; task < geometry.taskCount(pass); task++) {
            const scatter = geometry.isGather(pass) ? undefined : geometry.scatterTask(pass, task);
            const first = scatter?.firstBlock ?? 0;
            const end = scatter?.endBlock ?? geometry.blockCount;
            const found = incoming(table, geometry, pass, scatter?.incoming ?? task, first, end, width);
            for (const { records } of found.segments) {
              if (records === 0) seen.empty++;
              else work.bytes += records * width + trailerBytes;
              const step = Math.max(1, Math.floor((16 * 1024 * 1024 - trailerBytes) / width));
              if (records > step) seen.large++;
              for (let record = 0; record < records; record += step) work.get++;
            }
            work.mostRecords = Math.max(work.mostRecords, found.records);
            if (!scatter) continue;
            const object = found.records * width + (scatter.endBucket - scatter.firstBucket) * trailerBytes;
            const parts = Math.ceil(object / partBytes);
            if (parts > 1) seen.parts++;
            work.put += parts > 1 ? parts + 2 : 1;
          }
          return work;
        }
      }),
      { seed: 2, numRuns: 300 },
    );
    for (const [what, times] of Object.entries(seen)) assert.ok(times > 20, `${what}: ${times}`);
  });

  it('estimates what it does not count', () => {
    const seen = { empty: 0, pieces: 0, parts: 0 };
    for (const { width, ...options } of [
      { width: 8, outputShardRows: 16, memory: 3500, minSegment: 1 },
      { width: 8, outputShardRows: 16, memory: 6000, minSegment: 1 },
      { width: 1_000_000, outputShardRows: 40, memory: 320_000_000, minSegment: 1 },
      { width: 1_000_000, outputShardRows: 40, memory: 300_000_000, minSegment: 20_000_000 },
    ]) {
      const { geometry, table } = planned(datasetOfSize(4096, width), { input, blockRows: 1, ...options });
      for (let pass = 1; pass < geometry.passes; pass++) {
        const counted = segmentTraffic(geometry, pass, width, table);
        const estimated = segmentTraffic(geometry, pass, width, undefined);
        assert.deepEqual([counted.exact, estimated.exact], [true, false]);
        for (const field of ['get', 'put', 'filled'] as const) {
          const ratio = estimated[field] / counted[field];
          assert.ok(Math.abs(ratio - 1) < 0.02, `${field} of pass ${pass} of ${JSON.stringify(options)}: ${ratio}`);
        }
        assert.ok(estimated.mostRecords >= counted.mostRecords);
        if (counted.filled < 0.9 * geometry.rangeCount(pass) * geometry.bucketCount(pass)) seen.empty++;
        if (counted.get > 1.5 * counted.filled) seen.pieces++;
        if (pass > 1 && counted.put > 2 * geometry.taskCount(pass)) seen.parts++;
      }
    }
    for (const [what, times] of Object.entries(seen)) assert.ok(times > 0, what);
  });
});

describe('summarizePlan', () => {
  it('adds up 100 PB without counting billions of requests one by one', async () => {
    const { passes, requests } = await ofSize(1e14, 100);
    assert.equal(passes.length, 3);
    assert.equal(passes[0]!.bytesRead, 1e14 * 1024);
    // Every byte comes in ranges of at most 16 MiB.
    assert.ok(passes[0]!.get >= (1e14 * 1024) / (16 * 1024 * 1024));
    assert.equal(requests.exact, false);
    await assert.rejects(ofSize(1e14, 12), MemoryTooSmall);
  });

  it('adds up 200,000 shards with columns of different widths without counting each request', async () => {
    // 300 TB: 18 million ranges of 16 MiB, and as many objects to keep if each were listed.
    const shards = new Array<number>(2e5).fill(1e6);
    const { passes } = await summaryOf(datasetOf([4, 1500], shards), { memory: '12GiB' });
    assert.ok(passes[0]!.get > (2e11 * 1504) / (16 * 1024 * 1024));
  });

  it('gives dollars that follow from the counts and the price table', async () => {
    const plan = await summaryOf(
      datasetOfSize(1e11, 1024),
      { memory: '12GiB' },
      { machines: 30, instance: 'r6in.4xlarge' },
    );
    const { requests, hours, gibibyteHours, dollars } = plan;
    const compute = 30 * (hours + 0.05) * 1.39482;
    const get = ((requests.get + requests.head) / 1000) * 0.0004;
    const put = ((requests.put + requests.list) / 1000) * 0.005;
    const storage = (gibibyteHours / 730) * 0.023;
    const expected = { compute, get, put, storage, total: compute + get + put + storage };
    for (const [line, amount] of Object.entries(expected)) {
      assert.ok(Math.abs(dollars[line as keyof typeof expected] - amount) < 1e-6 * amount, line);
    }
    assert.equal(Math.round(hours * 1e4) / 1e4, hours);
    assert.ok(Number.isInteger(gibibyteHours));
  });

  it('offers nothing dearer as the cheapest, nothing slower as the fastest', async () => {
    const { hours, dollars, alternatives } = await ofSize(1e11, 12);
    assert.ok(alternatives.cheapest.dollars <= dollars.total);
    assert.ok(alternatives.fastestHere.hours <= hours * 1.01);
    assert.ok(alternatives.fastest.hours <= alternatives.fastestHere.hours * 1.01);
  });

  it('refuses machines that are unknown or too small', async () => {
    await assert.rejects(summaryOf(datasetOfSize(1e6, 8), {}, { instance: 'huge' }), /no instance "huge"; it has c7g/);
    const small = { instance: 'c7g.4xlarge' };
    await assert.rejects(summaryOf(datasetOfSize(1e11, 1024), { memory: '100GiB' }, small), /c7g.4xlarge has so much/);
  });

  it('warns of short segments and of a cold prefix', async () => {
    const { warnings } = await summaryOf(datasetOfSize(1e11, 1024), { memory: '12GiB' }, { machines: 300 });
    assert.ok(
      warnings.some((warning) => warning.startsWith('Segments are about 1.44 MB.')),
      warnings.join(),
    );
    assert.ok(warnings.some((warning) => /GETs per second, and a new prefix takes 5500/.test(warning)));
    assert.deepEqual((await summaryOf(datasetOfSize(1e9, 1024), { memory: '12GiB' }, { machines: 1 })).warnings, []);
  });
});
