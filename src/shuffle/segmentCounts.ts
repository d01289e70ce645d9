import type { CountedNode } from './arrangement.js';
import type { CountTable } from './countTable.js';
import type { Geometry } from './geometry.js';
import { shardChildren } from './shape.js';

/** Table cells that a walk draws at most, so that it takes a second or two. */
const mostCells = 2 ** 21;

/** Whether the segments of a scatter pass are few enough to be counted one by one. */
export function canCountSegments(geometry: Geometry, pass: number): boolean {
  const { depth } = geometry.scatterPass(pass);
  const nodes = Math.min(2 ** depth, geometry.shape.shards);
  return 2 * nodes * (geometry.blockCount / 2 ** floorOf(geometry, pass) + 1) <= mostCells;
}

/**
 * The records in every segment that a scatter pass writes, by one walk down the shard tree: the same cells that
 * `incoming` draws for the readers.
 * @param visit gets, for each bucket of the pass in order, the records of each row range (valid during the call)
 */
export function eachBucketSegments(
  table: CountTable,
  geometry: Geometry,
  pass: number,
  visit: (bucket: number, records: Float64Array) => void,
): void {
  const { taskBlocks } = geometry.scatterPass(pass);
  const blocks = geometry.blockCount;
  const records = new Float64Array(geometry.rangeCount(pass));
  let bucket = 0;
  const walk = ({ node, counts }: CountedNode): void => {
    // Buckets begin and end with nodes; one that lies in one bucket need not be split.
    if (node.end <= geometry.bucket(pass, bucket).end) {
      for (let range = 0; range < records.length; range++) {
        records[range]! += counts.sum(range * taskBlocks, Math.min((range + 1) * taskBlocks, blocks));
      }
      if (node.end < geometry.bucket(pass, bucket).end) return;
      visit(bucket++, records);
      records.fill(0);
      return;
    }
    const [left, right] = table.split(node, counts);
    const [leftNode, rightNode] = shardChildren(node);
    walk({ node: leftNode, counts: left });
    walk({ node: rightNode, counts: right });
  };
  walk(table.root(0, blocks, floorOf(geometry, pass)));
}

/** The lowest row level at which the ranges of a pass are whole nodes, and no lower than its labels need. */
function floorOf(geometry: Geometry, pass: number): number {
  const { depth, taskBlocks } = geometry.scatterPass(pass);
  let zeros = 0;
  for (let value = taskBlocks; value % 2 === 0; value /= 2) zeros++;
  return Math.min(depth, zeros);
}
