import { InvalidInput, MemoryTooSmall } from '../errors.js';
import { planFormat } from './plan.js';
import type { Plan, ScatterPass } from './plan.js';
import { trailerBytes } from './segment.js';
import { blockCount, ceilLog2, nodesAtDepth, rowTreeHeight, shardTreeDepth } from './shape.js';
import type { Shape } from './shape.js';

/** Bytes that a task needs for the labels or the order of one record, besides the record itself. */
export const labelBytes = 8;

/** Records that one task can number: its orders are arrays of 32-bit numbers, which end at 4 GiB. */
const mostRecords = 2 ** 30;

/** Standard deviations of room for the random number of records that a later scatter pass meets. */
const roomDeviations = 8;

export interface PlanRequest {
  readonly layout: string;
  readonly shape: Shape;
  readonly recordBytes: number;
  /** Bytes of the longest header of an output shard. */
  readonly headerBytes: number;
  /** Bytes that a task may hold. */
  readonly memory: number;
  /** Aim for the size of a segment, bytes. */
  readonly minSegment: number;
}

export interface Planned {
  readonly plan: Plan;
  readonly warnings: readonly string[];
}

interface Candidate {
  readonly scatter: readonly ScatterPass[];
  /** Mean bytes of a segment in the pass where they are smallest. */
  readonly smallestSegment: number;
}

/**
 * Chooses the passes: none where all fits in memory; otherwise the fewest scatter passes that keep segments at
 * `minSegment` or above; where no number does, the fewest that work at all, with a warning.
 * @throws MemoryTooSmall, InvalidInput
 */
export function makePlan(wanted: PlanRequest): Planned {
  checkSizes(wanted);
  const usable = mostRecords * (wanted.recordBytes + labelBytes);
  const request = { ...wanted, memory: Math.min(wanted.memory, usable) };
  const { shape, memory, minSegment } = wanted;
  const finish = (scatter: readonly ScatterPass[], warnings: readonly string[] = []): Planned => ({
    plan: { format: planFormat, layout: request.layout, memory, minSegment, scatter },
    warnings,
  });
  const bucketShards = Math.floor(request.memory / shardNeed(request));
  if (bucketShards >= shape.shards) return finish([]);

  let fallback: Candidate | undefined;
  for (let passes = 1; passes <= shardTreeDepth(shape); passes++) {
    const found = bestWithPasses(request, passes, bucketShards);
    if (!found) continue;
    if (found.smallestSegment >= minSegment) return finish(found.scatter);
    fallback ??= found;
  }
  if (!fallback) throw new RangeError(`No plan for ${JSON.stringify(request)}`);
  const smallest = Math.floor(fallback.smallestSegment);
  return finish(fallback.scatter, [
    `Segments will be about ${smallest} bytes, below minSegment (${minSegment}): more memory makes them larger.`,
  ]);
}

/** Bytes of the largest output shard in a gather task. */
function shardNeed({ shape, recordBytes, headerBytes }: PlanRequest): number {
  return Math.ceil(shape.rows / shape.shards) * (recordBytes + labelBytes) + headerBytes;
}

function checkSizes(request: PlanRequest): void {
  const { shape, recordBytes, memory } = request;
  const block = Math.min(shape.blockRows, shape.rows) * recordBytes;
  const leastMemory = Math.max(shardNeed(request), shape.shards > 1 ? block : 0);
  if (memory < leastMemory) {
    throw new MemoryTooSmall(
      `A task may hold ${memory} bytes (memory), but one output shard with 8 bytes a record, or one block, takes ` +
        `${leastMemory}: set memory to at least ${leastMemory}, or outputShardRows (${Math.ceil(shape.rows / shape.shards)} ` +
        `rows a shard) or blockRows (${shape.blockRows}) lower.`,
      { memory, leastMemory },
    );
  }
  if (shape.shards > 2 ** 31) {
    throw new InvalidInput(`outputShardRows makes ${shape.shards} output shards; 2^31 is the limit: raise it.`);
  }
  for (const [field, rows] of [
    ['outputShardRows', Math.ceil(shape.rows / shape.shards)],
    ['blockRows', Math.min(shape.blockRows, shape.rows)],
  ] as const) {
    if (rows <= mostRecords) continue;
    throw new InvalidInput(`${field} makes tasks of ${rows} records; 2^30 is the limit: lower ${field}.`, { field });
  }
}

/** The plan with that many scatter passes whose smallest segments are largest. */
function bestWithPasses(request: PlanRequest, passes: number, bucketShards: number): Candidate | undefined {
  const { shape } = request;
  const buckets = Math.ceil(shape.shards / bucketShards);
  const leastDepth = Math.max(ceilLog2(buckets), passes);
  let best: Candidate | undefined;
  // Nodes a few levels deeper than needed cut buckets finely enough; deeper ones only cost labels.
  for (let depth = leastDepth; depth <= Math.min(shardTreeDepth(shape), leastDepth + 4); depth++) {
    const depths = Array.from({ length: passes }, (_, p) =>
      p + 1 === passes ? depth : Math.round(((p + 1) * leastDepth) / passes),
    );
    const candidate = withDepths(request, depths, bucketShards);
    if (candidate && (!best || candidate.smallestSegment > best.smallestSegment * 1.01)) best = candidate;
  }
  return best;
}

