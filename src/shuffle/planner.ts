import { InvalidInput, MemoryTooSmall } from '../errors.js';
import { shareOut } from './geometry.js';
import { planFormat } from './plan.js';
import type { Plan, ScatterPass } from './plan.js';
import { trailerBytes } from '../runs/segment.js';
import { blockCount, ceilLog2, nodeStarts, rowTreeHeight, shardTreeDepth } from './shape.js';
import type { Shape } from './shape.js';

/** Bytes that a task needs for the labels or the order of one record, besides the record itself. */
export const labelBytes = 8;

/** Records that one task can number: its orders are arrays of 32-bit numbers, which end at 4 GiB. */
const mostRecords = 2 ** 30;

/** Output shards that dataset.json can describe; the default `outputShardRows` makes no more. */
const mostShards = 2 ** 20;

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
 * `minSegment` or above, with tasks no larger than good segments need; where no number does, the fewest that work at
 * all, with a warning.
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
  const bucketShards = shardsPerTask(wanted);
  if (bucketShards >= shape.shards) return finish([]);

  const search = new PassSearch(request, bucketShards);
  let fallback: Candidate | undefined;
  for (let passes = 1; passes <= shardTreeDepth(shape); passes++) {
    const found = search.best(passes);
    if (!found) continue;
    if (found.smallestSegment >= minSegment) return finish(smallerTasks(request, passes, found).scatter);
    fallback ??= found;
  }
  if (!fallback) throw new RangeError(`No plan for ${JSON.stringify(request)}`);
  const smallest = Math.floor(fallback.smallestSegment);
  return finish(fallback.scatter, [
    `Segments will be about ${smallest} bytes, below minSegment (${minSegment}): more memory makes them larger.`,
  ]);
}

/** Segments of this size are read well: their bytes take much longer than the wait for an answer. */
const largeSegment = 8 * 1024 * 1024;

/**
 * The same number of passes with smaller tasks, as long as every segment is large: more requests, but still few, and
 * tasks that spread evenly over workers, hold less memory and lose less when they fail.
 */
function smallerTasks(request: PlanRequest, passes: number, found: Candidate): Candidate {
  const enough = Math.max(request.minSegment, largeSegment);
  let best = found;
  for (let memory = request.memory / 2; memory >= shardNeed(request); memory /= 2) {
    const smaller = { ...request, memory };
    const candidate = new PassSearch(smaller, shardsPerTask(smaller)).best(passes);
    if (!candidate || candidate.smallestSegment < enough) break;
    best = candidate;
  }
  return best;
}

/** Output shards that a gather task can take. */
function shardsPerTask(request: PlanRequest): number {
  const shardRows = Math.ceil(request.shape.rows / request.shape.shards);
  return Math.floor(Math.min(request.memory / shardNeed(request), mostRecords / shardRows));
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
  if (shape.shards > mostShards) {
    throw new InvalidInput(
      `outputShardRows makes ${shape.shards} output shards; ${mostShards} is the limit, which dataset.json can describe: ` +
        'raise outputShardRows.',
      { field: 'outputShardRows' },
    );
  }
  for (const [field, rows] of [
    ['outputShardRows', Math.ceil(shape.rows / shape.shards)],
    ['blockRows', Math.min(shape.blockRows, shape.rows)],
  ] as const) {
    if (rows <= mostRecords) continue;
    throw new InvalidInput(`${field} makes tasks of ${rows} records; 2^30 is the limit: lower ${field}.`, { field });
  }
}

/**
 * Looks for the scatter passes whose smallest segments are largest. It fixes one pass after the other; what is best for
 * the remaining ones depends only on how many they are and on depth and tasks of the pass before.
 */
class PassSearch {
  private readonly found = new Map<string, Candidate | undefined>();
  /** The least depth with nodes that fit into a gather task. */
  private readonly leastDepth: number;

  /** @param bucketShards output shards that a gather task can take */
  constructor(
    private readonly request: PlanRequest,
    private readonly bucketShards: number,
  ) {
    this.leastDepth = ceilLog2(Math.ceil(request.shape.shards / bucketShards));
  }

