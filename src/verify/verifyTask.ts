import { crc32 } from '@node-rs/crc32';
import { shardLocation } from '../formats/concatenation.js';
import type { Dataset } from '../formats/dataset.js';
import { columnBytes, firstRows, recordBytes, shardColumnOffsets } from '../formats/encoding.js';
import { largestRead, planReads } from '../formats/planReads.js';
import type { WorkMemory } from '../memory/workMemory.js';
import { ColumnarFile, takeAssembly } from '../shuffle/columnarFile.js';
import { takeReadWindows } from '../shuffle/reading.js';
import { digestOf } from '../shuffle/recordHash.js';
import type { Pause } from '../shuffle/recordTarget.js';
import { readRows } from '../shuffle/readRows.js';
import { combineCrc32 } from '../storage/crc32.js';
import type { ObjectStore } from '../storage/objectStore.js';
import type { Prefix } from '../storage/uri.js';

/** Shards [first, end) of a dataset, read by one task. */
export interface ShardRange {
  readonly first: number;
  readonly end: number;
}

/** What one task found. */
export interface VerifyPart {
  readonly records: number;
  /** Multiset digest of the records, hex. */
  readonly digest: string;
  /** URIs of shards whose bytes do not have the CRC-32 that dataset.json names. */
  readonly damaged: readonly string[];
  /** Sampled records, `sampleBytes` each: 16 bytes of hash, the row as a float64; little-endian. */
  readonly sample: Uint8Array;
}

export const sampleBytes = 24;

const hashBytes = 16;

/** Bytes of shards that a task reads, at least one shard. */
const taskBytes = 256 * 1024 * 1024;
/** Bytes of records in memory at once. */
const chunkBytes = 16 * 1024 * 1024;

/** Mean number of sampled records of larger datasets: ten standard deviations below a million. */
const sampleMean = 990_000;

/** Cuts a dataset into the tasks that read it. */
export function verifyTasks(dataset: Dataset): ShardRange[] {
  const tasks: ShardRange[] = [];
  let first = 0;
  let bytes = 0;
  for (const [index, shard] of dataset.shards.entries()) {
    bytes += shard.bytes;
    if (bytes < taskBytes && index + 1 < dataset.shards.length) continue;
    tasks.push({ first, end: index + 1 });
    first = index + 1;
    bytes = 0;
  }
  return tasks;
}

/** Records whose hash begins with a word below this are sampled: all of up to 10^6, about 990,000 of more. */
export function sampleThreshold(rows: number): number {
  return rows <= 1_000_000 ? 2 ** 32 : Math.floor((sampleMean / rows) * 2 ** 32);
}

export interface VerifyContext {
  readonly store: ObjectStore;
  /** Where the task may spread out; nobody else uses it meanwhile. */
  readonly memory: WorkMemory;
  /** Waits until the task may hold so many bytes; asked once, before the memory is used. */
  readonly reserve: (bytes: number) => Promise<void>;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
  readonly pause: Pause;
}

/**
 * Reads shards, counts and hashes their records, samples some and checks the shards' bytes where their CRC-32 is known.
 * @throws ObjectMissing or ObjectChanged when a shard is not the one that dataset.json describes
 */
export async function verifyShards(
  places: readonly Prefix[],
  dataset: Dataset,
  range: ShardRange,
  threshold: number,
  context: VerifyContext,
): Promise<VerifyPart> {
  await context.reserve(Math.max(chunkBytes, recordBytes(dataset)));
  let digest = 0n;
  const sample: Uint8Array[] = [];
  const damaged: string[] = [];
  const starts = firstRows(dataset);
  for (let index = range.first; index < range.end; index++) {
    const shard = dataset.shards[index]!;
    const columns = dataset.columns.map(() => 0);
    await eachChunk(places, dataset, starts[index]!, starts[index + 1]!, context, async (chunk, hashes, firstRow) => {
      const width = recordBytes(dataset);
      await chunk.eachRun(context.pause, ({ address, count }, row) => {
        digest = context.memory.addHashes(digest, address, count, width);
        context.memory.hashRecords(address, count, width, hashes);
        sample.push(...sampled(context.memory.view(hashes, count * hashBytes), threshold, firstRow + row));
      });
      for (const [column, { bytes }] of widths(dataset).entries()) {
        columns[column] = combineCrc32(columns[column]!, chunk.columnCrc32(column), chunk.rows * bytes);
      }
    });
    if (shard.crc32 !== undefined && (await shardCrc32(places, dataset, index, columns, context)) !== shard.crc32) {
      const { bucket, key } = shardLocation(places, shard.key);
      damaged.push(`s3://${bucket}/${key}`);
    }
  }
  return {
    records: starts[range.end]! - starts[range.first]!,
    digest: digestOf(digest),
    damaged,
    sample: Buffer.concat(sample),
  };
}

/** @param handle gets rows in memory, the address of room for the hashes of a run, and the number of the first row */
async function eachChunk(
  places: readonly Prefix[],
  dataset: Dataset,
  first: number,
  end: number,
  context: VerifyContext,
  handle: (chunk: ColumnarFile, hashes: number, firstRow: number) => Promise<void>,
): Promise<void> {
  const { store, memory } = context;
  const width = recordBytes(dataset);
  const step = Math.max(1, Math.floor(chunkBytes / Math.max(1, width)));
  for (let row = first; row < end; row += step) {
    const rows = Math.min(step, end - row);
    const reads = planReads(places, dataset, row, rows);
    memory.reset();
    const windows = takeReadWindows(memory, rows * width, largestRead(reads));
    const assembly = takeAssembly(memory, width);
    const hashes = memory.take(assembly.rows * hashBytes);
    const chunk = new ColumnarFile(memory, assembly, new Uint8Array(0), dataset, rows);
    await readRows(store, reads, windows, chunk, context);
    await handle(chunk, hashes, row);
  }
}

/** CRC-32 of a whole shard file, from those of its columns and the header, which is read here. */
async function shardCrc32(
  places: readonly Prefix[],
  dataset: Dataset,
  index: number,
  columnCrcs: readonly number[],
  context: VerifyContext,
): Promise<string> {
  const shard = dataset.shards[index]!;
  const header = new Uint8Array(shard.header);
  const object = shardLocation(places, shard.key);
  if (shard.header > 0) {
    const options = { ifMatch: shard.etag, signal: context.signal };
    await context.store.readInto(object, { start: 0, end: shard.header }, header, options);
  }
  const offsets = shardColumnOffsets(dataset, shard);
  const inFile = [...columnCrcs.keys()].sort((a, b) => offsets[a]! - offsets[b]!);
  const sizes = widths(dataset);
  const crc = inFile.reduce(
    (before, column) => combineCrc32(before, columnCrcs[column]!, shard.rows * sizes[column]!.bytes),
    crc32(header),
  );
  return crc.toString(16).padStart(8, '0');
}

function widths(dataset: Dataset): { bytes: number }[] {
  return dataset.columns.map((column) => ({ bytes: columnBytes(column) }));
}

/** Entries of the records whose hash begins with a word below the threshold. */
function* sampled(hashes: Uint8Array, threshold: number, firstRow: number): Generator<Uint8Array, void> {
  const words = new Uint32Array(hashes.buffer, hashes.byteOffset, hashes.length / 4);
  for (let record = 0; record * 4 < words.length; record++) {
    if (words[record * 4]! >= threshold) continue;
    const entry = Buffer.alloc(sampleBytes);
    entry.set(hashes.subarray(record * hashBytes, (record + 1) * hashBytes));
    entry.writeDoubleLE(firstRow + record, hashBytes);
    yield entry;
  }
}
