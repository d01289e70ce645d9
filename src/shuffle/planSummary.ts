import type { Dataset } from '../formats/dataset.js';
import { codecOf, columnBytes, firstRows, locateRows, recordBytes } from '../formats/encoding.js';
import type { RowRange } from '../formats/encoding.js';
import { partBytes } from '../storage/objectStore.js';
import type { Prefix } from '../storage/uri.js';
import { Geometry } from './geometry.js';
import { layoutDigest, layoutOf, shapeOf } from './layout.js';
import type { LayoutOptions } from './layout.js';
import { labelBytes } from './planner.js';
import { planDigest } from './plan.js';
import { planShuffle } from './prepare.js';
import type { PlanResources } from './prepare.js';
import { trailerBytes } from './segment.js';
import { rowsBefore } from './shape.js';
import { readBytes } from './reading.js';
import { planReads } from './readRows.js';
import { uniformityBound } from './uniformityBound.js';

export interface PassSummary {
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
}

/** What `riffle plan` prints. Requests and bytes of later passes are means: their segments have random sizes. */
export interface PlanSummary {
  readonly format: 'riffle.plan-summary/1';
  readonly layout: string;
  readonly plan: string;
  readonly rows: number;
  readonly recordBytes: number;
  readonly outputShards: number;
  readonly passes: readonly PassSummary[];
  readonly peakMemoryBytes: number;
  readonly peakTemporaryBytes: number;
  readonly requests: { readonly get: number; readonly put: number; readonly list: number };
  /** Bound of the total-variation distance from the uniform law (docs/uniformity.md). */
  readonly uniformityBound: number;
  readonly warnings: readonly string[];
}

/** A dataset of that size, for planning without data. */
export function datasetOfSize(rows: number, width: number): Dataset {
  return {
    format: 'riffle.dataset/1',
    rows,
    encoding: 'raw',
    recordBytes: width,
    columns: [{ name: 'record', dtype: 'U8', shape: [width] }],
    shards: [{ key: 'whole.bin', rows, bytes: rows * width, header: 0, etag: '""' }],
  };
}

/**
 * Plans a shuffle as the workflow would, and adds up what it will take. No data is read.
 * @throws MemoryTooSmall, InvalidInput
 */
export function summarizePlan(
  dataset: Dataset,
  input: LayoutOptions & PlanResources,
  places: readonly Prefix[],
): PlanSummary {
  const layout = layoutOf(dataset, input);
  const { plan, warnings } = planShuffle(dataset, layout, input);
  const shape = shapeOf(dataset.rows, layout);
  const geometry = Geometry.of(shape, plan);
  const width = recordBytes(dataset);
  const header = codecOf(dataset).encodeHeader(dataset.columns, Math.ceil(shape.rows / shape.shards), dataset.metadata);
  const all = shape.rows * width;

  const passes: PassSummary[] = [];
  let peakMemoryBytes = 0;
  for (let pass = 1; pass <= geometry.passes; pass++) {
    const tasks = geometry.taskCount(pass);
    const read = readsOf(dataset, geometry, pass, width, places);
    if (geometry.isGather(pass)) {
      const fanOut = mostShards(geometry);
      const shardBytes = header.length + Math.ceil(shape.rows / shape.shards) * width;
      peakMemoryBytes = Math.max(peakMemoryBytes, fanOut * (shardBytes + (labelBytes * shape.rows) / shape.shards));
      passes.push({
        kind: 'gather',
        tasks,
        fanOut,
        segmentBytes: null,
        get: read.get,
        put: shape.shards * putsOf(shardBytes) + tasks,
        bytesRead: read.bytes,
        bytesWritten: all + shape.shards * header.length,
      });
      continue;
    }
    const { fanOut, taskBlocks } = geometry.scatterPass(pass);
    const records = Math.min(taskBlocks * shape.blockRows, shape.rows) / geometry.bucketCount(pass - 1);
    peakMemoryBytes = Math.max(peakMemoryBytes, records * (width + labelBytes) + fanOut * trailerBytes);
    passes.push({
      kind: 'scatter',
      tasks,
      fanOut,
      segmentBytes: Math.round((records * width) / fanOut),
      get: read.get,
      put: tasks * (putsOf(records * width + fanOut * trailerBytes) + 1),
      bytesRead: read.bytes,
      bytesWritten: all + trailersOf(geometry, pass),
    });
  }
  const written = passes.filter(({ kind }) => kind === 'scatter').map(({ bytesWritten }) => bytesWritten);
  return {
    format: 'riffle.plan-summary/1',
    layout: layoutDigest(layout),
    plan: planDigest(plan),
    rows: shape.rows,
    recordBytes: width,
    outputShards: shape.shards,
    passes,
    peakMemoryBytes: Math.ceil(peakMemoryBytes),
    // While a pass runs, what the pass before wrote is still there.
    peakTemporaryBytes: Math.max(0, ...written.map((bytes, index) => bytes + (written[index - 1] ?? 0))),
    requests: {
      get: passes.reduce((sum, pass) => sum + pass.get, 0),
      put: passes.reduce((sum, pass) => sum + pass.put, 0),
      list: 2,
    },
    uniformityBound: uniformityBound(shape.rows, shape.blockRows, shape.shards),
    warnings,
  };
}

