import assert from 'node:assert/strict';
import { drawBound, uniformityBound } from '../../src/shuffle/uniformityBound.js';

/** Output shards of 512 MiB of records of 1032 bytes, as the design's figure has them. */
const SHARD_ROWS = Math.floor(536870912 / 1032);

describe('uniformityBound', () => {
  it('is below 1e-3 at 100 TB of 1 KiB records', () => {
    assert.ok(boundOf(1e11) < 1e-3);
  });

  it('rises with the number of rows and never exceeds 1', () => {
    let previous = 0;
    for (let rows = 1e4; rows <= 1e15; rows *= 3) {
      const bound = boundOf(rows);
      assert.ok(bound >= previous && bound <= 1, `${rows}: ${bound} after ${previous}`);
      previous = bound;
    }
    assert.equal(boundOf(1e15), 1);
  });

  it('is zero where nothing is drawn: one shard or one block', () => {
    assert.equal(uniformityBound(1e6, 256, 1), 0);
    assert.equal(uniformityBound(256, 256, 8), 0);
  });

  it('is the sum over all draws of the trees', () => {
    for (const [rows, blockRows, shards] of [
      [65536, 64, 16],
      [65536, 16, 64],
      [50_000, 7, 37],
      [33_000, 8, 33],
      [1000, 1, 3],
    ] as const) {
      const sum = sumOverTrees(rows, blockRows, shards);
      const bound = uniformityBound(rows, blockRows, shards);
      assert.ok(bound >= sum && bound <= 1.05 * sum, `${rows}, ${blockRows}, ${shards}: ${bound} for ${sum}`);
    }
  });

  it('refuses what is no layout', () => {
    const layouts: [number, number, number][] = [
      [0, 1, 1],
      [10, 0, 1],
      [10, 1, 0],
      [10, 1.5, 1],
      [NaN, 1, 1],
    ];
    for (const layout of layouts) {
      assert.throws(() => uniformityBound(...layout), RangeError);
    }
  });
});

function boundOf(rows: number): number {
  return uniformityBound(rows, 256, Math.ceil(rows / SHARD_ROWS));
}

/** Walks both trees as design §3.2 describes them and adds the bound of every draw at its expected population. */
function sumOverTrees(rows: number, blockRows: number, shards: number): number {
  const blocks = Math.ceil(rows / blockRows);
  const recordsBefore = (shard: number): number => Math.floor((shard * rows) / shards);
  let height = 0;
  while (2 ** height < blocks) height++;
  let sum = 0;
  const splitColumns = (first: number, end: number, depth: number): void => {
    if (end - first < 2) return;
    const share = (recordsBefore(end) - recordsBefore(first)) / rows;
    const splitRows = (level: number, index: number): void => {
      if (level <= depth) return;
      const firstBlock = index * 2 ** level;
      const middle = firstBlock + 2 ** (level - 1);
      splitRows(level - 1, 2 * index);
      if (middle >= blocks) return;
      splitRows(level - 1, 2 * index + 1);
      const records = Math.min(rows, (firstBlock + 2 ** level) * blockRows) - firstBlock * blockRows;
      sum += drawBound(Math.sqrt(records * share + 2) / 4);
    };
    splitRows(height, 0);
    const middle = Math.floor((first + end) / 2);
    splitColumns(first, middle, depth + 1);
    splitColumns(middle, end, depth + 1);
  };
  splitColumns(0, shards, 0);
  return sum;
}
