/**
 * The order depends on seed, rows, blockRows and the number of output shards, and on nothing else: any valid plan, made
 * by the planner or not, gives the same. Through the pure functions of the activities; the same with workers and S3 is
 * the workflow tests' matter.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { MemoryTooSmall } from '../../src/errors.js';
import type { ScatterPass } from '../../src/shuffle/plan.js';
import { makePlan } from '../../src/shuffle/planner.js';
import { blockCount, shardTreeDepth } from '../../src/shuffle/shape.js';
import type { Shape } from '../../src/shuffle/shape.js';
import { simulateShards, simulateShuffle } from '../support/simulate.js';

const anyShape: fc.Arbitrary<Shape> = fc
  .tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 70 }))
  .filter(([rows, blockRows]) => rows / blockRows <= 120)
  .map(([rows, blockRows, shards]) => ({ rows, blockRows, shards: Math.min(shards, rows) }));

/** Numbers that choose a pass among those that are valid where it stands. */
const anyPass = fc.noBias(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5 })));

/** Shapes of many blocks, where later passes have several tasks. */
const manyBlocks: fc.Arbitrary<Shape> = fc
  .noBias(fc.tuple(fc.integer({ min: 20, max: 150 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 8, max: 70 })))
  .map(([blocks, blockRows, shards]) => ({ rows: blocks * blockRows - (shards % blockRows), blockRows, shards }))
  .filter(({ rows, shards }) => shards <= rows);

/** 0 to 3 scatter passes: depths ascend, a task's blocks are whole runs and whole tasks of the pass before. */
function passesOf(shape: Shape, choices: readonly [number, number, number][]): ScatterPass[] {
  const scatter: ScatterPass[] = [];
  const deepest = shardTreeDepth(shape);
  const passes = Math.min(choices.length, deepest);
  let before = { depth: 0, taskBlocks: 1 };
  choices.slice(0, passes).forEach(([choice, fanOut, times], index) => {
    const most = deepest - (passes - 1 - index);
    const depth = before.depth + 1 + (choice % Math.min(3, most - before.depth));
    let step = before.taskBlocks;
    while (step % 2 ** (depth - 1) !== 0) step += before.taskBlocks;
    before = { depth, taskBlocks: step * times };
    scatter.push({ ...before, fanOut });
  });
  return scatter;
}

describe('the order of a shuffle', () => {
  it('is the same with any scatter passes', () => {
    let several = 0;
    const anyPasses = fc.array(anyPass, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.oneof(anyShape, manyBlocks), fc.string(), anyPasses, (shape, seed, choices) => {
        const scatter = passesOf(shape, choices);
        if (scatter.length > 1 && scatter.at(-1)!.taskBlocks < blockCount(shape)) several++;
        assert.deepEqual(simulateShuffle(shape, seed, scatter), simulateShuffle(shape, seed, []));
      }),
      { seed: 1, numRuns: 600 },
    );
    assert.ok(several >= 100, `only ${several} plans had several passes of several tasks`);
  });

  it('is the same with whatever plan memory and minSegment lead to', () => {
    const passes = new Set<number>();
    const resources = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 3000 }), fc.nat(400));
    fc.assert(
      fc.property(anyShape, fc.string(), resources, (shape, seed, [recordBytes, more, minSegment]) => {
        const request = { layout: '', shape, recordBytes, headerBytes: 16, minSegment };
        const { plan } = makePlan({ ...request, memory: leastMemory(request) + more });
        passes.add(plan.scatter.length);
        assert.deepEqual(simulateShuffle(shape, seed, plan.scatter), simulateShuffle(shape, seed, []));
      }),
      { seed: 2, numRuns: 300 },
    );
    for (const count of [0, 1, 2, 3]) assert.ok(passes.has(count), `no plan had ${count} scatter passes`);
  });

  it('is a permutation, cut into shards of the sizes that the shape names', () => {
    fc.assert(
      fc.property(anyShape, fc.string(), fc.array(anyPass, { maxLength: 2 }), (shape, seed, choices) => {
        const { rows, shards } = shape;
        const output = simulateShards(shape, seed, passesOf(shape, choices));
        const sizes = Array.from({ length: shards }, (_, j) => {
          return Math.floor(((j + 1) * rows) / shards) - Math.floor((j * rows) / shards);
        });
        assert.deepEqual(
          output.map((shard) => shard.length),
          sizes,
        );
        const sorted = output.flat().sort((a, b) => a - b);
        assert.deepEqual(
          sorted,
          Array.from({ length: rows }, (_, record) => record),
        );
      }),
      { seed: 3, numRuns: 150 },
    );
  });

  it('depends on seed, blockRows and the number of shards', () => {
    const shape = { rows: 300, blockRows: 20, shards: 8 };
    const orders = [
      simulateShuffle(shape, 'a', []),
      simulateShuffle(shape, 'b', []),
      simulateShuffle(shape, 'a ', []),
      simulateShuffle({ ...shape, blockRows: 21 }, 'a', []),
      simulateShuffle({ ...shape, shards: 9 }, 'a', []),
    ];
    assert.equal(new Set(orders.map((order) => order.join())).size, orders.length);
  });

  it('is that of `riffle-shuffle/1` (pinned: other orders need another algorithm name)', () => {
    // Orders as 32-bit little-endian numbers, computed when the algorithm was fixed; they cannot be derived by hand.
    const digest = (shape: Shape, seed: string): string =>
      createHash('sha256')
        .update(Uint32Array.from(simulateShuffle(shape, seed, [])))
        .digest('hex');
    assert.deepEqual(
      [
        digest({ rows: 1000, blockRows: 7, shards: 13 }, 'riffle'),
        digest({ rows: 100_000, blockRows: 256, shards: 5 }, 'Grüße'),
      ],
      [
        'b0b37b45f19c9ff234fe6f4bd7bd68e1a0d158a4d984b106bc524c52482d5e39',
        '5786b4cd0d52d5329d088866172dc46256aa81f85c49444105fa58db46edba94',
      ],
    );
  });
});

/** What MemoryTooSmall names. */
function leastMemory(request: Omit<Parameters<typeof makePlan>[0], 'memory'>): number {
  try {
    makePlan({ ...request, memory: 0 });
  } catch (error) {
    if (error instanceof MemoryTooSmall) return error.fields.leastMemory as number;
    throw error;
  }
  return assert.fail('no memory at all was enough');
}
