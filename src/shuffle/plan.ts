import { jsonDigest } from '../json.js';
import { blockCount, ceilLog2, rowTreeHeight, shardTreeDepth } from './shape.js';
import type { Shape } from './shape.js';

export const planFormat = 'riffle.plan/1';

/** One scatter pass: every task reads `taskBlocks` blocks (of one bucket of the pass before) and splits them. */
export interface ScatterPass {
  /** Depth of the shard tree to which records are labelled. */
  readonly depth: number;
  /** Buckets that a task splits its bucket into: runs of nodes at `depth` of nearly equal number. */
  readonly fanOut: number;
  /** Consecutive blocks of a task's row range; a multiple of the `taskBlocks` of the pass before. */
  readonly taskBlocks: number;
}

/**
 * How a layout is carried out. Two plans of one layout give the same output; only their intermediates differ.
 * A gather pass, one task per final bucket, follows the scatter passes.
 */
export interface Plan {
  readonly format: typeof planFormat;
  /** Digest of the layout that the plan belongs to. */
  readonly layout: string;
  /** Bytes that a task may hold, as the user asked. */
  readonly memory: number;
  /** Segment size that the user aimed at, bytes. */
  readonly minSegment: number;
  readonly scatter: readonly ScatterPass[];
}

export function planDigest(plan: Plan): string {
  return jsonDigest({ ...plan, scatter: plan.scatter.map((pass) => ({ ...pass })) });
}

/**
 * Why a plan cannot be carried out on a shape, as a clause; undefined when it can. Passes go down the shard tree, and a
 * task takes whole runs of blocks: those that its labels are drawn for, and the row ranges of the pass before.
 */
export function planFault({ scatter }: Plan, shape: Shape): string | undefined {
  const blocks = blockCount(shape);
  let before: ScatterPass = { depth: 0, fanOut: 1, taskBlocks: 1 };
  for (const [index, pass] of scatter.entries()) {
    const { depth, fanOut, taskBlocks } = pass;
    const named = `scatter pass ${index + 1}`;
    if (![depth, fanOut, taskBlocks].every(Number.isSafeInteger)) return `${named} has numbers that are not whole`;
    if (depth <= before.depth || depth > shardTreeDepth(shape)) return `${named} has depth ${depth}`;
    if (fanOut < 2) return `${named} has fanOut ${fanOut}`;
    const run = Math.max(2 ** Math.min(depth - 1, rowTreeHeight(shape)), before.taskBlocks);
    const whole = taskBlocks >= blocks || taskBlocks % run === 0;
    const last = index + 1 === scatter.length;
    if (taskBlocks < 1 || !whole || !(last || 2 ** ceilLog2(taskBlocks) === taskBlocks)) {
      return `${named} has taskBlocks ${taskBlocks}`;
    }
    before = pass;
  }
  return undefined;
}