  /**
   * @param passes number of passes to add
   * @param before the pass before them; undefined for the first
   */
  best(passes: number, before?: ScatterPass): Candidate | undefined {
    const key = `${passes} ${before?.depth} ${before?.taskBlocks}`;
    if (!this.found.has(key)) this.found.set(key, this.search(passes, before));
    return this.found.get(key);
  }

  private search(passes: number, before: ScatterPass | undefined): Candidate | undefined {
    const deepest = shardTreeDepth(this.request.shape);
    let first = (before?.depth ?? 0) + 1;
    let end = deepest - passes + 2;
    if (passes === 1) {
      // Nodes a few levels deeper than needed cut buckets finely enough; deeper ones only cost labels.
      first = Math.max(first, this.leastDepth);
      end = Math.min(end, first + 5);
    }
    let best: Candidate | undefined;
    for (let depth = first; depth < end; depth++) {
      const candidate = this.withNext(depth, passes, before);
      if (candidate && (!best || this.isBetter(candidate, best))) best = candidate;
    }
    return best;
  }

  /** Deeper nodes have to pay: by a hundredth, or by reaching the size that the user wants. */
  private isBetter(candidate: Candidate, best: Candidate): boolean {
    const { minSegment } = this.request;
    if (best.smallestSegment < minSegment && candidate.smallestSegment >= minSegment) return true;
    return candidate.smallestSegment > best.smallestSegment * 1.01;
  }

  /** The best candidate whose next pass labels down to `depth`. */
  private withNext(depth: number, passes: number, before: ScatterPass | undefined): Candidate | undefined {
    const { request } = this;
    const { shape, recordBytes } = request;
    const from = before?.depth ?? 0;
    const bucket = largestNode(shape, from);
    const last = passes === 1;
    const fanOut = last ? leastFanOut(shape, from, depth, this.bucketShards) : Math.min(2 ** (depth - from), bucket);
    if (fanOut === undefined) return undefined;
    const taskBlocks = largestTask(request, {
      depth,
      fanOut,
      fraction: bucket / shape.shards,
      step: before?.taskBlocks ?? 1,
      gained: depth - from,
      first: before === undefined,
      last,
    });
    if (taskBlocks === undefined) return undefined;
    const pass = { depth, fanOut, taskBlocks };
    const rest = last ? { scatter: [], smallestSegment: Infinity } : this.best(passes - 1, pass);
    if (!rest) return undefined;
    const records = Math.min(taskBlocks * shape.blockRows, shape.rows) * (bucket / shape.shards);
    return {
      scatter: [pass, ...rest.scatter],
      smallestSegment: Math.min(rest.smallestSegment, (records * recordBytes) / fanOut),
    };
  }
}

/** Shards of the largest node at a depth. */
function largestNode(shape: Shape, depth: number): number {
  return Math.ceil(shape.shards / 2 ** depth);
}

/**
 * The fan-out with which the nodes at depth `from`, cut at `depth`, fall into buckets of at most `limit` shards:
 * the least one, or close to it where nodes differ in size. Undefined where single nodes are larger.
 */
function leastFanOut(shape: Shape, from: number, depth: number, limit: number): number | undefined {
  // Nodes of one depth hold `largest` shards or one less; those of equal size are cut alike.
  const largest = largestNode(shape, from);
  const sizes = new Set([largest, Math.floor(shape.shards / 2 ** from)]);
  const parents = [...sizes].map((shards) => nodeStarts({ ...shape, shards }, depth - from));
  const suffices = (fanOut: number): boolean => parents.every((nodes) => bucketsWithin(nodes, fanOut, limit));
  let enough = Math.max(...parents.map((nodes) => nodes.length - 1));
  if (!suffices(enough)) return undefined;
  let tooFew = Math.max(1, Math.ceil(largest / limit) - 1);
  while (enough - tooFew > 1) {
    const middle = Math.floor((tooFew + enough) / 2);
    if (suffices(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}

function bucketsWithin(nodes: Float64Array, fanOut: number, limit: number): boolean {
  const bounds = shareOut(nodes, fanOut);
  for (let k = 0; k + 1 < bounds.length; k++) if (bounds[k + 1]! - bounds[k]! > limit) return false;
  return true;
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
