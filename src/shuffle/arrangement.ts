import type { CountTable, RowCounts } from './countTable.js';
import { Domain, masterKey, RandomStream } from './random.js';
import { isLeaf, shardChildren } from './shape.js';
import type { ShardNode } from './shape.js';
import type { Steps } from './steps.js';

/** Records that are labelled or ordered between two steps: tens of milliseconds. */
const recordsPerStep = 2 ** 20;

/** A shard node with its counts over a window of blocks. */
export interface CountedNode {
  readonly node: ShardNode;
  readonly counts: RowCounts;
}

/** A run of consecutive entries of an order that all belong to one shard node. */
export interface NodeRun {
  readonly node: ShardNode;
  /** Entries [first, first + records). */
  readonly first: number;
  readonly records: number;
}

/**
 * Draws where records go: labels down the shard tree, and the final order inside each output shard.
 *
 * An order is an array of record numbers; a label moves the numbers of the records that go left before those that go
 * right and keeps the sequence otherwise.
 */
export class Arranger {
  private readonly stream: RandomStream;
  private sinceStep = 0;
  /** Places that are drawn ahead. */
  private readonly others = new Uint32Array(64);
  /** Of no use but to keep reads that only warm the cache from being optimized away. */
  private fetched = 0;

  /** @param scratch as long as the largest number of records of a node; free for other use when all is arranged */
  constructor(
    private readonly table: CountTable,
    seed: string,
    private readonly scratch: Uint32Array,
  ) {
    this.stream = new RandomStream(masterKey(seed));
  }

  /**
   * Labels the records of `nodes` down to `depth`.
   *
   * @param order record numbers, by node and then in input order; rearranged in place
   * @param nodes the nodes in the same sequence; the window of their counts must be a union of whole runs of
   *   2^(depth−1) blocks (or end with the data)
   * @returns the nodes at `depth` (or the shards reached above it), with their place in `order`
   */
  *label(order: Uint32Array, nodes: readonly CountedNode[], depth: number): Steps<NodeRun[]> {
    const runs: NodeRun[] = [];
    const waiting = [...nodes].reverse();
    let first = 0;
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const { node, counts } = next;
      if (node.depth >= depth || isLeaf(node)) {
        const records = counts.sum(counts.firstBlock, counts.endBlock);
        runs.push({ node, first, records });
        first += records;
        continue;
      }
      const [left, right] = this.table.split(node, counts);
      yield* this.partition(order, first, node, counts, left);
      const [leftNode, rightNode] = shardChildren(node);
      waiting.push({ node: rightNode, counts: right }, { node: leftNode, counts: left });
    }
    return runs;
  }

  /**
   * Labels the records of one node: in each run of 2^depth blocks, one uniform arrangement of exactly as many lefts as
   * the table says (an urn without replacement, so each arrangement is equally likely).
   */
  private *partition(
    order: Uint32Array,
    first: number,
    node: ShardNode,
    counts: RowCounts,
    left: RowCounts,
  ): Steps<void> {
    const { stream, scratch } = this;
    const level = Math.max(left.floor, Math.min(node.depth, this.table.height));
    const span = left.span(level);
    let read = first;
    let write = first;
    let set = 0;
    for (let index = span.first; index < span.end; index++) {
      let remaining = counts.get(level, index);
      let lefts = left.get(level, index);
      if (this.isStep(remaining)) yield;
      stream.seek(Domain.label, level, index, node.heap);
      // Without branches on what is drawn, which a processor cannot foresee: both places are written, one counts.
      for (; lefts > 0 && lefts < remaining; remaining--, read++) {
        const record = order[read]!;
        const isLeft = Number(stream.below(remaining) < lefts);
        order[write] = scratch[set] = record;
        write += isLeft;
        set += 1 - isLeft;
        lefts -= isLeft;
      }
      // The rest all go one way.
      if (lefts > 0) {
        order.copyWithin(write, read, read + remaining);
        write += remaining;
      } else {
        scratch.set(order.subarray(read, read + remaining), set);
        set += remaining;
      }
      read += remaining;
    }
    order.set(scratch.subarray(0, set), write);
  }

  /** Draws the final order of a shard's records: one Fisher–Yates over `order`, in place. */
  *shuffleShard(order: Uint32Array, shard: ShardNode): Steps<void> {
    const { others } = this;
    const stream = this.stream.seek(Domain.order, 0, 0, shard.heap);
    for (let last = order.length - 1; last > 0;) {
      const count = Math.min(others.length, last);
      if (this.isStep(count)) yield;
      for (let i = 0; i < count; i++) others[i] = stream.below(last - i + 1);
      // Large orders lie in main memory. Reading all of a batch first fetches them at the same time.
      for (let i = 0; i < count; i++) this.fetched ^= order[others[i]!]!;
      for (let i = 0; i < count; i++, last--) {
        const other = others[i]!;
        const record = order[last]!;
        order[last] = order[other]!;
        order[other] = record;
      }
    }
  }

  /** Counts records; true when enough of them have gone by. */
  private isStep(records: number): boolean {
    this.sinceStep += records;
    if (this.sinceStep < recordsPerStep) return false;
    this.sinceStep = 0;
    return true;
  }
}
