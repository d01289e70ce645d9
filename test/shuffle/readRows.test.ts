/**
 * Which bytes `readRows` asks for, and where it puts them: against a store in memory that holds shard files built here,
 * column by column. Retries and wrong ETags are the storage tests' matter, segments those of the workflow tests.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Column, Dataset } from '../../src/formats/dataset.js';
import { largestRead, planReads, readBytes } from '../../src/formats/planReads.js';
import { WorkMemory } from '../../src/memory/workMemory.js';
import { takeReadWindows } from '../../src/shuffle/reading.js';
import type { RecordTarget } from '../../src/shuffle/recordTarget.js';
import { readRows } from '../../src/shuffle/readRows.js';
import { fillSink } from '../../src/storage/byteSinks.js';
import type { ObjectStore } from '../../src/storage/objectStore.js';

const place = { bucket: 'b', prefix: 'in/' };
const memory = new WorkMemory();

interface Made {
  readonly dataset: Dataset;
  /** Bytes of each shard file; those that belong to no column are 0xff. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Bytes of each record, column after column. */
  readonly records: readonly Uint8Array[];
}

/** Shards with columns of these widths, in any order and with holes where `shuffled` says so. */
const anyDataset: fc.Arbitrary<Made> = fc
  .record({
    widths: fc.array(fc.nat(9), { minLength: 1, maxLength: 4 }).filter((widths) => widths.some((width) => width > 0)),
    shards: fc.array(
      fc.record({
        rows: fc.nat(12),
        header: fc.nat(20),
        order: fc.array(fc.nat(), { minLength: 4, maxLength: 4 }),
        hole: fc.nat(3),
        plain: fc.boolean(),
      }),
      { minLength: 1, maxLength: 5 },
    ),
    farAway: fc.boolean(),
  })
  .map(({ widths, shards, farAway }) => {
    const files = new Map<string, Uint8Array>();
    const records: Uint8Array[] = [];
    const described = shards.map(({ rows, header, order, hole, plain }, index) => {
      const sequence = widths.map((_, column) => column);
      if (!plain) sequence.sort((a, b) => order[a]! - order[b]!);
      const offsets = new Array<number>(widths.length);
      let next = 0;
      for (const column of sequence) {
        offsets[column] = next;
        // Holes: a few bytes (read along), or more than a request is worth.
        next += rows * widths[column]! + (plain ? 0 : farAway ? 65_536 + hole : hole);
      }
      const file = new Uint8Array(header + next).fill(0xff);
      for (let row = 0; row < rows; row++) {
        const record = Uint8Array.from(
          widths.flatMap((width, column) =>
            Array.from({ length: width }, (_, i) => (records.length * 31 + column * 7 + i) % 251),
          ),
        );
        let inRecord = 0;
        for (const [column, width] of widths.entries()) {
          file.set(record.subarray(inRecord, inRecord + width), header + offsets[column]! + row * width);
          inRecord += width;
        }
        records.push(record);
      }
      const key = `shard-${index}`;
      files.set(key, file);
      return { key, rows, bytes: file.length, header, etag: `"${index}"`, ...(plain ? {} : { offsets }) };
    });
    const columns = widths.map((width, i): Column => ({ name: `c${i}`, dtype: 'U8', shape: [width] }));
    const dataset: Dataset = {
      format: 'riffle.dataset/1',
      rows: records.length,
      encoding: 'safetensors',
      columns,
      shards: described,
    };
    return { dataset, files, records };
  });

const anyRange = fc.tuple(fc.nat(), fc.nat());

function clip([a, b]: readonly [number, number], rows: number): [first: number, count: number] {
  const first = a % (rows + 1);
  return [first, b % (rows - first + 1)];
}

describe('readRows', () => {
  it('hands out each byte of each record once, at its place', async () => {
    await fc.assert(
      fc.asyncProperty(anyDataset, anyRange, async ({ dataset, files, records }, range) => {
        const [first, count] = clip(range, records.length);
        const got = Array.from({ length: count }, (_, i) => new Int16Array(records[first + i]!.length).fill(-1));
        let arrived = 0;
        await read(files, dataset, first, count, {
          put: (record, offset, bytes) => {
            for (const [i, byte] of bytes.entries()) {
              assert.equal(got[record]![offset + i], -1, 'a byte came twice');
              got[record]![offset + i] = byte;
            }
          },
          onBytes: (bytes) => (arrived += bytes),
        });
        assert.deepEqual(
          got.map((bytes) => [...bytes]),
          records.slice(first, first + count).map((bytes) => [...bytes]),
        );
        assert.equal(
          arrived,
          planReads([place], dataset, first, count).reduce((sum, read) => sum + size(read.range), 0),
        );
      }),
      { seed: 1, numRuns: 400 },
    );
  });

  it('puts records together that lie on both sides of a border between two reads', async () => {
    const width = 5 * 1024 * 1024 + 3;
    const rows = 7;
    const file = Buffer.alloc(10 + rows * width);
    for (let at = 10; at + 4 <= file.length; at += 1021) file.writeUInt32LE(at, at);
    const dataset: Dataset = {
      format: 'riffle.dataset/1',
      rows,
      encoding: 'raw',
      recordBytes: width,
      columns: [{ name: 'record', dtype: 'U8', shape: [width] }],
      shards: [{ key: 'shard', rows, bytes: file.length, header: 10, etag: '""' }],
    };
    const got = Buffer.alloc(rows * width);
    let pieces = 0;
    await read(new Map([['shard', file]]), dataset, 0, rows, {
      put: (record, offset, bytes) => {
        got.set(bytes, record * width + offset);
        pieces++;
      },
    });
    assert.ok(got.equals(file.subarray(10)));
    assert.ok(pieces >= rows + Math.floor(file.length / readBytes), 'every border cuts a record');
  });
});

