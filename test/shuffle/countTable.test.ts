/**
 * The table of counts: whoever asks for a cell, in whatever window of rows, gets the same number, and the numbers add
 * up to the known sizes. That they follow the right law is uniformity.test.ts's matter, the law of one draw
 * hypergeometric.test.ts's.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CountTable } from '../../src/shuffle/countTable.js';
import type { RowCounts } from '../../src/shuffle/countTable.js';
import { blockCount, isLeaf, recordsBefore, shardChildren } from '../../src/shuffle/shape.js';
import type { Shape, ShardNode } from '../../src/shuffle/shape.js';

const shapes: Shape[] = [
  { rows: 1, blockRows: 1, shards: 1 },
  { rows: 1, blockRows: 10, shards: 1 },
  { rows: 100, blockRows: 200, shards: 7 },
  { rows: 100, blockRows: 3, shards: 1 },
  { rows: 64, blockRows: 4, shards: 16 },
  { rows: 1000, blockRows: 37, shards: 5 },
  { rows: 97, blockRows: 33, shards: 97 },
  { rows: 5000, blockRows: 1000, shards: 100 },
  { rows: 200, blockRows: 1, shards: 3 },
  { rows: 2000, blockRows: 1, shards: 3 },
  { rows: 1e12, blockRows: 3e10, shards: 11 },
];

const anyShape: fc.Arbitrary<Shape> = fc
  .tuple(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 60 }))
  .filter(([rows, blockRows]) => rows / blockRows <= 150)
  .map(([rows, blockRows, shards]) => ({ rows, blockRows, shards: Math.min(shards, rows) }));

describe('CountTable', () => {
  it('adds up to the sizes of all row nodes and all shard ranges', () => {
    for (const shape of shapes) checkMargins(shape, 'margins');
    fc.assert(
      fc.property(anyShape, fc.string(), (shape, seed) => checkMargins(shape, seed)),
      { seed: 1, numRuns: 60 },
    );
  });

  it('gives every cell alike in the view of a few rows and in the view of all', () => {
    const window = fc.tuple(fc.nat(), fc.nat(), fc.nat(9));
    const check = (shape: Shape, seed: string, [a, b, floor]: [number, number, number]): void => {
      const blocks = blockCount(shape);
      const first = a % blocks;
      checkWindow(shape, seed, first, first + 1 + (b % (blocks - first)), floor);
    };
    for (const shape of shapes) {
      const blocks = blockCount(shape);
      for (let block = 0; block < blocks; block += 3) checkWindow(shape, 'row', block, block + 1, 0);
      checkWindow(shape, 'row', 0, blocks, 2);
    }
    fc.assert(fc.property(anyShape, fc.string(), window, check), { seed: 2, numRuns: 200 });
  });

  it('sums the counts of a range of blocks', () => {
    const shape = { rows: 995, blockRows: 10, shards: 1 };
    const { counts } = new CountTable(shape, 'sum').root(16, 100, 3);
    assert.equal(counts.sum(16, 24), 80);
    assert.equal(counts.sum(24, 100), 995 - 240);
    assert.equal(counts.sum(16, 16), 0);
  });

  it('depends on the seed', () => {
    const shape = { rows: 1000, blockRows: 100, shards: 8 };
    const cells = (seed: string): number[] => [...allCells(shape, seed).values()];
    assert.deepEqual(cells('a'), cells('a'));
    assert.notDeepEqual(cells('a'), cells('b'));
  });
});

/** t(R, C) of all cells that a view holds, by `node level index`. */
function cellsOf(table: CountTable, first: number, end: number, floor: number): Map<string, number> {
  const cells = new Map<string, number>();
  const visit = (node: ShardNode, counts: RowCounts): void => {
    for (let level = counts.floor; level <= table.height; level++) {
      const span = counts.span(level);
      for (let index = span.first; index < span.end; index++) {
        cells.set(`${node.heap} ${level} ${index}`, counts.get(level, index));
      }
    }
    if (isLeaf(node)) return;
    const [left, right] = table.split(node, counts);
    const [leftNode, rightNode] = shardChildren(node);
    visit(leftNode, left);
    visit(rightNode, right);
  };
  const root = table.root(first, end, floor);
  visit(root.node, root.counts);
  return cells;
}

function allCells(shape: Shape, seed: string): Map<string, number> {
  return cellsOf(new CountTable(shape, seed), 0, blockCount(shape), 0);
}

function checkWindow(shape: Shape, seed: string, first: number, end: number, floor: number): void {
  const all = allCells(shape, seed);
  const some = cellsOf(new CountTable(shape, seed), first, end, floor);
  let height = 0;
  while (2 ** height < blockCount(shape)) height++;
  let checked = 0;
  for (const [cell, count] of some) {
    assert.equal(count, all.get(cell), `cell ${cell} of blocks ${first} to ${end} from level ${floor}`);
    checked++;
  }
  // The root of the shard tree alone has a cell for every level that the window keeps.
  assert.ok(checked > height - Math.min(floor, height));
  // And every cell of all rows that lies in the window is there.
  for (const cell of all.keys()) {
    const [, level, index] = cell.split(' ').map(Number) as [number, number, number];
    const inside = level >= floor && index * 2 ** level < end && (index + 1) * 2 ** level > first;
    if (inside) assert.ok(some.has(cell), `cell ${cell} is missing in blocks ${first} to ${end} from level ${floor}`);
  }
}

function checkMargins(shape: Shape, seed: string): void {
  const cells = allCells(shape, seed);
  const blocks = blockCount(shape);
  let height = 0;
  while (2 ** height < blocks) height++;
  const rowNode = (level: number, index: number): number => {
    const before = (block: number): number => Math.min(block * shape.blockRows, shape.rows);
    return before((index + 1) * 2 ** level) - before(index * 2 ** level);
  };
  const visit = (first: number, end: number, depth: number, heap: number): void => {
    const floor = Math.max(0, Math.min(depth - 1, height));
    const column = recordsBefore(shape, end) - recordsBefore(shape, first);
    assert.equal(cells.get(`${heap} ${height} 0`), column, `column ${heap}`);
    for (let level = floor; level <= height; level++) {
      for (let index = 0; index * 2 ** level < blocks; index++) {
        const count = cells.get(`${heap} ${level} ${index}`)!;
        assert.ok(Number.isSafeInteger(count) && count >= 0 && count <= Math.min(column, rowNode(level, index)));
        if (heap === 1) assert.equal(count, rowNode(level, index));
        if (level === floor) continue;
        const lower = cells.get(`${heap} ${level - 1} ${2 * index}`)!;
        const upper = cells.get(`${heap} ${level - 1} ${2 * index + 1}`) ?? 0;
        assert.equal(lower + upper, count, `rows of ${heap} at level ${level}, ${index}`);
      }
    }
    if (end - first === 1) return;
    for (let level = Math.min(depth, height); level <= height; level++) {
      for (let index = 0; index * 2 ** level < blocks; index++) {
        const [left, right] = [2 * heap, 2 * heap + 1].map((child) => cells.get(`${child} ${level} ${index}`)!);
        assert.equal(left! + right!, cells.get(`${heap} ${level} ${index}`), `children of ${heap}`);
      }
    }
    const middle = Math.floor((first + end) / 2);
    visit(first, middle, depth + 1, 2 * heap);
    visit(middle, end, depth + 1, 2 * heap + 1);
  };
  visit(0, shape.shards, 0, 1);
}
