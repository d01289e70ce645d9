/**
 * The two trees over which the shuffle's table of counts is drawn (docs/architecture.md).
 *
 * Rows: blocks of `blockRows` consecutive records; the row node (level l, index i) holds those of the blocks
 * [i·2^l, (i+1)·2^l) that exist. Columns: the shard tree over the output shards.
 */
export interface Shape {
  /** Records in all. */
  readonly rows: number;
  /** Records in a block; the last block may hold fewer. */
  readonly blockRows: number;
  /** Output shards. */
  readonly shards: number;
}

/** A node of the shard tree: output shards [first, end) at `depth`, with heap index `heap` (root 1, children 2i, 2i+1). */
export interface ShardNode {
  readonly first: number;
  readonly end: number;
  readonly depth: number;
  readonly heap: number;
}

export function blockCount(shape: Shape): number {
  return Math.ceil(shape.rows / shape.blockRows);
}

/** The smallest k with 2^k ≥ count. */
export function ceilLog2(count: number): number {
  let level = 0;
  for (let size = 1; size < count; size *= 2) level++;
  return level;
}

/** Level of the row tree's root. */
export function rowTreeHeight(shape: Shape): number {
  return ceilLog2(blockCount(shape));
}

/** Depth of the shard tree's deepest leaf. */
export function shardTreeDepth(shape: Shape): number {
  return ceilLog2(shape.shards);
}

/** Records in the blocks before `block`. */
export function rowsBefore(shape: Shape, block: number): number {
  return Math.min(block * shape.blockRows, shape.rows);
}

/** Records in the output shards before `shard`: ⌊shard · rows / shards⌋, exact for every size. */
export function recordsBefore(shape: Shape, shard: number): number {
  const quotient = Math.floor(shape.rows / shape.shards);
  const remainder = shape.rows - quotient * shape.shards;
  const product = shard * remainder;
  const extra = Number.isSafeInteger(product)
    ? Math.floor(product / shape.shards)
    : Number((BigInt(shard) * BigInt(remainder)) / BigInt(shape.shards));
  return shard * quotient + extra;
}

export function shardRoot(shape: Shape): ShardNode {
  return { first: 0, end: shape.shards, depth: 0, heap: 1 };
}

export function isLeaf(node: ShardNode): boolean {
  return node.end - node.first === 1;
}

export function shardChildren(node: ShardNode): [ShardNode, ShardNode] {
  const middle = Math.floor((node.first + node.end) / 2);
  const depth = node.depth + 1;
  return [
    { first: node.first, end: middle, depth, heap: node.heap * 2 },
    { first: middle, end: node.end, depth, heap: node.heap * 2 + 1 },
  ];
}

/**
 * First shards of the nodes at `depth` that lie in shards [first, end), from left to right, and at the end `end`.
 * A shard that the tree reaches above that depth counts as a node of it.
 */
export function nodeStarts(shape: Shape, depth: number, first = 0, end = shape.shards): Float64Array {
  let bounds: Float64Array = Float64Array.of(0, shape.shards);
  for (let level = 0; level < depth; level++) bounds = halves(bounds, first, end);
  const nodes = touching(bounds, first, end);
  const starts = bounds.slice(nodes.first, nodes.end + 1);
  starts[starts.length - 1] = end;
  return starts;
}

/** Boundaries of the children of nodes that touch shards [first, end); a single shard stays as it is. */
function halves(bounds: Float64Array, first: number, end: number): Float64Array {
  const nodes = touching(bounds, first, end);
  const children = new Float64Array(2 * (nodes.end - nodes.first) + 1);
  let count = 0;
  for (let index = nodes.first; index < nodes.end; index++) {
    const [from, to] = [bounds[index]!, bounds[index + 1]!];
    children[count++] = from;
    if (to - from > 1) children[count++] = Math.floor((from + to) / 2);
  }
  children[count++] = bounds[nodes.end]!;
  return children.subarray(0, count);
}

/** Which nodes between these boundaries touch shards [first, end). */
function touching(bounds: Float64Array, first: number, end: number): { first: number; end: number } {
  let low = 0;
  while (bounds[low + 1]! <= first) low++;
  let high = bounds.length - 1;
  while (bounds[high - 1]! >= end) high--;
  return { first: low, end: high };
}
