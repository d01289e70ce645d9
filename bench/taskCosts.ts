import { Arranger } from '../src/shuffle/arrangement.js';
import type { CountedNode, NodeRun } from '../src/shuffle/arrangement.js';
import { CountTable } from '../src/shuffle/countTable.js';
import { Geometry } from '../src/shuffle/geometry.js';
import { incoming } from '../src/shuffle/incoming.js';
import type { Incoming } from '../src/shuffle/incoming.js';
import { placement } from '../src/shuffle/placement.js';
import { makePlan } from '../src/shuffle/planner.js';
import { isLeaf, shardChildren } from '../src/shuffle/shape.js';
import type { Shape } from '../src/shuffle/shape.js';
import { finish } from '../src/shuffle/steps.js';
import { median } from './report.js';

const seed = 'shares';
const gibibyte = 1024 ** 3;

export interface PlannedShuffle {
  readonly shape: Shape;
  readonly recordBytes: number;
  /** Bytes of a task. */
  readonly memory: number;
}

/** CPU seconds per GiB of records that one task spends on knowing where they go. */
export interface TaskCosts {
  readonly kind: 'scatter' | 'gather';
  readonly pass: number;
  readonly records: number;
  /** Records that were labelled, ordered and placed for the measurement. */
  readonly measuredRecords: number;
  /** Counts and segments of what the task reads, and the counts that its labels follow. */
  readonly table: number;
  readonly labels: number;
  /** The final order; 0 for scatter tasks. */
  readonly order: number;
  readonly placement: number;
}

/**
 * Measures one task of every kind of a plan, with the functions that tasks run.
 *
 * The table is always drawn in full: for a part of the task, the draws from the root down to it would count too much. A
 * task of more than `mostRecords` is labelled, ordered and placed in part: whole runs of the same depth in the first
 * pass, later the first of its nodes; the rest is taken to cost as much a record. Parts fit better into the processor's
 * caches, so orders and places come out too low where `mostRecords` are much fewer than the task has.
 */
export function taskCosts({ shape, recordBytes, memory }: PlannedShuffle, mostRecords: number): TaskCosts[] {
  const minSegment = 1024 ** 2;
  const { plan } = makePlan({ layout: '', shape, recordBytes, headerBytes: 0, memory, minSegment });
  const geometry = Geometry.of(shape, plan);
  const table = new CountTable(shape, seed);
  return Array.from({ length: geometry.passes }, (_, index) => {
    const pass = index + 1;
    const gathers = geometry.isGather(pass);
    const middle = Math.floor(geometry.taskCount(pass) / 2);
    const { bucket, firstBlock, endBlock } = blocksOf(geometry, pass, middle);
    const read = (end: number): Incoming => incoming(table, geometry, pass, bucket, firstBlock, end, recordBytes);
    const drawn = repeated(() => read(endBlock));
    const { records } = drawn.value;
    const depth = gathers ? Infinity : geometry.scatterPass(pass).depth;
    const nodes =
      pass === 1 && !gathers
        ? read(firstRuns(shape, firstBlock, endBlock, depth, mostRecords)).nodes
        : firstNodes(drawn.value.nodes, mostRecords);
    const splits = repeated(() => splitAll(table, drawn.value.nodes, depth)).seconds;
    const arranged = arrange(table, nodes, depth, mostRecords);
    const perGiB = gibibyte / recordBytes;
    return {
      kind: gathers ? 'gather' : 'scatter',
      pass,
      records,
      measuredRecords: arranged.records,
      table: ((drawn.seconds + splits) / records) * perGiB,
      labels: (arranged.labelSeconds / arranged.records) * perGiB,
      order: arranged.ordered === 0 ? 0 : (arranged.orderSeconds / arranged.ordered) * perGiB,
      placement: (arranged.placementSeconds / arranged.records) * perGiB,
    };
  });
}

function blocksOf(
  geometry: Geometry,
  pass: number,
  task: number,
): { bucket: number; firstBlock: number; endBlock: number } {
  if (geometry.isGather(pass)) return { bucket: task, firstBlock: 0, endBlock: geometry.blockCount };
  const work = geometry.scatterTask(pass, task);
  return { bucket: work.incoming, firstBlock: work.firstBlock, endBlock: work.endBlock };
}

/** End of the first runs of 2^(depth − 1) blocks, which labels need, that hold `mostRecords`. */
function firstRuns(shape: Shape, firstBlock: number, endBlock: number, depth: number, mostRecords: number): number {
  const run = 2 ** (depth - 1);
  const runs = Math.max(1, Math.floor(mostRecords / shape.blockRows / run));
  return Math.min(endBlock, firstBlock + runs * run);
}

/** The first nodes, until they hold `mostRecords`; at least one. */
function firstNodes(nodes: readonly CountedNode[], mostRecords: number): readonly CountedNode[] {
  let records = 0;
  const enough = nodes.findIndex((node) => (records += recordsOf(node)) >= mostRecords);
  return enough < 0 ? nodes : nodes.slice(0, enough + 1);
}

/** The table draws of `Arranger.label`, alone. */
function splitAll(table: CountTable, nodes: readonly CountedNode[], depth: number): void {
  for (const { node, counts } of nodes) {
    if (node.depth >= depth || isLeaf(node)) continue;
    const [left, right] = table.split(node, counts);
    const [leftNode, rightNode] = shardChildren(node);
    splitAll(table, [{ node: leftNode, counts: left }], depth);
    splitAll(table, [{ node: rightNode, counts: right }], depth);
  }
}

function recordsOf({ counts }: CountedNode): number {
  return counts.sum(counts.firstBlock, counts.endBlock);
}

/** Labels, orders (in a gather task) and places the records of `nodes`; CPU seconds of each. */
function arrange(table: CountTable, nodes: readonly CountedNode[], depth: number, mostRecords: number) {
  const records = nodes.reduce((sum, node) => sum + recordsOf(node), 0);
  const order = Uint32Array.from({ length: records }, (_, record) => record);
  const scratch = new Uint32Array(records);
  const arranger = new Arranger(table, seed, scratch);
  const splits = timed(() => {
    splitAll(table, nodes, depth);
  });
  const labelled = timed(() => finish(arranger.label(order, nodes, depth)));
  let ordered = 0;
  const shuffled = timed(() => {
    if (depth !== Infinity) return;
    for (const { node, first, records: shardRecords } of labelled.value) {
      const some = Math.min(shardRecords, Math.max(0, mostRecords - ordered));
      finish(arranger.shuffleShard(order.subarray(first, first + some), node));
      ordered += some;
    }
  });
  const starts = Float64Array.from([...labelled.value.map(({ first }: NodeRun) => first), records]);
  const placed = timed(() => finish(placement(order, scratch, starts)));
  return {
    records,
    ordered,
    labelSeconds: Math.max(0, labelled.seconds - splits.seconds),
    orderSeconds: shuffled.seconds,
    placementSeconds: placed.seconds,
  };
}

/** Median of three times, where they are short: a worker's thread does the same for many tasks, with compiled code. */
function repeated<T>(work: () => T): { value: T; seconds: number } {
  const first = timed(work);
  if (first.seconds > 1) return first;
  return { value: first.value, seconds: median([first.seconds, timed(work).seconds, timed(work).seconds]) };
}

/** CPU seconds, which other load on the machine changes little. */
function timed<T>(work: () => T): { value: T; seconds: number } {
  const before = process.cpuUsage();
  const value = work();
  const { user, system } = process.cpuUsage(before);
  return { value, seconds: (user + system) / 1e6 };
}
