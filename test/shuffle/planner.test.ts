/**
 * What plans promise: they exist for every memory that is enough, keep to it, obey the rules of runs and ranges, and are
 * as few passes as minSegment allows; and they are made in no time for petabytes. That all plans give one order is in
 * planIndependence.test.ts; what `riffle plan` prints of them is not tested here.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { InvalidInput, MemoryTooSmall } from '../../src/errors.js';
import { CountTable } from '../../src/shuffle/countTable.js';
import { Geometry } from '../../src/shuffle/geometry.js';
import { incoming } from '../../src/shuffle/incoming.js';
import { defaultBlockRows, defaultOutputShardRows, shapeOf } from '../../src/shuffle/layout.js';
import { planFault } from '../../src/shuffle/plan.js';
import type { ScatterPass } from '../../src/shuffle/plan.js';
import { makePlan } from '../../src/shuffle/planner.js';
import type { Planned, PlanRequest } from '../../src/shuffle/planner.js';
import { trailerBytes } from '../../src/runs/segment.js';
import { blockCount, recordsBefore, rowTreeHeight, shardTreeDepth } from '../../src/shuffle/shape.js';
import type { Shape } from '../../src/shuffle/shape.js';

const GiB = 1024 ** 3;
const labelBytes = 8;

const anyShape: fc.Arbitrary<Shape> = fc
  .noBias(
    fc.tuple(fc.integer({ min: 1, max: 4000 }), fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 90 })),
  )
  .filter(([rows, blockRows]) => rows / blockRows <= 300)
  .map(([rows, blockRows, shards]) => ({ rows, blockRows, shards: Math.min(shards, rows) }));

type Unsized = Omit<PlanRequest, 'memory'>;

const anyUnsized: fc.Arbitrary<Unsized> = fc
  .tuple(anyShape, fc.integer({ min: 1, max: 200 }), fc.nat(300), fc.nat(20_000))
  .map(([shape, recordBytes, headerBytes, minSegment]) => ({
    layout: '',
    shape,
    recordBytes,
    headerBytes,
    minSegment,
  }));

/** Memory from just enough to enough for all, most often little. */
const anyRequest: fc.Arbitrary<PlanRequest> = fc.tuple(anyUnsized, fc.noBias(fc.nat(1000))).map(([request, part]) => {
  const least = leastMemory(request);
  const all = request.shape.rows * (request.recordBytes + labelBytes + request.headerBytes);
  return { ...request, memory: Math.floor(least + (part / 1000) ** 4 * Math.max(0, all - least)) };
});

/** By the contract: the largest output shard with 8 bytes a record and its header; where records move, also a block. */
function leastMemory({ shape, recordBytes, headerBytes }: Unsized): number {
  const shard = Math.ceil(shape.rows / shape.shards) * (recordBytes + labelBytes) + headerBytes;
  return shape.shards > 1 ? Math.max(shard, Math.min(shape.blockRows, shape.rows) * recordBytes) : shard;
}

