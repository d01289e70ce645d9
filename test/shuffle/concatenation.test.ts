/**
 * A list of datasets is shuffled as the one dataset that they are together: borders of shards and datasets leave no
 * trace in the output. The steps are called directly, on real S3; the same by workflows: test/workflows.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Encoding } from '../../src/formats/dataset.js';
import { describe as describeDataset } from '../../src/formats/describe.js';
import { shardLocation } from '../../src/formats/concatenation.js';
import { codecOf } from '../../src/formats/encoding.js';
import { readDataset } from '../../src/formats/readDataset.js';
import { writeDataset } from '../../src/formats/writeDataset.js';
import { WorkMemory } from '../../src/memory/workMemory.js';
import type { ShuffleResult } from '../../src/shuffle/commit.js';
import { loadRun } from '../../src/shuffle/run.js';
import { formatPrefix, parsePrefix, type Prefix } from '../../src/storage/uri.js';
import { VerifyRun } from '../../src/verify/verifyRun.js';
import { carryOut } from '../support/carryOut.js';
import { outputBelow, recordWidth, shardFile } from '../support/makeDataset.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, type TestBucket } from '../support/testBucket.js';

const rows = 200;
/** A shuffle with one scatter pass: 5 output shards. */
const cut = { seed: 'tests', blockRows: 8, outputShardRows: 40, memory: '2KiB', minSegment: 1 };

/** Rows of each shard of one to four datasets, 200 in all, none of them without a row; shards may be empty. */
const anyCuts: fc.Arbitrary<number[][]> = fc
  .noBias(
    fc.array(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }),
  )
  .map((datasets) => {
    let left = rows;
    return datasets.map((shards, index) =>
      shards.map((wanted, shard) => {
        const last = shard === shards.length - 1;
        const count = last && index === datasets.length - 1 ? left : Math.max(wanted, last ? 1 : 0);
        left -= count;
        return count;
      }),
    );
  });

describe('a list of datasets', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;
  const expected = new Map<Encoding, { files: Record<string, string>; result: ShuffleResult }>();

  before(async () => {
    bucket = await openTestBucket();
  });
  after(() => bucket.store.close());

  /** Writes consecutive rows of the same 200 as datasets, each with shards of these sizes, all with the same names. */
  async function write(encoding: Encoding, cuts: readonly (readonly number[])[]): Promise<Prefix[]> {
    const recordBytes = encoding === 'raw' ? recordWidth : undefined;
    let first = 0;
    const places: Prefix[] = [];
    for (const shards of cuts) {
      const place = bucket.newPlace();
      for (const [shard, count] of shards.entries()) {
        const key = `${place.prefix}${shard}${codecOf({ encoding, recordBytes }).extension}`;
        await bucket.store.put({ bucket: place.bucket, key }, [shardFile(encoding, first, count)]);
        first += count;
      }
      const { dataset } = await describeDataset(bucket.store, place, { encoding, recordBytes });
      await writeDataset(bucket.store, place, dataset);
      places.push(place);
    }
    assert.equal(first, rows);
    return places;
  }

  async function shuffle(places: readonly Prefix[]): Promise<{ files: Record<string, string>; result: ShuffleResult }> {
    const output = bucket.newPlace();
    const uris = places.map(formatPrefix);
    const input = uris.length === 1 ? uris[0] : uris;
    const result = await carryOut(bucket.store, { input, output: formatPrefix(output), ...cut });
    const { 'dataset.json': dataset, ...files } = await outputBelow(bucket, output);
    assert.ok(dataset);
    return { files, result };
  }

  it('is shuffled as the one dataset that it is together, however it is cut', async () => {
    const lengths = new Set<number>();
    await fc.assert(
      fc.asyncProperty(anyCuts, fc.constantFrom<Encoding>('safetensors', 'npy', 'raw'), async (cuts, encoding) => {
        const whole = expected.get(encoding) ?? (await shuffle(await write(encoding, [[150, 50]])));
        expected.set(encoding, whole);
        assert.equal(Object.keys(whole.files).length, 5);
        assert.equal(whole.result.scatterPasses, 1);
        const { files, result } = await shuffle(await write(encoding, cuts));
        assert.deepEqual(files, whole.files);
        assert.deepEqual([result.rows, result.digest], [rows, whole.result.digest]);
        lengths.add(cuts.length);
      }),
      { seed: 2, numRuns: 16 },
    );
    assert.deepEqual([...lengths].sort(), [1, 2, 3, 4]);
  });

  it('has a layout without buckets and prefixes, in which each shard has a name of its own', async () => {
    const [first, second] = [await write('safetensors', [[120], [80]]), await write('safetensors', [[120], [80]])];
    const results = [await shuffle(first), await shuffle(second)];
    assert.equal(results[0]!.result.layout, results[1]!.result.layout);
    const run = await loadRun(bucket.store, parsePrefix(results[0]!.result.output), 1);
    assert.deepEqual(
      run!.dataset.shards.map(({ key }) => key),
      ['0/0.safetensors', '1/0.safetensors'],
    );
    assert.deepEqual(shardLocation(first, '1/0.safetensors'), {
      bucket: first[1]!.bucket,
      key: `${first[1]!.prefix}0.safetensors`,
    });
    const other = await shuffle([...first].reverse());
    assert.notEqual(other.result.layout, results[0]!.result.layout, 'the order of the list counts');
    assert.notDeepEqual(other.files, results[0]!.files);
  });

  it('of one dataset is that dataset', async () => {
    const [place] = await write('safetensors', [[200]]);
    const [output, input] = [formatPrefix(bucket.newPlace()), formatPrefix(place!)];
    const { layout } = await carryOut(bucket.store, { input: [input], output, ...cut });
    assert.equal((await carryOut(bucket.store, { input, output, ...cut })).layout, layout);
    const run = await loadRun(bucket.store, parsePrefix(output), 1);
    assert.deepEqual(run!.dataset, await readDataset(bucket.store, place!));
  });

  it('is verified against its shuffle', async () => {
    const places = await write('npy', [[50, 20], [100], [30]]);
    const { result } = await shuffle(places);
    const verdictOf = async (input: string[]): Promise<boolean> => {
      const run = await VerifyRun.open(bucket.store, { input, output: result.output });
      const context = {
        store: bucket.store,
        memory: new WorkMemory(),
        signal: new AbortController().signal,
        reserve: async () => {},
        onBytes: () => undefined,
        pause: async () => {},
      };
      const parts = [];
      for (let task = 0; task < run.taskCount; task++) parts.push(await run.runTask(task, context));
      return (await run.judge(parts, context.pause)).permutation;
    };
    const uris = places.map(formatPrefix);
    assert.equal(await verdictOf(uris), true);
    assert.equal(await verdictOf(uris.slice(1)), false);
  });
});
