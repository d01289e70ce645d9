import { jsonDigest } from '../json.js';

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