describe('makePlan', () => {
  describe('takes any memory that is enough', () => {
    it('and refuses one byte less, naming what is', () => {
      fc.assert(
        fc.property(anyUnsized, (request) => {
          const least = leastMemory(request);
          makePlan({ ...request, memory: least });
          assert.throws(
            () => makePlan({ ...request, memory: least - 1 }),
            (error) =>
              error instanceof MemoryTooSmall &&
              error.fields.leastMemory === least &&
              error.fields.memory === least - 1 &&
              error.message.includes(String(least)),
          );
        }),
        { seed: 1, numRuns: 1000 },
      );
    });

    it('up to the limits: 2^30 rows in a shard or a block, 2^20 output shards', () => {
      const request = { layout: '', recordBytes: 8, headerBytes: 5000, minSegment: 1 };
      const plan = (rows: number, shards: number, blockRows: number, memory: number): ScatterPass[] => {
        const planned = makePlan({ ...request, shape: { rows, blockRows, shards }, memory });
        return [...planned.plan.scatter];
      };
      assert.deepEqual(plan(2 ** 30, 1, 1024, 100 * GiB), []);
      assert.equal(plan(2 ** 34, 16, 1024, 100 * GiB).length, 1);
      assert.equal(plan(2 ** 34, 32, 1024, 10_000 * GiB).length, 1);
      assert.throws(() => plan(2 ** 30 + 1, 1, 1024, 100 * GiB), InvalidInput);
      assert.throws(() => plan(2 ** 34 + 1, 16, 1024, 100 * GiB), InvalidInput);
      assert.throws(() => plan(2 ** 34, 32, 2 ** 30 + 1, 100 * GiB), InvalidInput);
      // And as many output shards as dataset.json can describe.
      assert.equal(plan(2 ** 40, 2 ** 20, 1024, 100 * GiB).length, 1);
      assert.throws(() => plan(2 ** 40, 2 ** 20 + 1, 1024, 100 * GiB), InvalidInput);
    });

    it('from which 0, 1, 2 and 3 scatter passes follow, and from minSegment', () => {
      const shape = { rows: 64_000, blockRows: 10, shards: 640 };
      const passes = (memory: number, minSegment: number): number => {
        const request = { layout: '', shape, recordBytes: 100, headerBytes: 0, memory, minSegment };
        const { plan, warnings } = makePlan(request);
        assert.deepEqual(warnings, []);
        return plan.scatter.length;
      };
      const all = 64_000 * 108;
      // 100 buckets are 2^7 nodes, for which one pass needs runs of 64 blocks: all / 100, and the trailers.
      const trailers = 128 * trailerBytes;
      const memories = [all, all - 1, all / 10, all / 100 + trailers, all / 100];
      assert.deepEqual(
        memories.map((memory) => passes(memory, 1)),
        [0, 1, 1, 1, 2],
      );
      // Tasks of 64 blocks hold 64,000 bytes; 64 buckets are 6 levels: 1000 bytes a segment, or 8000, 16,000, 32,000.
      const minSegments = [1, 1000, 5000, 10_000, 20_000];
      assert.deepEqual(
        minSegments.map((minSegment) => passes(all / 64, minSegment)),
        [1, 1, 2, 3, 6],
      );
    });
  });

  it('keeps within memory, in every task of every pass, by the counts that the table holds', () => {
    const seen = { passes: new Set<number>(), tasks: 0, tightest: 0, exceptions: 0 };
    fc.assert(
      fc.property(anyRequest, fc.string(), (request, seed) => {
        const { plan } = makePlan(request);
        seen.passes.add(plan.scatter.length);
        for (const task of needs(request, plan.scatter, seed)) {
          seen.tasks++;
          if (task.bytes <= request.memory) {
            seen.tightest = Math.max(seen.tightest, task.bytes / request.memory);
            continue;
          }
          // The only exception: the smallest task that labels one level, about one block, which may exceed its mean.
          seen.exceptions++;
          assert.ok(task.minimalRun, `${JSON.stringify(request)}: pass ${task.pass} needs ${task.bytes}`);
          const mean = 2 * request.shape.blockRows;
          const most = (mean + 8 * Math.sqrt(mean)) * (request.recordBytes + labelBytes) + 2 * trailerBytes;
          assert.ok(task.bytes <= most, `${JSON.stringify(request)}: ${task.bytes} > ${most}`);
        }
      }),
      { seed: 2, numRuns: 400 },
    );
    for (const count of [0, 1, 2, 3]) assert.ok(seen.passes.has(count), `no plan had ${count} scatter passes`);
    assert.ok(seen.tasks > 10_000 && seen.exceptions > 0 && seen.tightest > 0.95, JSON.stringify(seen));
  });

  it('cuts rows into whole runs and whole tasks of the pass before, and every bucket in two or more', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const { shape } = request;
        const { plan } = makePlan(request);
        const { scatter } = plan;
        assert.equal(planFault(plan, shape), undefined);
        let before = { depth: 0, taskBlocks: 1 };
        for (const [index, { depth, fanOut, taskBlocks }] of scatter.entries()) {
          assert.ok(depth > before.depth && depth <= shardTreeDepth(shape) && fanOut >= 2);
          const whole = taskBlocks >= blockCount(shape);
          assert.ok(whole || taskBlocks % 2 ** (depth - 1) === 0, 'a run is cut');
          assert.ok(whole || taskBlocks % before.taskBlocks === 0, 'a task of the pass before is cut');
          const oneRun = Number.isInteger(Math.log2(taskBlocks));
          assert.ok(oneRun || index + 1 === scatter.length, 'only the last pass may take several runs');
          before = { depth, taskBlocks };
        }
      }),
      { seed: 3, numRuns: 1000 },
    );
  });

  it('splits into no more buckets than the gather tasks need', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const { shape, recordBytes, headerBytes, memory } = request;
        const { scatter } = makePlan(request).plan;
        const last = scatter.at(-1);
        if (!last || last.fanOut === 2) return;
        const shardNeed = Math.ceil(shape.rows / shape.shards) * (recordBytes + labelBytes) + headerBytes;
        const mostShards = (fanOut: number): number => {
          const geometry = new Geometry(shape, [...scatter.slice(0, -1), { ...last, fanOut }]);
          const buckets = Array.from({ length: geometry.bucketCount(scatter.length) }, (_, k) =>
            geometry.bucket(scatter.length, k),
          );
          return Math.max(...buckets.map(({ first, end }) => end - first));
        };
        assert.ok(mostShards(last.fanOut) * shardNeed <= memory);
        assert.ok(mostShards(last.fanOut - 1) * shardNeed > memory);
      }),
      { seed: 6, numRuns: 1000 },
    );
  });

  it('keeps segments at minSegment with the fewest passes that can, or else warns and takes the fewest of all', () => {
    const seen = { kept: 0, warned: 0 };
    // Even shapes, where all nodes of a depth are alike and the best plan is easy to find by trying all.
    const request = fc
      .noBias(
        fc.tuple(fc.integer({ min: 1, max: 6 }), fc.nat(10), fc.integer({ min: 1, max: 60 }), fc.nat(1e9), fc.nat(16)),
      )
      .map(([depth, more, blockRows, part, segment]): PlanRequest => {
        const shards = 2 ** depth;
        const shape = { rows: shards * 2 ** (more % 8) * blockRows, blockRows, shards };
        const unsized = { layout: '', shape, recordBytes: 50, headerBytes: 20, minSegment: 2 ** segment };
        const least = leastMemory(unsized);
        return { ...unsized, memory: Math.floor(least * (1 + (part / 1e9) * 2 * shards)) };
      });
    fc.assert(
      fc.property(request, (wanted) => {
        const { plan, warnings } = makePlan(wanted);
        if (plan.scatter.length === 0) return;
        const best = bestByTrying(wanted);
        const enough = best.findIndex((segment) => segment !== undefined && segment >= wanted.minSegment);
        if (enough === -1) {
          seen.warned++;
          assert.equal(warnings.length, 1);
          assert.match(warnings[0]!, /minSegment/);
          assert.equal(
            plan.scatter.length,
            best.findIndex((segment) => segment !== undefined),
          );
        } else {
          seen.kept++;
          assert.deepEqual(warnings, []);
          assert.equal(plan.scatter.length, enough);
          assert.ok(smallestSegment(wanted, plan.scatter) >= wanted.minSegment);
        }
      }),
      { seed: 4, numRuns: 600 },
    );
    assert.ok(seen.kept > 100 && seen.warned > 30, JSON.stringify(seen));
  });

  it('needs one scatter pass for 100 TB with 12 GiB, one for 3 PB and two for 100 PB with 100 GiB', () => {
    const passes = (rows: number, memory: number): number => {
      const recordBytes = 1024;
      const layout = {
        blockRows: defaultBlockRows(recordBytes),
        outputShardRows: defaultOutputShardRows(recordBytes, rows),
      };
      const shape = shapeOf(rows, layout);
      const planned: Planned = makePlan({
        layout: '',
        shape,
        recordBytes,
        headerBytes: 500,
        memory,
        minSegment: 2 ** 20,
      });
      assert.deepEqual(planned.warnings, []);
      // The tasks can be told apart, too: geometry holds one number per bucket.
      const geometry = Geometry.of(shape, planned.plan);
      assert.ok(geometry.taskCount(geometry.passes) * memory >= rows * recordBytes);
      return planned.plan.scatter.length;
    };
    assert.equal(passes(1e11, 12 * GiB), 1);
    assert.equal(passes(1e11, 100 * GiB), 1);
    assert.equal(passes(3e12, 12 * GiB), 2);
    assert.equal(passes(3e12, 100 * GiB), 1);
    assert.equal(passes(1e14, 100 * GiB), 2);
  });

  it('passes layout, memory and minSegment on', () => {
    const shape = { rows: 1000, blockRows: 10, shards: 10 };
    const request = { layout: 'digest', shape, recordBytes: 10, headerBytes: 0, memory: 5000, minSegment: 77 };
    const { layout, memory, minSegment, format } = makePlan(request).plan;
    assert.deepEqual([layout, memory, minSegment, format], ['digest', 5000, 77, 'riffle.plan/1']);
  });
});

