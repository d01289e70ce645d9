import { partBytes } from '../storage/objectStore.js';
import type { CountTable } from './countTable.js';
import type { Geometry } from './geometry.js';
import { recordsPerRead } from './readSegments.js';
import { trailerBytes } from '../runs/segment.js';
import { canCountSegments, eachBucketSegments } from './segmentCounts.js';
import { emptiness, exceeds, furtherPieces, spreadOf } from './segmentEstimate.js';
import { rowsBefore } from './shape.js';

/** The segments between a scatter pass and the next pass. */
export interface SegmentTraffic {
  /** PUT-priced requests for the packed objects. */
  readonly put: number;
  /** GETs of the next pass: none for a segment without records. */
  readonly get: number;
  /** Segments with records. */
  readonly filled: number;
  /** Records of the largest task of the scatter pass; where it is not exact, no task is expected to meet more. */
  readonly mostRecords: number;
  readonly exact: boolean;
}

/** Standard deviations above the mean that the largest task is taken to have; the planner leaves room for as many. */
const largestDeviations = 8;

/** @param table from which segments are counted, if they are few enough; else they are estimated */
export function segmentTraffic(
  geometry: Geometry,
  pass: number,
  width: number,
  table: CountTable | undefined,
): SegmentTraffic {
  return table && canCountSegments(geometry, pass)
    ? countedTraffic(geometry, pass, width, table)
    : estimatedTraffic(geometry, pass, width);
}

function countedTraffic(geometry: Geometry, pass: number, width: number, table: CountTable): SegmentTraffic {
  const step = recordsPerRead(width);
  const ofTask = new Float64Array(geometry.rangeCount(pass));
  let put = 0;
  let get = 0;
  let filled = 0;
  let mostRecords = 0;
  let parent = 0;
  eachBucketSegments(table, geometry, pass, (bucket, records) => {
    const { first, end } = geometry.children(pass, parent);
    for (const [range, count] of records.entries()) {
      get += Math.ceil(count / step);
      if (count > 0) filled++;
      ofTask[range]! += count;
    }
    if (bucket + 1 < end) return;
    for (const count of ofTask) {
      put += uploadRequests(count * width + (end - first) * trailerBytes);
      mostRecords = Math.max(mostRecords, count);
    }
    ofTask.fill(0);
    parent++;
  });
  return { put, get, filled, mostRecords, exact: true };
}

/** Means over the random sizes. Row ranges and buckets of equal size are alike, and there are few sizes. */
function estimatedTraffic(geometry: Geometry, pass: number, width: number): SegmentTraffic {
  const { shape } = geometry;
  const step = recordsPerRead(width);
  const ranges = rangeSizes(geometry, pass);
  let get = 0;
  let filled = 0;
  for (const [shards, buckets] of bucketSizes(geometry, pass)) {
    for (const [rows, count] of ranges) {
      const spread = spreadOf(rows, shards / shape.shards, shape.rows);
      const some = 1 - emptiness(rows, shards / shape.shards);
      filled += buckets * count * some;
      get += buckets * count * (some + furtherPieces(spread, step));
    }
  }
  let put = 0;
  let mostRecords = 0;
  for (const [shards, parents] of bucketSizes(geometry, pass - 1)) {
    for (const [rows, count] of ranges) {
      const { mean, deviation } = spreadOf(rows, shards / shape.shards, shape.rows);
      const bytes = {
        mean: mean * width + geometry.scatterPass(pass).fanOut * trailerBytes,
        deviation: deviation * width,
      };
      put += parents * count * (1 + furtherPieces(bytes, partBytes) + 2 * exceeds(bytes, partBytes));
      mostRecords = Math.max(mostRecords, mean + largestDeviations * deviation);
    }
  }
  return { put: Math.round(put), get: Math.round(get), filled: Math.round(filled), mostRecords, exact: false };
}

/** PUT-priced requests for an object: one, or those of a multipart upload. */
export function uploadRequests(bytes: number): number {
  return bytes <= partBytes ? 1 : Math.ceil(bytes / partBytes) + 2;
}

/** How many buckets of a pass hold so many shards. */
function bucketSizes(geometry: Geometry, pass: number): Map<number, number> {
  const sizes = new Map<number, number>();
  for (let index = 0; index < geometry.bucketCount(pass); index++) {
    const { first, end } = geometry.bucket(pass, index);
    sizes.set(end - first, (sizes.get(end - first) ?? 0) + 1);
  }
  return sizes;
}

/** How many row ranges of a pass hold so many rows: all but the last, and the last. */
function rangeSizes(geometry: Geometry, pass: number): [rows: number, count: number][] {
  const { shape } = geometry;
  const { taskBlocks } = geometry.scatterPass(pass);
  const whole = geometry.rangeCount(pass) - 1;
  return [
    [rowsBefore(shape, taskBlocks), whole],
    [shape.rows - rowsBefore(shape, whole * taskBlocks), 1],
  ];
}
