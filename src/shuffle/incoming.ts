import type { CountedNode } from './arrangement.js';
import type { CountTable } from './countTable.js';
import type { Geometry } from './geometry.js';
import { trailerBytes } from '../runs/segment.js';
import { blockCount, isLeaf, shardChildren } from './shape.js';

/** Consecutive records of a segment that belong to one shard node. */
export interface SegmentRun {
  /** Where they stand among the reading task's records, which it numbers by node and then in input order. */
  readonly first: number;
  readonly records: number;
}

/** A segment that a task reads: contiguous bytes of one writer's packed object. */
export interface IncomingSegment {
  /** Task of the pass before. */
  readonly writer: number;
  /** Bucket of the pass before. */
  readonly bucket: number;
  /** Byte offset in the writer's packed object. */
  readonly offset: number;
  readonly records: number;
  readonly runs: readonly SegmentRun[];
}

/** All that a task reads from the pass before, in the order of the rows. */
export interface Incoming {
  /** The nodes of the bucket, with their counts over the task's blocks. */
  readonly nodes: readonly CountedNode[];
  readonly records: number;
  readonly segments: readonly IncomingSegment[];
}

/**
 * Where the records of a bucket lie, computed from the seed alone (there is no index to read).
 *
 * @param pass the reading pass; its bucket is one that pass − 1 wrote
 * @param firstBlock first block of the reader's row range, a whole number of the writers' ranges; likewise `endBlock`
 * @param recordBytes bytes of a record
 */
export function incoming(
  table: CountTable,
  geometry: Geometry,
  pass: number,
  bucketIndex: number,
  firstBlock: number,
  endBlock: number,
  recordBytes: number,
): Incoming {
  if (pass === 1) {
    const root = table.root(firstBlock, endBlock, 0);
    return { nodes: [root], records: root.counts.sum(firstBlock, endBlock), segments: [] };
  }
  const writing = geometry.scatterPass(pass - 1);
  const bucket = geometry.bucket(pass - 1, bucketIndex);
  const parentIndex = geometry.parent(pass - 1, bucketIndex);
  const parent = geometry.bucket(pass - 2, parentIndex);
  const firstRange = Math.floor(firstBlock / writing.taskBlocks);
  const endRange = Math.ceil(endBlock / writing.taskBlocks);
  const rangeBlocks = (range: number): [number, number] => [
    range * writing.taskBlocks,
    Math.min((range + 1) * writing.taskBlocks, blockCount(table.shape)),
  ];

  const nodes: CountedNode[] = [];
  const before = new Float64Array(endRange - firstRange);
  const visit = (counted: CountedNode): void => {
    const { node, counts } = counted;
    if (node.end <= parent.first || node.first >= bucket.end) return;
    if (node.first >= parent.first && node.end <= bucket.first) {
      for (let range = firstRange; range < endRange; range++) {
        before[range - firstRange]! += counts.sum(...rangeBlocks(range));
      }
      return;
    }
    if (node.depth === writing.depth || isLeaf(node)) {
      nodes.push(counted);
      return;
    }
    const [left, right] = table.split(node, counts);
    const [leftNode, rightNode] = shardChildren(node);
    visit({ node: leftNode, counts: left });
    visit({ node: rightNode, counts: right });
  };
  visit(table.root(firstBlock, endBlock, Math.min(writing.depth, trailingZeros(writing.taskBlocks))));

  const ordinal = bucketIndex - geometry.children(pass - 1, parentIndex).first;
  const segments = Array.from(before, (recordsBefore, position): IncomingSegment & { runs: SegmentRun[] } => ({
    writer: geometry.scatterTaskIndex(pass - 1, parentIndex, firstRange + position),
    bucket: bucketIndex,
    offset: recordsBefore * recordBytes + ordinal * trailerBytes,
    records: nodes.reduce((sum, { counts }) => sum + counts.sum(...rangeBlocks(firstRange + position)), 0),
    runs: [],
  }));
  let first = 0;
  for (const { counts } of nodes) {
    for (const [position, segment] of segments.entries()) {
      const records = counts.sum(...rangeBlocks(firstRange + position));
      segment.runs.push({ first, records });
      first += records;
    }
  }
  return { nodes, records: first, segments };
}

function trailingZeros(value: number): number {
  let zeros = 0;
  for (; value % 2 === 0; value /= 2) zeros++;
  return zeros;
}