/** Reads rows into a memory, and hands out every piece that is placed. */
async function read(
  files: ReadonlyMap<string, Uint8Array>,
  dataset: Dataset,
  first: number,
  count: number,
  sink: { put: (record: number, offset: number, bytes: Uint8Array) => void; onBytes?: (bytes: number) => void },
): Promise<void> {
  memory.reset();
  const reads = planReads([place], dataset, first, count);
  const target: RecordTarget = {
    place: (record, pieces, offset, source, stride, length) => {
      for (let i = 0; i < pieces; i++) sink.put(record + i, offset, memory.view(source + i * stride, length));
    },
  };
  const options = { signal: new AbortController().signal, onBytes: sink.onBytes ?? ((): void => undefined) };
  await readRows(inMemory(files), reads, takeReadWindows(memory, 0, largestRead(reads)), target, options);
}

describe('planReads', () => {
  it('covers the bytes of the rows, none twice, and no more than gaps that are cheaper than a request', () => {
    fc.assert(
      fc.property(anyDataset, anyRange, ({ dataset, records }, range) => {
        const [first, count] = clip(range, records.length);
        const reads = planReads([place], dataset, first, count);
        let row = 0;
        for (const shard of dataset.shards) {
          const own = reads.filter(({ object }) => object.key === place.prefix + shard.key);
          const needed = neededBytes(dataset, shard, first - row, first + count - row);
          row += shard.rows;
          const read = own.flatMap(({ range: { start, end } }) =>
            Array.from({ length: end - start }, (_, i) => start + i),
          );
          assert.equal(new Set(read).size, read.length, 'bytes are read twice');
          const covered = new Set(read);
          for (const byte of needed) assert.ok(covered.has(byte), `byte ${byte} of ${shard.key} is not read`);
          for (const { object, etag, range: part } of own) {
            assert.deepEqual([object.bucket, etag], [place.bucket, shard.etag]);
            assert.ok(part.start >= shard.header && part.end <= shard.bytes);
            assert.ok(needed.has(part.start) && needed.has(part.end - 1), 'a range begins or ends with waste');
          }
          let waste = 0;
          for (const byte of read.sort((a, b) => a - b)) {
            waste = needed.has(byte) ? 0 : waste + 1;
            assert.ok(waste <= 65_536, 'a gap that is worth a request of its own is read');
          }
        }
      }),
      { seed: 2, numRuns: 150 },
    );
  });

  it('reads in ranges of at most 16 MiB, cut at its multiples in each object', () => {
    assert.equal(readBytes, 16 * 1024 * 1024);
    const width = 1000;
    const shard = { header: 96, etag: '"e"' };
    const dataset: Dataset = {
      format: 'riffle.dataset/1',
      rows: 140_000,
      encoding: 'npy',
      columns: [{ name: 'x', dtype: 'F32', shape: [width / 4] }],
      shards: [50_000, 0, 90_000].map((rows, i) => ({ ...shard, key: `${i}`, rows, bytes: 96 + rows * width })),
    };
    const reads = planReads([place], dataset, 10_000, 100_000);
    assert.ok(reads.every(({ range }) => size(range) <= readBytes));
    const of = (key: string): { start: number; end: number }[] =>
      reads.filter(({ object }) => object.key === `in/${key}`).map(({ range }) => range);
    assertTiles(of('0'), 96 + 10_000 * width, 96 + 50_000 * width, 3);
    assertTiles(of('1'), 0, 0, 0);
    assertTiles(of('2'), 96, 96 + 60_000 * width, 4);
    for (const { range } of reads.slice(1, 3)) assert.equal(range.start % readBytes, 0);
    assert.deepEqual(planReads([place], dataset, 10_000, 0), []);
    assert.throws(() => planReads([place], dataset, 139_999, 2), RangeError);
  });
});

/** Ranges follow each other from start to end, as few as can be. */
function assertTiles(
  ranges: readonly { start: number; end: number }[],
  start: number,
  end: number,
  count: number,
): void {
  assert.equal(ranges.length, count);
  let at = start;
  for (const range of ranges) {
    assert.equal(range.start, at);
    at = range.end;
  }
  assert.equal(at, end);
}

function size({ start, end }: { start: number; end: number }): number {
  return end - start;
}

/** File offsets of rows [first, end) of a shard (clipped to it), all columns. */
function neededBytes(dataset: Dataset, shard: Dataset['shards'][number], first: number, end: number): Set<number> {
  const needed = new Set<number>();
  let packed = 0;
  for (const [column, { shape }] of dataset.columns.entries()) {
    const width = shape[0]!;
    const start = shard.header + (shard.offsets?.[column] ?? packed);
    packed += shard.rows * width;
    for (let row = Math.max(0, first); row < Math.min(shard.rows, end); row++) {
      for (let i = 0; i < width; i++) needed.add(start + row * width + i);
    }
  }
  return needed;
}

/** A store that can only read. */
function inMemory(files: ReadonlyMap<string, Uint8Array>): ObjectStore {
  const store: Pick<ObjectStore, 'read'> = {
    read: (object, { start, end }, sink) => {
      const bytes = files.get(object.key.slice(place.prefix.length))!.subarray(start, end);
      // In pieces, as they come from a network; what has not come yet must not be looked at.
      for (let filled = 0; filled < bytes.length; filled += 70_001) {
        sink.room().fill(0xee);
        fillSink(sink, bytes.subarray(filled, filled + 70_001));
      }
      return Promise.resolve();
    },
  };
  return store as ObjectStore;
}
