import { CellDraws, cellDoubles } from './cellDraws.js';
import { recordsBefore, rowsBefore, rowTreeHeight, shardRoot } from './shape.js';
import type { ShardNode, Shape } from './shape.js';

/**
 * How many records of a shard node lie in each row node of a window of blocks: t(R, C) for one C and all R at levels
 * `floor` to the root's that touch the blocks [firstBlock, endBlock).
 */
export class RowCounts {
  private readonly levels: Float64Array[] = [];
  private readonly firsts: number[] = [];

  constructor(
    readonly firstBlock: number,
    readonly endBlock: number,
    readonly floor: number,
    readonly top: number,
  ) {
    for (let level = floor; level <= top; level++) {
      const first = Math.floor(firstBlock / 2 ** level);
      this.firsts.push(first);
      this.levels.push(new Float64Array(Math.ceil(endBlock / 2 ** level) - first));
    }
  }

  /** Indices [first, end) of the row nodes of a level that the window touches. */
  span(level: number): { first: number; end: number } {
    const first = this.firsts[level - this.floor]!;
    return { first, end: first + this.levels[level - this.floor]!.length };
  }

  has(level: number, index: number): boolean {
    const { first, end } = this.span(level);
    return index >= first && index < end;
  }

  get(level: number, index: number): number {
    return this.levels[level - this.floor]![index - this.firsts[level - this.floor]!]!;
  }

  set(level: number, index: number, count: number): void {
    this.levels[level - this.floor]![index - this.firsts[level - this.floor]!] = count;
  }

  /**
   * Records in the blocks [first, end) of the window, which must be whole row nodes of the lowest level (or end with
   * the data).
   */
  sum(first: number, end: number): number {
    const size = 2 ** this.floor;
    const last = Math.ceil(end / size);
    let total = 0;
    for (let index = Math.floor(first / size); index < last; index++) total += this.get(this.floor, index);
    return total;
  }
}

/**
 * The table of a uniform permutation: t(R, C), the number of records of row node R that end in the shards of node C,
 * drawn from the seed wherever it is asked for. Every cell is a function of (seed, shape, R, C) alone, so the row view
 * of a writer and the column view of a reader agree.
 */
export class CountTable {
  private readonly draws: CellDraws;
  /** Level of the row tree's root. */
  readonly height: number;

  constructor(
    readonly shape: Shape,
    seed: string,
  ) {
    this.draws = new CellDraws(seed);
    this.height = rowTreeHeight(shape);
  }

  /**
   * Counts of the whole shard tree's root: the sizes of the row nodes.
   * @param floor lowest level to keep; clipped to the root's
   */
  root(firstBlock: number, endBlock: number, floor: number): { node: ShardNode; counts: RowCounts } {
    const counts = new RowCounts(firstBlock, endBlock, Math.min(floor, this.height), this.height);
    for (let level = counts.floor; level <= this.height; level++) {
      const { first, end } = counts.span(level);
      for (let index = first; index < end; index++) {
        const size = rowsBefore(this.shape, (index + 1) * 2 ** level) - rowsBefore(this.shape, index * 2 ** level);
        counts.set(level, index, size);
      }
    }
    return { node: shardRoot(this.shape), counts };
  }

  /**
   * Draws the split of a node at depth d down the row tree, as far as runs of 2^d blocks (or the level that `counts`
   * ends at, where that is higher).
   * @returns the counts of the left and of the right child
   */
  split(node: ShardNode, counts: RowCounts): [RowCounts, RowCounts] {
    const floor = Math.max(counts.floor, Math.min(node.depth, this.height));
    const left = new RowCounts(counts.firstBlock, counts.endBlock, floor, this.height);
    const right = new RowCounts(counts.firstBlock, counts.endBlock, floor, this.height);
    const middle = Math.floor((node.first + node.end) / 2);
    left.set(this.height, 0, recordsBefore(this.shape, middle) - recordsBefore(this.shape, node.first));
    for (let level = this.height; level > floor; level--) this.drawLevel(node, counts, left, level);
    for (let level = floor; level <= this.height; level++) {
      const { first, end } = counts.span(level);
      for (let index = first; index < end; index++) {
        right.set(level, index, counts.get(level, index) - left.get(level, index));
      }
    }
    return [left, right];
  }

  /**
   * Shares out each row node of `level` to its two children. Where there is only one (the data's end), it gets all: no
   * item is bad then.
   */
  private drawLevel(node: ShardNode, counts: RowCounts, left: RowCounts, level: number): void {
    const { cells } = this.draws;
    const { first, end } = left.span(level);
    for (let start = first, count; start < end; start += count) {
      count = this.draws.batch(start, end - start);
      for (let i = 0; i < count; i++) {
        const index = start + i;
        const total = counts.get(level, index);
        const good = counts.has(level - 1, 2 * index)
          ? counts.get(level - 1, 2 * index)
          : total - counts.get(level - 1, 2 * index + 1);
        cells[i * cellDoubles] = good;
        cells[i * cellDoubles + 1] = total - good;
        cells[i * cellDoubles + 2] = left.get(level, index);
      }
      this.draws.draw(level, start, node.heap, count);
      for (let i = 0; i < count; i++) {
        const lower = 2 * (start + i);
        const drawn = cells[i * cellDoubles]!;
        if (left.has(level - 1, lower)) left.set(level - 1, lower, drawn);
        if (left.has(level - 1, lower + 1)) left.set(level - 1, lower + 1, cells[i * cellDoubles + 2]! - drawn);
      }
    }
  }
}