describe('recordsBefore', () => {
  it('is ⌊shard · rows / shards⌋, exactly, up to 2^53 rows', () => {
    const numbers = fc.tuple(
      fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      fc.integer({ min: 1, max: 2 ** 31 }),
      fc.nat(),
    );
    fc.assert(
      fc.property(numbers, ([rows, wanted, pick]) => {
        const shards = Math.min(wanted, rows);
        for (const shard of [0, 1, pick % shards, shards - 1, shards]) {
          const exact = (BigInt(shard) * BigInt(rows)) / BigInt(shards);
          assert.equal(recordsBefore({ rows, blockRows: 1, shards }, shard), Number(exact));
        }
      }),
      { seed: 5, numRuns: 2000 },
    );
  });
});

interface Need {
  readonly pass: number;
  readonly bytes: number;
  /** A task that could not be smaller. */
  readonly minimalRun: boolean;
}

/** What each task of a plan really holds. */
function* needs(request: PlanRequest, scatter: readonly ScatterPass[], seed: string): Generator<Need> {
  const { shape, recordBytes, headerBytes } = request;
  const geometry = new Geometry(shape, scatter);
  const table = new CountTable(shape, seed);
  for (let pass = 1; pass <= geometry.passes; pass++) {
    for (let task = 0; task < geometry.taskCount(pass); task++) {
      if (geometry.isGather(pass)) {
        const { records } = incoming(table, geometry, pass, task, 0, geometry.blockCount, recordBytes);
        const { first, end } = geometry.bucket(pass - 1, task);
        yield { pass, bytes: records * (recordBytes + labelBytes) + (end - first) * headerBytes, minimalRun: false };
        continue;
      }
      const work = geometry.scatterTask(pass, task);
      const { records } = incoming(table, geometry, pass, work.incoming, work.firstBlock, work.endBlock, recordBytes);
      const { depth, taskBlocks } = geometry.scatterPass(pass);
      const before = pass === 1 ? { depth: 0, taskBlocks: 1 } : geometry.scatterPass(pass - 1);
      const run = Math.max(2 ** Math.min(depth - 1, rowTreeHeight(shape)), before.taskBlocks);
      yield {
        pass,
        bytes: records * (recordBytes + labelBytes) + (work.endBucket - work.firstBucket) * trailerBytes,
        minimalRun: taskBlocks === run && depth === before.depth + 1,
      };
    }
  }
}

