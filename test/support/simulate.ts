import { Arranger } from '../../src/shuffle/arrangement.js';
import { CountTable } from '../../src/shuffle/countTable.js';
import { Geometry } from '../../src/shuffle/geometry.js';
import { incoming } from '../../src/shuffle/incoming.js';
import type { Incoming } from '../../src/shuffle/incoming.js';
import type { ScatterPass } from '../../src/shuffle/plan.js';
import { trailerBytes } from '../../src/runs/segment.js';
import { rowsBefore } from '../../src/shuffle/shape.js';
import type { Shape } from '../../src/shuffle/shape.js';
import { finish } from '../../src/shuffle/steps.js';
import { placement } from '../../src/shuffle/placement.js';

/** Records of one byte each, so that a packed object is an array of record numbers with room for trailers. */
const recordBytes = 1;

/** `simulateShards`, joined: the record at each output position. */
export function simulateShuffle(shape: Shape, seed: string, scatter: readonly ScatterPass[]): number[] {
  return simulateShards(shape, seed, scatter).flat();
}

/**
 * Carries out a shuffle on record numbers, through the functions that the activities call, with packed objects as
 * arrays in memory.
 * @returns the records of each output shard
 */
export function simulateShards(shape: Shape, seed: string, scatter: readonly ScatterPass[]): number[][] {
  const geometry = new Geometry(shape, scatter);
  const table = new CountTable(shape, seed);
  let packed = new Map<number, number[]>();
  for (let pass = 1; pass < geometry.passes; pass++) {
    const written = new Map<number, number[]>();
    for (let task = 0; task < geometry.taskCount(pass); task++) {
      const work = geometry.scatterTask(pass, task);
      const input = incoming(table, geometry, pass, work.incoming, work.firstBlock, work.endBlock, recordBytes);
      const records = readRecords(input, packed, rowsBefore(shape, work.firstBlock));
      const order = Uint32Array.from(records.keys());
      const scratch = new Uint32Array(input.records);
      const arranger = new Arranger(table, seed, scratch);
      const runs = finish(arranger.label(order, input.nodes, geometry.scatterPass(pass).depth));
      const starts: number[] = [];
      for (let bucket = work.firstBucket; bucket < work.endBucket; bucket++) {
        starts.push(runs.find(({ node }) => node.first >= geometry.bucket(pass, bucket).first)!.first);
      }
      const { slots, groups } = finish(placement(order, scratch, Float64Array.of(...starts, input.records)));
      const object: number[] = [];
      records.forEach((record, index) => (object[slots[index]! + groups[slots[index]!]! * trailerBytes] = record));
      written.set(task, object);
    }
    packed = written;
  }
  const output: number[][] = [];
  for (let task = 0; task < geometry.taskCount(geometry.passes); task++) {
    const input = incoming(table, geometry, geometry.passes, task, 0, geometry.blockCount, recordBytes);
    const records = readRecords(input, packed, 0);
    const order = Uint32Array.from(records.keys());
    const arranger = new Arranger(table, seed, new Uint32Array(input.records));
    for (const { node, first, records: count } of finish(arranger.label(order, input.nodes, Infinity))) {
      const shard = order.subarray(first, first + count);
      finish(arranger.shuffleShard(shard, node));
      output.push(Array.from(shard, (index) => records[index]!));
    }
  }
  return output;
}

function readRecords(input: Incoming, packed: ReadonlyMap<number, number[]>, firstRow: number): number[] {
  if (input.segments.length === 0) return Array.from({ length: input.records }, (_, index) => firstRow + index);
  const records: number[] = [];
  for (const { writer, offset, runs } of input.segments) {
    let at = offset;
    for (const { first, records: count } of runs) {
      for (let i = 0; i < count; i++) records[first + i] = packed.get(writer)![at++]!;
    }
  }
  return records;
}
