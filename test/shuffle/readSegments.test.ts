/**
 * `readSegments` against a store in memory: what it hands to its target, and which damage it reports. That a shuffle
 * then has the damaged segments written again is the matter of durability.test.ts.
 */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { sumDigests } from '../../src/digests.js';
import { ObjectChanged, ObjectMissing, StorageUnavailable } from '../../src/errors.js';
import { WorkMemory } from '../../src/memory/workMemory.js';
import type { IncomingSegment } from '../../src/shuffle/incoming.js';
import { largestSegmentRead, readSegments, type SegmentFault } from '../../src/shuffle/readSegments.js';
import { readBytes } from '../../src/formats/planReads.js';
import { takeReadWindows } from '../../src/shuffle/reading.js';
import { digestOf } from '../../src/shuffle/recordHash.js';
import type { RecordTarget } from '../../src/shuffle/recordTarget.js';
import { encodeTrailer, trailerBytes, type SegmentIdentity } from '../../src/runs/segment.js';
import { fillSink } from '../../src/storage/byteSinks.js';
import type { ByteRange, ByteSink, ObjectLocation, ObjectStore } from '../../src/storage/objectStore.js';

const memory = new WorkMemory();
const layout = 'ab'.repeat(32);
const plan = 'cd'.repeat(32);

function identityOf({ writer, bucket, records }: IncomingSegment): SegmentIdentity {
  return { layout, plan, pass: 1, task: writer, bucket, records };
}

const keyOf = (writer: number): string => `writer-${writer}`;

/** Objects in memory. Ranges arrive in pieces that end where `cuts` says, as on a network. */
class StoreInMemory {
  readonly objects = new Map<string, Buffer>();
  readonly gets: ByteRange[] = [];
  cuts: readonly number[] = [];

  read({ key }: ObjectLocation, range: ByteRange, sink: ByteSink): Promise<void> {
    this.gets.push(range);
    const object = this.objects.get(key);
    if (!object) return Promise.reject(new ObjectMissing(key));
    if (object.length < range.end) return Promise.reject(new ObjectChanged(key));
    const bytes = object.subarray(range.start, range.end);
    let start = 0;
    for (const end of [...this.cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b), bytes.length]) {
      sink.room().fill(0xee);
      fillSink(sink, bytes.subarray(start, end));
      start = end;
    }
    return Promise.resolve();
  }
}

interface Made {
  readonly width: number;
  readonly segments: readonly IncomingSegment[];
  readonly store: StoreInMemory;
  /** By the numbers that the segments' runs give them. */
  readonly records: readonly Buffer[];
}

/** A segment of each writer, as its records' counts by node; each stands somewhere in its writer's object. */
function make(width: number, counts: readonly (readonly number[])[], seed: number): Made {
  const store = new StoreInMemory();
  const firsts = counts.map((): number[] => []);
  let first = 0;
  const nodes = counts[0]?.length ?? 0;
  for (let node = 0; node < nodes; node++) {
    for (const [writer, of] of counts.entries()) {
      firsts[writer]![node] = first;
      first += of[node]!;
    }
  }
  const all = Buffer.alloc(first * width);
  for (let at = 0, word = seed | 1; at < all.length; at++, word = Math.imul(word, 48_271)) all[at] = word >>> 16;
  const records = Array.from({ length: first }, (_, record) => all.subarray(record * width, (record + 1) * width));
  const segments = counts.map((of, writer): IncomingSegment => {
    const runs = of.map((count, node) => ({ first: firsts[writer]![node]!, records: count }));
    const offset = (seed * 7 + writer * 13) % 50;
    const segment = { writer, bucket: 5, offset, records: of.reduce((sum, count) => sum + count, 0), runs };
    const parts = runs.flatMap((run) => records.slice(run.first, run.first + run.records));
    const bytes = sealed(Buffer.concat(parts), width, identityOf(segment));
    store.objects.set(keyOf(writer), Buffer.concat([Buffer.alloc(offset, 0xcc), bytes, Buffer.alloc(30, 0xcc)]));
    return segment;
  });
  return { width, segments, store, records };
}

/** Records with the trailer that proves them. @param digest that the trailer names */
function sealed(records: Buffer, width: number, identity: SegmentIdentity, digest = hashesOf(records, width)): Buffer {
  return Buffer.concat([records, encodeTrailer(identity, { digest, crc32: crc32(records) })]);
}

interface Outcome {
  readonly digests: string[];
  readonly faults: SegmentFault[];
  /** What was placed for each record's number. */
  readonly placed: Map<number, Buffer>;
  readonly bytes: number;
}