/** Mean bytes of the smallest segments, where all nodes of a depth are alike. */
function smallestSegment({ shape, recordBytes }: PlanRequest, scatter: readonly ScatterPass[]): number {
  const sizes = scatter.map(({ fanOut, taskBlocks }, index) => {
    const bucket = shape.rows / 2 ** (scatter[index - 1]?.depth ?? 0);
    const share = Math.min(1, (taskBlocks * shape.blockRows) / shape.rows);
    return (share * bucket * recordBytes) / fanOut;
  });
  return Math.min(...sizes);
}

/**
 * The largest smallest segment with 1, 2, … scatter passes (index 0 stays empty), among all ascending depths and all
 * task sizes that obey the rules and keep within memory with 8 standard deviations of room.
 */
function bestByTrying(request: PlanRequest): (number | undefined)[] {
  const { shape, recordBytes, headerBytes, memory } = request;
  const blocks = shape.rows / shape.blockRows;
  const deepest = Math.log2(shape.shards);
  const shardNeed = (shape.rows / shape.shards) * (recordBytes + labelBytes) + headerBytes;
  const bucketShards = Math.floor(memory / shardNeed);
  const best: (number | undefined)[] = new Array<undefined>(deepest + 1).fill(undefined);

  const extend = (scatter: readonly ScatterPass[]): void => {
    const before = scatter.at(-1) ?? { depth: 0, fanOut: 1, taskBlocks: 1 };
    for (let depth = before.depth + 1; depth <= deepest; depth++) {
      const nodes = 2 ** (depth - before.depth);
      for (const last of [false, true]) {
        // Equal nodes of `size` shards: at most ⌊limit / size⌋ in a bucket.
        const inBucket = Math.floor((bucketShards * 2 ** depth) / shape.shards);
        if (last && inBucket === 0) continue;
        const fanOut = last ? Math.max(2, Math.ceil(nodes / inBucket)) : nodes;
        const taskBlocks = largestTask(depth, fanOut, before, scatter.length === 0, last);
        if (taskBlocks === undefined) continue;
        const next = [...scatter, { depth, fanOut, taskBlocks }];
        if (!last) extend(next);
        else best[next.length] = Math.max(best[next.length] ?? 0, smallestSegment(request, next));
      }
    }
  };

  const largestTask = (depth: number, fanOut: number, before: ScatterPass, first: boolean, last: boolean) => {
    const fits = (taskBlocks: number): boolean => {
      const mean = (Math.min(taskBlocks, blocks) * shape.blockRows) / 2 ** before.depth;
      const room = first ? 0 : 8 * Math.sqrt(mean);
      return (mean + room) * (recordBytes + labelBytes) + fanOut * trailerBytes <= memory;
    };
    const run = Math.max(2 ** Math.min(depth - 1, Math.log2(blocks)), before.taskBlocks);
    if (!fits(run)) return depth === before.depth + 1 ? run : undefined;
    let power = run;
    while (power < blocks && fits(2 * power)) power *= 2;
    let multiple = power;
    const unit = Math.max(run, power / 16);
    while (last && multiple < blocks && fits(multiple + unit)) multiple += unit;
    return multiple;
  };

  extend([]);
  return best;
}
