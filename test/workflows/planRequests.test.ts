// The requests that `riffle plan` predicts, held against real runs: workflows, one worker process, S3, a counting proxy.
import assert from 'node:assert/strict';
import { readPriceTable } from '../../src/cli/priceTable.js';
import { concatenate, readDatasets } from '../../src/formats/concatenation.js';
import type { Dataset } from '../../src/formats/dataset.js';
import { describe as describeDataset } from '../../src/formats/describe.js';
import { readDataset } from '../../src/formats/readDataset.js';
import { writeDataset } from '../../src/formats/writeDataset.js';
import { alignedCut, type Member } from '../../src/shuffle/align.js';
import { alignedPlan } from '../../src/shuffle/alignedPlan.js';
import { parsePlanInput } from '../../src/shuffle/input.js';
import type { PlanSummary, PlanTables } from '../../src/shuffle/planSummary.js';
import { summarizePlan } from '../../src/shuffle/planSummary.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import { countByPrice } from '../support/requestCounts.js';
import { counting } from '../support/shardFiles.js';
import { sampleCut, ShuffleBench } from '../support/shuffles.js';
import { stackTimeout } from '../support/stack.js';

/** Wide records of 80 MiB in all, in two shards; and short ones, of which some segments hold none. */
const wide = { rows: 1280, recordBytes: 65_536, shardRows: 1000 };
const short = { rows: 1024, recordBytes: 8, shardRows: 700 };

describe('the requests that a plan predicts', function () {
  this.timeout(stackTimeout);
  let bench: ShuffleBench;
  let tables: PlanTables;

  before(async () => {
    bench = await ShuffleBench.open();
    await bench.startWorkers(1);
    const prices = await readPriceTable();
    tables = { prices, rates: prices.rates, wish: {} };
  });
  after(() => bench.close());

  async function makeRaw({ rows, recordBytes, shardRows }: typeof wide): Promise<Prefix> {
    const place = bench.bucket.newPlace();
    for (let first = 0; first < rows; first += shardRows) {
      const bytes = counting(Math.min(shardRows, rows - first) * recordBytes, first);
      await bench.bucket.store.put({ bucket: place.bucket, key: `${place.prefix}${first}.bin` }, [bytes]);
    }
    const { dataset } = await describeDataset(bench.bucket.store, place, { encoding: 'raw', recordBytes });
    await writeDataset(bench.bucket.store, place, dataset);
    return place;
  }

  const newOutput = (): string => formatPrefix(bench.bucket.newPlace());

  /** Runs a shuffle and compares. @returns its scatter passes, and the GETs of its last pass */
  async function check(source: Prefix, options: object): Promise<{ scatterPasses: number; lastReads: number }> {
    const input = { input: formatPrefix(source), output: newOutput(), parallelism: 4, ...options };
    const plan = summarizePlan(await readDataset(bench.bucket.store, source), parsePlanInput(input), tables);
    await checkRun(input, plan);
    const last = plan.passes.at(-1)!;
    return { scatterPasses: plan.passes.length - 1, lastReads: last.get - 2 * last.tasks };
  }

  async function checkRun(input: object, plan: Pick<PlanSummary, 'requests'>): Promise<void> {
    bench.proxy.reset();
    await (await bench.start(input)).handle.result();
    const { exact, ...requests } = plan.requests;
    assert.ok(exact);
    assert.deepEqual({ ...requests, other: 0 }, countByPrice(bench.proxy.seen));
  }

  /** Reads datasets as one. */
  async function openAsOne(places: readonly Prefix[]): Promise<Dataset> {
    return concatenate(await readDatasets(bench.bucket.store, places));
  }

  it('columns, all in memory', async () => {
    assert.equal((await check(bench.sample, sampleCut)).scatterPasses, 0);
  });

  it('columns, one scatter pass, intermediates kept', async () => {
    const options = { ...sampleCut, memory: '700KiB', minSegment: 1, keepIntermediates: true };
    assert.equal((await check(bench.sample, options)).scatterPasses, 1);
  });

  it('columns, two scatter passes', async () => {
    const options = { ...sampleCut, memory: 1_500_000, minSegment: 200_000 };
    assert.equal((await check(bench.sample, options)).scatterPasses, 2);
  });

  it('columns, three scatter passes', async () => {
    const options = { ...sampleCut, memory: 2_000_000, minSegment: 400_000 };
    assert.equal((await check(bench.sample, options)).scatterPasses, 3);
  });

  it('a list of datasets, a part held out', async () => {
    const places = [await makeRaw(short), await makeRaw({ ...short, rows: 300 })];
    const options = { seed: 'list', blockRows: 7, outputShardRows: 100, memory: 4000, minSegment: 1 };
    const input = { input: places.map(formatPrefix), output: newOutput(), split: { heldOut: 0.2 }, ...options };
    const origin = { datasets: 2, aligned: false };
    const plan = summarizePlan(await openAsOne(places), parsePlanInput(input), tables, origin);
    assert.equal(plan.passes.length, 2);
    await checkRun({ ...input, parallelism: 4 }, plan);
  });

  it('aligned datasets, one of them a list', async () => {
    const sources = [
      [await makeRaw(short)],
      [await makeRaw({ ...wide, rows: 500 }), await makeRaw({ ...wide, rows: 524 })],
    ];
    const aligned = sources.map((places) => ({ input: places.map(formatPrefix), output: newOutput() }));
    const input = { aligned, seed: 'aligned', outputShardRows: 100, memory: 16 * 1024 ** 2, parallelism: 4 };
    const members: Member[] = [];
    for (const places of sources) members.push({ name: '', dataset: await openAsOne(places) });
    const parsed = parsePlanInput(input);
    const options = { ...parsed, ...alignedCut(members, parsed) };
    const plans = members.map(({ dataset }, index) =>
      summarizePlan(dataset, options, tables, { datasets: sources[index]!.length, aligned: true }),
    );
    assert.deepEqual(
      plans.map(({ passes }) => passes.length),
      [1, 2],
    );
    await checkRun(input, alignedPlan(plans));
  });

  it('segments without records are not read', async () => {
    const options = { seed: 'empty', blockRows: 1, outputShardRows: 16, memory: 2000, minSegment: 1 };
    const { lastReads } = await check(await makeRaw(short), options);
    assert.equal(lastReads, 310, 'of 320 segments');
  });

  it('segments above 16 MiB are read in pieces, shards above 64 MiB written in parts', async () => {
    const source = await makeRaw(wide);
    const halves = { seed: 'wide', blockRows: 4, outputShardRows: 640, memory: 52_000_000 };
    assert.deepEqual(await check(source, halves), { scatterPasses: 1, lastReads: 7 });
    const whole = { seed: 'wide', blockRows: 4, outputShardRows: 1280, memory: 152_000_000 };
    assert.equal((await check(source, whole)).scatterPasses, 0);
  });
});