async function read({ width, segments, store }: Made, hashed = false): Promise<Outcome> {
  memory.reset();
  const taskBytes = segments.reduce((sum, { records }) => sum + records * width, 0);
  const windows = takeReadWindows(memory, taskBytes, largestSegmentRead(segments, width), width);
  const placed = new Map<number, Buffer>();
  const target: RecordTarget = {
    place(first, count, offset, source, stride, length) {
      assert.deepEqual([offset, stride, length], [0, width, width]);
      for (let index = 0; index < count; index++) {
        assert.ok(!placed.has(first + index), 'placed twice');
        placed.set(first + index, Buffer.from(memory.view(source + index * stride, length)));
      }
    },
  };
  let bytes = 0;
  const { digests, faults } = await readSegments(
    store as unknown as ObjectStore,
    segments,
    width,
    memory,
    windows,
    (segment) => ({ object: { bucket: 'b', key: keyOf(segment.writer) }, identity: identityOf(segment) }),
    target,
    { signal: new AbortController().signal, onBytes: (count) => void (bytes += count), hashed },
  );
  return { digests, faults, placed, bytes };
}

/** Sum of the hashes of records. */
function hashesOf(records: Buffer, width: number): bigint {
  memory.reset();
  const address = memory.take(records.length);
  memory.view(address, records.length).set(records);
  return memory.addHashes(0n, address, records.length / width, width);
}

/** Multiset digest of records, in hex. */
function digestOfAll(records: readonly Buffer[], width: number): string {
  return digestOf(hashesOf(Buffer.concat(records), width));
}

async function checkSound(made: Made): Promise<void> {
  const { digests, faults, placed, bytes } = await read(made);
  const { records, segments, width } = made;
  assert.deepEqual(faults, []);
  assert.equal(placed.size, records.length);
  for (const [record, expected] of records.entries())
    assert.ok(expected.equals(placed.get(record)!), `record ${record}`);
  const filled = segments.filter((segment) => segment.records > 0).length;
  assert.equal(digests.length, filled);
  assert.equal(bytes, records.length * width + filled * trailerBytes);
  assert.equal(sumDigests(digests), digestOfAll(records, width));
}

const anyCounts = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 4 })).chain(([writers, nodes]) =>
  fc.array(fc.array(fc.oneof(fc.constant(0), fc.nat(30)), { minLength: nodes, maxLength: nodes }), {
    minLength: writers,
    maxLength: writers,
  }),
);

const anyMade = fc
  .tuple(fc.integer({ min: 1, max: 40 }), anyCounts, fc.nat(1000), fc.array(fc.nat(), { maxLength: 8 }))
  .map(([width, counts, seed, cuts]) => {
    const made = make(width, counts, seed);
    made.store.cuts = cuts;
    return made;
  });

type Damage = (bytes: Buffer, segment: IncomingSegment, width: number) => Buffer | undefined;

