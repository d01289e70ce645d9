import type { Dataset } from '../formats/dataset.js';
import { codecOf, locateRows, recordBytes } from '../formats/encoding.js';
import { countReads } from '../formats/planReads.js';
import type { CountTable } from './countTable.js';
import type { Geometry } from './geometry.js';
import { labelBytes } from './planner.js';
import { trailerBytes } from '../runs/segment.js';
import { segmentTraffic, uploadRequests } from './segmentTraffic.js';
import { rowsBefore } from './shape.js';

/** What the tasks of a pass move, checkpoints aside. Numbers that are not exact are means. */
export interface PassTraffic {
  readonly kind: 'scatter' | 'gather';
  readonly tasks: number;
  /** Buckets per task of a scatter pass, output shards per task of the gather pass (at most). */
  readonly fanOut: number;
  /** Mean bytes of a segment that the pass writes; null for the gather pass. */
  readonly segmentBytes: number | null;
  readonly get: number;
  readonly put: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Bytes that the largest task holds: records, 8 bytes a record, trailers and headers. */
  readonly memoryBytes: number;
  readonly exact: boolean;
}

export interface TrafficOptions {
  /** The table from which segments are counted, where they are few enough; without it all numbers are estimates. */
  readonly table?: CountTable | undefined;
  /** Reads of the input are counted for this many tasks, evenly spread, where there are more [all]. */
  readonly sampledTasks?: number | undefined;
}

/** What each pass of a plan reads and writes. */
export function planTraffic(dataset: Dataset, geometry: Geometry, options: TrafficOptions): PassTraffic[] {
  const { shape } = geometry;
  const width = recordBytes(dataset);
  const all = shape.rows * width;
  const passes: PassTraffic[] = [];
  let reads = inputReads(dataset, geometry, width, options.sampledTasks ?? Infinity);
  for (let pass = 1; pass < geometry.passes; pass++) {
    const { fanOut, taskBlocks } = geometry.scatterPass(pass);
    const segments = segmentTraffic(geometry, pass, width, options.table);
    const trailers = geometry.rangeCount(pass) * geometry.bucketCount(pass) * trailerBytes;
    const records = Math.min(taskBlocks * shape.blockRows, shape.rows) / geometry.bucketCount(pass - 1);
    passes.push({
      kind: 'scatter',
      tasks: geometry.taskCount(pass),
      fanOut,
      segmentBytes: Math.round((records * width) / fanOut),
      get: reads.get,
      put: segments.put,
      bytesRead: reads.bytes,
      bytesWritten: all + trailers,
      memoryBytes: Math.ceil(segments.mostRecords * (width + labelBytes) + fanOut * trailerBytes),
      exact: reads.exact && segments.exact,
    });
    reads = { get: segments.get, bytes: all + segments.filled * trailerBytes, exact: segments.exact };
  }
  const shards = outputShards(dataset, geometry, width);
  const fanOut = mostShards(geometry);
  passes.push({
    kind: 'gather',
    tasks: geometry.taskCount(geometry.passes),
    fanOut,
    segmentBytes: null,
    get: reads.get,
    put: shards.put,
    bytesRead: reads.bytes,
    bytesWritten: all + shards.headerBytes,
    memoryBytes: Math.ceil(fanOut * (shards.largest + (labelBytes * shape.rows) / shape.shards)),
    exact: reads.exact,
  });
  return passes;
}

interface Reads {
  readonly get: number;
  readonly bytes: number;
  readonly exact: boolean;
}

/** Reads of the input by the tasks of the first pass. */
function inputReads(dataset: Dataset, geometry: Geometry, width: number, sampledTasks: number): Reads {
  const { shape } = geometry;
  const tasks = geometry.taskCount(1);
  const step = Math.max(1, Math.floor(tasks / sampledTasks));
  let counted = 0;
  let get = 0;
  // Bytes between columns that are read along; the records' own are exact, and may add up to more than 2^53.
  let gaps = 0;
  for (let task = 0; task < tasks; task += step) {
    const { firstBlock, endBlock } = geometry.isGather(1)
      ? { firstBlock: 0, endBlock: geometry.blockCount }
      : geometry.scatterTask(1, task);
    const first = rowsBefore(shape, firstBlock);
    for (const piece of locateRows(dataset, first, rowsBefore(shape, endBlock) - first)) {
      const reads = countReads(dataset, piece);
      get += reads.get;
      gaps += reads.bytes - piece.rows * width;
    }
    counted++;
  }
  const scale = tasks / counted;
  return { get: Math.round(get * scale), bytes: shape.rows * width + Math.round(gaps * scale), exact: step === 1 };
}

/** PUTs and header bytes of all output shards, and the bytes of the largest. Shards hold ⌊rows / shards⌋ rows or one more. */
function outputShards(
  dataset: Dataset,
  { shape }: Geometry,
  width: number,
): { put: number; headerBytes: number; largest: number } {
  const codec = codecOf(dataset);
  const least = Math.floor(shape.rows / shape.shards);
  const larger = shape.rows - least * shape.shards;
  let put = 0;
  let headerBytes = 0;
  let largest = 0;
  for (const [rows, count] of [
    [least, shape.shards - larger],
    [least + 1, larger],
  ] as const) {
    if (count === 0) continue;
    const header = codec.encodeHeader(dataset.columns, rows, dataset.metadata).length;
    largest = header + rows * width;
    put += count * uploadRequests(largest);
    headerBytes += count * header;
  }
  return { put, headerBytes, largest };
}

function mostShards(geometry: Geometry): number {
  let most = 0;
  for (let index = 0; index < geometry.bucketCount(geometry.passes - 1); index++) {
    const { first, end } = geometry.bucket(geometry.passes - 1, index);
    most = Math.max(most, end - first);
  }
  return most;
}
