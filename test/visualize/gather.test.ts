/** Stage 3 reads little more than the windows need, and says what it reads and writes. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readDataset } from '../../src/formats/readDataset.js';
import { RunReader } from '../../src/pages/runReader.js';
import { storedRunFiles } from '../../src/pages/storedRunFiles.js';
import type { ObjectStore } from '../../src/storage/objectStore.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import { Bitmap } from '../../src/visualize/bitmap.js';
import { coalesce } from '../../src/visualize/ranges.js';
import { passes } from '../../src/visualize/run.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, override, type TestBucket } from '../support/testBucket.js';
import { carryOutVisualize } from '../support/visualizeCases.js';
import { uploadSample, type UploadedSample } from '../support/visualizeSample.js';

const most = 1.05;

describe('ranges that are read of a set of rows', () => {
  it('hold each row, touch nowhere, and have at most 1.04 times as many', () => {
    const sets = fc.record({
      first: fc.constantFrom(0, 3, 2 ** 32 + 5),
      // Runs and gaps in turn.
      lengths: fc.array(fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 40 }) }, fc.constant(1)), {
        minLength: 1,
        maxLength: 80,
      }),
    });
    fc.assert(
      fc.property(sets, ({ first, lengths }) => {
        const rows = lengths.reduce((sum, length) => sum + length, 0);
        const set = new Bitmap(first, rows);
        let row = first;
        lengths.forEach((length, index) => {
          for (const end = row + length; row < end; row++) if (index % 2 === 0) set.add(row);
        });
        const ranges = coalesce(set);
        const read = ranges.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, index) => from + index));
        assert.ok([...set.members()].every((member) => read.includes(member)));
        assert.ok(ranges.every(({ from }, index) => index === 0 || from > ranges[index - 1]!.to));
        assert.ok(read.length <= 1.04 * set.count());
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('read over the smallest gaps', () => {
    const set = new Bitmap(0, 300);
    for (let row = 0; row < 300; row++) if (row !== 50 && row !== 200 && !(row >= 120 && row < 132)) set.add(row);
    assert.deepEqual(coalesce(set), [
      { from: 0, to: 120 },
      { from: 132, to: 300 },
    ]);
  });
});

describe('stage 3, on the sample', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;
  let sample: UploadedSample;

  before(async () => {
    bucket = await openTestBucket();
    sample = await uploadSample(bucket);
  });
  after(() => {
    bucket.store.close();
  });

  /** The rows of all windows of a run's pages. */
  async function shownRows(place: Prefix, features: number): Promise<number> {
    const reader = await RunReader.open(storedRunFiles(bucket.store, place), formatPrefix(place));
    const rows = new Set<number>();
    for (let feature = 0; feature < features; feature++) {
      if (!reader.has(feature)) continue;
      for (const { examples } of (await reader.page(feature)).groups) {
        for (const { row, focus, ids } of examples) ids.forEach((_, index) => rows.add(row - focus + index));
      }
    }
    return rows.size;
  }

  for (const [name, features] of [
    ['a sparse selection', '7,77,1234'],
    ['many features', '0-1023'],
  ] as const) {
    it(`${name}: at most ${most} times the rows, each shard for itself`, async () => {
      const output = bucket.newPlace();
      const dump = { ...sample.place, prefix: `${sample.place.prefix}dump/` };
      const { shards, columns } = await readDataset(bucket.store, dump);
      const integers = (columns.length - 1) * 4;
      let [pass, activations] = [0, 0];
      const store = override<ObjectStore>(bucket.store, {
        read: (object, range, sink, options) => {
          const shard = shards.find(({ key }) => object.key === dump.prefix + key);
          // The activations are the last column.
          const begin = shard && shard.header + shard.rows * integers;
          if (pass === passes.gather && begin !== undefined && range.start >= begin)
            activations += range.end - range.start;
          return bucket.store.read(object, range, sink, options);
        },
      });
      const nextPass = (tasks: number[]): number[] => {
        pass++;
        return tasks;
      };
      const input = { ...sample.input, features, tokenShards: 3, unembedding: undefined, output: formatPrefix(output) };
      const { reports } = await carryOutVisualize(store, input, nextPass);
      const rowBytes = 576 * 2;
      const needed = await shownRows(output, 2304);
      assert.ok(activations >= needed * rowBytes, `${activations} bytes for ${needed} rows`);
      assert.ok(activations <= most * needed * rowBytes, `${activations} bytes for ${needed} rows`);
      const gathered = reports.filter((report) => report.pass === passes.gather);
      assert.equal(gathered.length, 3);
      assert.equal(
        gathered.reduce((sum, { records }) => sum + records, 0),
        needed,
      );
      const [read, wrote] = [
        gathered.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
        gathered.reduce((sum, report) => sum + report.wrote.reduce((all, { bytes }) => all + bytes, 0), 0),
      ];
      // What it reads besides: integers of all tokens, the tokenizer, and which rows are wanted.
      assert.ok(read > activations && read < activations + 3 * 4e6, `${read} bytes`);
      assert.ok(wrote > needed * rowBytes && wrote < needed * (rowBytes + 64) + 3 * 4096, `${wrote} bytes`);
    });
  }
});