function withDepths(request: PlanRequest, depths: readonly number[], bucketShards: number): Candidate | undefined {
  const { shape, recordBytes } = request;
  const scatter: ScatterPass[] = [];
  let smallestSegment = Infinity;
  let largestBucket = shape.shards;
  for (const [index, depth] of depths.entries()) {
    const last = index + 1 === depths.length;
    const split = splitLargest(shape, largestBucket, depths[index - 1] ?? 0, depth, last ? bucketShards : undefined);
    if (!split) return undefined;
    const taskBlocks = largestTask(request, {
      depth,
      fanOut: split.fanOut,
      fraction: largestBucket / shape.shards,
      step: scatter.at(-1)?.taskBlocks ?? 1,
      gained: depth - (depths[index - 1] ?? 0),
      first: index === 0,
      last,
    });
    if (taskBlocks === undefined) return undefined;
    const records = Math.min(taskBlocks * shape.blockRows, shape.rows) * (largestBucket / shape.shards);
    smallestSegment = Math.min(smallestSegment, (records * recordBytes) / split.fanOut);
    scatter.push({ depth, fanOut: split.fanOut, taskBlocks });
    largestBucket = split.largest;
  }
  return { scatter, smallestSegment };
}

/**
 * The least fan-out with which every bucket of at most `parent` shards falls into buckets of at most `limit` shards
 * (without a limit: every node a bucket of its own).
 */
function splitLargest(
  shape: Shape,
  parent: number,
  parentDepth: number,
  depth: number,
  limit: number | undefined,
): { fanOut: number; largest: number } | undefined {
  const parents = distinctParents(shape, parentDepth, parent);
  let fanOut = 2;
  for (;;) {
    let largest = 0;
    let most = 0;
    for (const nodes of parents) {
      const count = Math.min(limit === undefined ? nodes.length : fanOut, nodes.length);
      most = Math.max(most, nodes.length);
      for (let k = 0; k < count; k++) {
        const first = nodes[Math.floor((k * nodes.length) / count)]!;
        const end = nodes[Math.floor(((k + 1) * nodes.length) / count) - 1]!;
        largest = Math.max(largest, end.end - first.first);
      }
    }
    if (limit === undefined) return { fanOut: most, largest };
    if (largest <= limit) return { fanOut, largest };
    if (fanOut >= most) return undefined;
    fanOut = Math.min(most, Math.max(fanOut + 1, Math.floor((fanOut * largest) / (limit * 1.5))));
  }

  /** The nodes at `depth` of the parents, one parent of each number of shards (the others are cut alike). */
  function distinctParents(of: Shape, at: number, largestParent: number): { first: number; end: number }[][] {
    const sizes = new Map<number, { first: number; end: number }[]>();
    for (const node of nodesAtDepth(of, at)) {
      const size = node.end - node.first;
      if (size <= largestParent && !sizes.has(size)) sizes.set(size, nodesAtDepth(of, depth, node.first, node.end));
    }
    return [...sizes.values()];
  }
}

interface TaskSizing {
  readonly depth: number;
  readonly fanOut: number;
  /** Share of all records in the bucket that the task reads. */
  readonly fraction: number;
  /** `taskBlocks` of the pass before. */
  readonly step: number;
  /** Levels of the shard tree that this pass labels. */
  readonly gained: number;
  readonly first: boolean;
  readonly last: boolean;
}

/**
 * The most blocks that a task can take: a power of two (one aligned run) in all passes but the last, there a multiple
 * of the runs of 2^(depth − 1) blocks that labelling needs.
 */
function largestTask(request: PlanRequest, sizing: TaskSizing): number | undefined {
  const { shape, recordBytes, memory } = request;
  const fits = (blocks: number): boolean => {
    const mean = Math.min(blocks * shape.blockRows, shape.rows) * sizing.fraction;
    const room = sizing.first ? 0 : roomDeviations * Math.sqrt(mean);
    return (mean + room) * (recordBytes + labelBytes) + sizing.fanOut * trailerBytes <= memory;
  };
  const run = Math.max(2 ** Math.min(sizing.depth - 1, rowTreeHeight(shape)), sizing.step);
  // One run of the least gain holds about one block: memory for a block is enough by contract, whatever its deviation.
  if (!fits(run)) return sizing.gained === 1 ? run : undefined;
  const all = blockCount(shape);
  let power = run;
  while (power < all && fits(power * 2)) power *= 2;
  if (!sizing.last || power >= all) return power;
  // Multiples of a sixteenth keep the row tree that readers must draw shallow.
  const unit = Math.max(run, power / 16);
  let blocks = power;
  while (blocks < all && fits(blocks + unit)) blocks += unit;
  return blocks;
}