/** GETs (one a task looks for its checkpoint) and bytes that a pass reads. */
function readsOf(
  dataset: Dataset,
  geometry: Geometry,
  pass: number,
  width: number,
  places: readonly Prefix[],
): { get: number; bytes: number } {
  const { shape } = geometry;
  const tasks = geometry.taskCount(pass);
  if (pass > 1) {
    const ranges = geometry.rangeCount(pass - 1);
    const perTask = geometry.isGather(pass) ? ranges : ranges / geometry.rangeCount(pass);
    const segment = (shape.rows * width) / (geometry.bucketCount(pass - 1) * ranges);
    const get = tasks * perTask * Math.max(1, Math.ceil(segment / readBytes)) + tasks;
    return { get: Math.ceil(get), bytes: shape.rows * width + trailersOf(geometry, pass - 1) };
  }
  let get = tasks;
  let bytes = 0;
  const count = readCounter(dataset, places);
  for (let task = 0; task < tasks; task++) {
    const work = geometry.isGather(1)
      ? { firstBlock: 0, endBlock: geometry.blockCount }
      : geometry.scatterTask(1, task);
    const first = rowsBefore(shape, work.firstBlock);
    for (const piece of locateRows(dataset, first, rowsBefore(shape, work.endBlock) - first)) {
      const reads = count(piece);
      get += reads.get;
      bytes += reads.bytes;
    }
  }
  return { get, bytes };
}

/**
 * Counts the GETs for rows of one shard. Where all columns are equally wide, only the number of rows matters: then equal
 * pieces are counted once, which makes plans of petabytes quick.
 */
function readCounter(dataset: Dataset, places: readonly Prefix[]): (piece: RowRange) => { get: number; bytes: number } {
  const starts = firstRows(dataset);
  const counted = ({ shardIndex, rowInShard, rows }: RowRange): { get: number; bytes: number } => {
    const reads = planReads(places, dataset, starts[shardIndex]! + rowInShard, rows);
    return { get: reads.length, bytes: reads.reduce((sum, { range }) => sum + range.end - range.start, 0) };
  };
  if (new Set(dataset.columns.map(columnBytes)).size > 1) return counted;
  const known = new Map<string, { get: number; bytes: number }>();
  return (piece) => {
    const key = `${piece.shardIndex} ${piece.rows}`;
    let reads = known.get(key);
    if (!reads) known.set(key, (reads = counted(piece)));
    return reads;
  };
}

/** Bytes of all trailers that a scatter pass writes. */
function trailersOf(geometry: Geometry, pass: number): number {
  return geometry.rangeCount(pass) * geometry.bucketCount(pass) * trailerBytes;
}

function mostShards(geometry: Geometry): number {
  let most = 0;
  for (let index = 0; index < geometry.bucketCount(geometry.passes - 1); index++) {
    const { first, end } = geometry.bucket(geometry.passes - 1, index);
    most = Math.max(most, end - first);
  }
  return most;
}

/** PUT-priced requests for an object: one, or a multipart upload's. */
function putsOf(bytes: number): number {
  return bytes <= partBytes ? 1 : Math.ceil(bytes / partBytes) + 2;
}
