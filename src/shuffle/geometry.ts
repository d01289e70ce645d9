import type { Plan, ScatterPass } from './plan.js';
import { blockCount, nodeStarts } from './shape.js';
import type { Shape } from './shape.js';

/** A bucket: output shards [first, end), whose boundaries are node boundaries at the depth of the pass that filled it. */
export interface Bucket {
  readonly first: number;
  readonly end: number;
}

/** What one scatter task does. */
export interface ScatterTask {
  /** The bucket that it reads, numbered as the pass before wrote it (0 before the first pass). */
  readonly incoming: number;
  /** Its blocks [firstBlock, endBlock). */
  readonly firstBlock: number;
  readonly endBlock: number;
  /** The buckets that it writes, [firstBucket, endBucket) of this pass. */
  readonly firstBucket: number;
  readonly endBucket: number;
}

/** Bucket boundaries after a pass: bucket k holds shards [starts[k], starts[k + 1]). */
interface BucketList {
  readonly starts: Float64Array;
  /** First child of each bucket of the pass before, and the end. */
  readonly childStarts: Float64Array;
}

/**
 * Which tasks a plan has and which rows and buckets each of them handles. Passes are numbered from 1; the gather pass
 * is `passes`. Everything follows from the shape and the plan.
 */
export class Geometry {
  /** All passes, the gather pass included. */
  readonly passes: number;
  private readonly lists: BucketList[];
  private readonly blocks: number;

  constructor(
    readonly shape: Shape,
    private readonly scatter: readonly ScatterPass[],
  ) {
    this.passes = scatter.length + 1;
    this.blocks = blockCount(shape);
    this.lists = [{ starts: Float64Array.of(0, shape.shards), childStarts: Float64Array.of(0, 1) }];
    for (const pass of scatter) this.lists.push(splitBuckets(shape, this.lists.at(-1)!.starts, pass));
  }

  static of(shape: Shape, plan: Plan): Geometry {
    return new Geometry(shape, plan.scatter);
  }

  isGather(pass: number): boolean {
    return pass === this.passes;
  }

  /** The scatter pass of that number. */
  scatterPass(pass: number): ScatterPass {
    const found = this.scatter[pass - 1];
    if (!found) throw new RangeError(`Pass ${pass} is no scatter pass`);
    return found;
  }

  /** Buckets that a pass leaves behind; after pass 0 everything is one bucket. */
  bucketCount(pass: number): number {
    return this.lists[pass]!.starts.length - 1;
  }

  bucket(pass: number, index: number): Bucket {
    const { starts } = this.lists[pass]!;
    return { first: starts[index]!, end: starts[index + 1]! };
  }

  /** Buckets [first, end) of `pass` into which bucket `parent` of the pass before is split. */
  children(pass: number, parent: number): { first: number; end: number } {
    const { childStarts } = this.lists[pass]!;
    return { first: childStarts[parent]!, end: childStarts[parent + 1]! };
  }

  /** The bucket of the pass before from which bucket `index` of `pass` was split. */
  parent(pass: number, index: number): number {
    const { childStarts } = this.lists[pass]!;
    let low = 0;
    let high = childStarts.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (childStarts[middle]! <= index) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Row ranges into which a scatter pass cuts each bucket that it reads. */
  rangeCount(pass: number): number {
    return Math.ceil(this.blocks / this.scatterPass(pass).taskBlocks);
  }

  taskCount(pass: number): number {
    return this.isGather(pass) ? this.bucketCount(pass - 1) : this.bucketCount(pass - 1) * this.rangeCount(pass);
  }

  scatterTask(pass: number, task: number): ScatterTask {
    const ranges = this.rangeCount(pass);
    const { taskBlocks } = this.scatterPass(pass);
    const incoming = Math.floor(task / ranges);
    const firstBlock = (task % ranges) * taskBlocks;
    const { first, end } = this.children(pass, incoming);
    return {
      incoming,
      firstBlock,
      endBlock: Math.min(firstBlock + taskBlocks, this.blocks),
      firstBucket: first,
      endBucket: end,
    };
  }

  /** Number of the task of a scatter pass that reads bucket `incoming` at row range `range`. */
  scatterTaskIndex(pass: number, incoming: number, range: number): number {
    return incoming * this.rangeCount(pass) + range;
  }

  get blockCount(): number {
    return this.blocks;
  }
}

/**
 * Shares nodes out to `fanOut` buckets, nearly equally many to each (one to each where there are no more).
 * @param nodes first shards of the nodes, and the end
 * @returns first shards of the buckets, and the end
 */
export function shareOut(nodes: Float64Array, fanOut: number): Float64Array {
  const count = nodes.length - 1;
  const bounds = new Float64Array(Math.min(fanOut, count) + 1);
  for (let k = 0; k < bounds.length; k++) bounds[k] = nodes[Math.floor((k * count) / (bounds.length - 1))]!;
  return bounds;
}

function splitBuckets(shape: Shape, parents: Float64Array, pass: ScatterPass): BucketList {
  const starts: number[] = [];
  const childStarts: number[] = [];
  for (let parent = 0; parent + 1 < parents.length; parent++) {
    childStarts.push(starts.length);
    const bounds = shareOut(nodeStarts(shape, pass.depth, parents[parent], parents[parent + 1]), pass.fanOut);
    for (let k = 0; k + 1 < bounds.length; k++) starts.push(bounds[k]!);
  }
  childStarts.push(starts.length);
  starts.push(shape.shards);
  return { starts: Float64Array.from(starts), childStarts: Float64Array.from(childStarts) };
}
