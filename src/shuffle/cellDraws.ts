import { bindKernels } from '../memory/kernels.js';
import type { Kernels } from '../memory/kernels.js';
import { blockWords, Domain, kernelWords, masterKey, nonceWords, setKey, streamRounds } from './random.js';

/** Cells that are drawn by one call of the kernel. */
const batchCells = 256;

/** Doubles of a cell: good, bad, draws. */
export const cellDoubles = 3;

/**
 * Draws cells of the table, the cells of successive row nodes together. The sampler itself is a kernel
 * (assembly/hypergeometric.ts).
 */
export class CellDraws {
  /** Good, bad and draws of each cell, integers ≥ 0 with good + bad ≤ 2^53 − 1; a drawn number takes the place of good. */
  readonly cells: Float64Array;
  private readonly state: Uint32Array;
  private readonly kernels: Kernels;
  private readonly addresses: { readonly state: number; readonly blocks: number; readonly cells: number };

  constructor(seed: string) {
    const memory = new WebAssembly.Memory({ initial: 1 });
    this.kernels = bindKernels(memory);
    const state = this.kernels.firstFree();
    const blocks = state + 4 * blockWords;
    this.addresses = { state, blocks, cells: blocks + 4 * kernelWords };
    this.state = new Uint32Array(memory.buffer, state, blockWords);
    this.cells = new Float64Array(memory.buffer, this.addresses.cells, batchCells * cellDoubles);
    setKey(this.state, masterKey(seed));
  }

  /** How many cells, at most `wanted`, can be drawn together from a row node on: their streams differ in one word. */
  batch(firstRow: number, wanted: number): number {
    return Math.min(wanted, batchCells, 2 ** 32 - (firstRow % 2 ** 32));
  }

  /**
   * Draws the first `count` of `cells`, each with its own stream.
   * @param firstRow row node of the first cell; those of the others follow
   */
  draw(rowLevel: number, firstRow: number, shardNode: number, count: number): void {
    this.state[12] = 0;
    this.state.set(nonceWords(Domain.table, rowLevel, firstRow, shardNode), 13);
    const { state, blocks, cells } = this.addresses;
    this.kernels.drawCells(state, streamRounds, cells, count, blocks);
  }
}