describe('readSegments', () => {
  it('places every record of every segment once, in whatever pieces they arrive', async () => {
    await fc.assert(fc.asyncProperty(anyMade, checkSound), { seed: 1, numRuns: 200 });
  });

  it('reads segments larger than a GET in several, and records larger than a GET one by one', async () => {
    const perRead = Math.floor((readBytes - trailerBytes) / 1000);
    for (const [width, counts, gets] of [
      [1000, [[perRead], [perRead + 1, 0], [0, 2 * perRead + 5]].map(([a = 0, b = 0]) => [a, b]), 1 + 2 + 3],
      [readBytes + 77, [[2], [1]], 3],
      [readBytes - trailerBytes, [[2]], 2],
      [readBytes - trailerBytes + 1, [[1]], 1],
    ] as const) {
      const made = make(width, counts, 3);
      made.store.cuts = [1, width - 1, width, width + 1, 300_000, 5_000_001];
      await checkSound(made);
      assert.equal(made.store.gets.length, gets);
      const largest = Math.max(...made.store.gets.map(({ start, end }) => end - start));
      assert.ok(largest <= Math.max(readBytes, width + trailerBytes), `a GET of ${largest} bytes`);
    }
  });

  it('reads thousands of tiny segments', async () => {
    const made = make(
      3,
      Array.from({ length: 3000 }, (_, writer) => [writer % 3, writer % 2]),
      9,
    );
    await checkSound(made);
    const filled = made.segments.filter(({ records }) => records > 0).length;
    assert.equal(made.store.gets.length, filled, 'empty segments are not read');
  });

  const swap = (bytes: Buffer, a: number, b: number, width: number): Buffer => {
    const changed = Buffer.from(bytes);
    bytes.copy(changed, a * width, b * width, (b + 1) * width);
    bytes.copy(changed, b * width, a * width, (a + 1) * width);
    return changed;
  };

  /** What can happen to the bytes of a segment, its trailer included; undefined where it would change nothing. */
  const damages = (choice: number): Record<string, Damage> => ({
    'a flipped bit': (bytes) => {
      const bit = choice % (8 * bytes.length);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      return bytes;
    },
    'swapped records': (bytes, { records }, width) => {
      const [a, b] = [choice % records, (choice >>> 8) % records];
      const changed = swap(bytes, a, b, width);
      return changed.equals(bytes) ? undefined : changed;
    },
    'the trailer of another writer, sound and of the same records': (bytes, segment, width) =>
      sealed(bytes.subarray(0, -trailerBytes), width, { ...identityOf(segment), task: segment.writer + 1 }),
    'the trailer of another bucket': (bytes, segment, width) =>
      sealed(bytes.subarray(0, -trailerBytes), width, { ...identityOf(segment), bucket: 6 }),
    'another segment as a whole': (bytes, segment, width) => {
      const other = Buffer.from(bytes.subarray(0, -trailerBytes)).fill(choice);
      return sealed(other, width, { ...identityOf(segment), plan: layout });
    },
    zeros: (bytes) => bytes.fill(0),
    'its end cut off': (bytes) => bytes.subarray(0, choice % bytes.length),
    'bytes that moved by one': (bytes) => Buffer.concat([bytes.subarray(-1), bytes.subarray(0, -1)]),
  });

  for (const name of Object.keys(damages(0))) {
    it(`reports ${name} with its writer, and reads the others`, async () => {
      let met = 0;
      await fc.assert(
        fc.asyncProperty(anyMade, fc.nat(), fc.nat(), async (made, which, choice) => {
          const { store, width } = made;
          const filled = made.segments.filter(({ records }) => records > 0);
          fc.pre(filled.length > 0);
          const hurt = filled[which % filled.length]!;
          const object = store.objects.get(keyOf(hurt.writer))!;
          const end = hurt.offset + hurt.records * width + trailerBytes;
          const changed = damages(choice)[name]!(Buffer.from(object.subarray(hurt.offset, end)), hurt, width);
          fc.pre(changed !== undefined);
          const isCut = changed.length < end - hurt.offset;
          const rest = isCut ? Buffer.alloc(0) : object.subarray(end);
          store.objects.set(keyOf(hurt.writer), Buffer.concat([object.subarray(0, hurt.offset), changed, rest]));
          await checkReported(made, hurt);
          met++;
        }),
        { seed: 2, numRuns: 150 },
      );
      assert.ok(met > 50, `${met} cases`);
    });
  }

  it('notices any bit of any record', async () => {
    const made = make(
      7,
      [
        [2, 1],
        [1, 2],
      ],
      5,
    );
    const hurt = made.segments[1]!;
    const object = made.store.objects.get(keyOf(1))!;
    for (let bit = 0; bit < 8 * (3 * 7 + trailerBytes); bit++) {
      object[hurt.offset + (bit >> 3)]! ^= 1 << (bit & 7);
      await checkReported(made, hurt);
      object[hurt.offset + (bit >> 3)]! ^= 1 << (bit & 7);
    }
    await checkSound(made);
  });

  it('reports an object that is not there, and raises every other error', async () => {
    const made = make(
      7,
      [
        [2, 1],
        [1, 2],
        [4, 4],
      ],
      5,
    );
    made.store.objects.delete(keyOf(1));
    const { fault } = await checkReported(made, made.segments[1]!);
    assert.match(fault, /ObjectMissing/);
    const reason = new StorageUnavailable('The store does not answer.');
    made.store.read = () => Promise.reject(reason);
    await assert.rejects(read(made), reason);
  });

  it('hashed, notices records that only their digest tells from others', async () => {
    await fc.assert(
      fc.asyncProperty(anyMade, fc.nat(), fc.nat(), async (made, which, choice) => {
        const { store, width } = made;
        const filled = made.segments.filter(({ records }) => records > 0);
        fc.pre(filled.length > 0);
        const hurt = filled[which % filled.length]!;
        const object = store.objects.get(keyOf(hurt.writer))!;
        const records = object.subarray(hurt.offset, hurt.offset + hurt.records * width);
        const digest = hashesOf(records, width);
        records[choice % records.length]! ^= 1;
        sealed(records, width, identityOf(hurt), digest).copy(object, hurt.offset);
        const { fault } = await checkReported(made, hurt, true);
        assert.match(fault, /its records do not have the digest/);
        assert.deepEqual((await read(made)).faults, []);
      }),
      { seed: 3, numRuns: 100 },
    );
  });

  /** Only `hurt` is reported, and all other segments are read and proven. */
  async function checkReported(made: Made, hurt: IncomingSegment, hashed = false): Promise<SegmentFault> {
    const { faults, digests, placed } = await read(made, hashed);
    assert.deepEqual(
      faults.map(({ writer, key }) => ({ writer, key })),
      [{ writer: hurt.writer, key: keyOf(hurt.writer) }],
    );
    const others = made.segments.filter((segment) => segment.writer !== hurt.writer && segment.records > 0);
    assert.equal(digests.length, others.length);
    const sound = others.flatMap(({ runs }) =>
      runs.flatMap((run) => made.records.slice(run.first, run.first + run.records)),
    );
    assert.equal(sumDigests(digests), digestOfAll(sound, made.width));
    for (const { runs } of others) {
      for (const { first, records } of runs) {
        for (let record = first; record < first + records; record++) {
          assert.ok(made.records[record]!.equals(placed.get(record)!), `record ${record}`);
        }
      }
    }
    return faults[0]!;
  }
});
