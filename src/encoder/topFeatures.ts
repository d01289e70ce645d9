import type { Kernels } from '../memory/kernels.js';
import type { WorkMemory } from '../memory/workMemory.js';
import type { EncodedSae } from './weights.js';

/** The features of topk and groupmax encoders compete in groups: of each, `kept` may fire on a row. */
export interface Groups {
  readonly groups: number;
  readonly groupSize: number;
  readonly kept: number;
}

/** topk keeps the k largest of all features, groupmax the largest of each of k groups of neighbours. */
export function groupsOf({ architecture, features, k }: EncodedSae): Groups {
  if (k === undefined) throw new RangeError(`${architecture} needs k`);
  return architecture === 'groupmax'
    ? { groups: k, groupSize: features / k, kept: 1 }
    : { groups: 1, groupSize: features, kept: Math.min(k, features) };
}

/** Bytes of a cut-off: the smallest value that is kept (float32), and the last feature that is kept with it (u32). */
export const cutoffBytes = 8;

/**
 * The largest features of the rows of a batch, collected from products of all features, in any order. What remains of
 * them is a cut-off for each row and group: a feature fires iff its value p > 0 and p > the cut-off's, or p equals it and
 * its index is at most the cut-off's. Of equal values the lower features are kept.
 */
export class TopFeatures {
  private readonly groups: Groups;
  private readonly lists: number;
  private readonly sizes: number;
  private readonly heaps: number;
  private readonly cutoffs: number;

  /** Takes `topFeatureBytes` of `memory`, in one piece. */
  constructor(
    private readonly memory: WorkMemory,
    sae: EncodedSae,
    readonly rows: number,
  ) {
    this.groups = groupsOf(sae);
    this.lists = rows * this.groups.groups;
    this.heaps = memory.take(topFeatureBytes(sae, rows));
    this.cutoffs = this.heaps + this.lists * this.groups.kept * cutoffBytes;
    this.sizes = this.cutoffs + this.lists * cutoffBytes;
    this.clear();
  }

  /** Forgets all features: the next batch may begin. */
  clear(): void {
    this.memory.view(this.sizes, 4 * this.lists).fill(0);
  }

  /**
   * Takes columns of a product in (assembly/topFeatures.ts). All addresses lie in this one's bank.
   * @param stride bytes from row to row
   * @param feature the first column's
   * @param rows the product's, `first` is its place in the batch
   * @returns the first value that is not finite: its row in the product, and its column
   */
  offer(
    product: number,
    stride: number,
    width: number,
    feature: number,
    { first, count, excluded }: { first: number; count: number; excluded: number | undefined },
    bias: number,
    norm: number,
  ): { row: number; column: number } | undefined {
    const { groups, groupSize, kept } = this.groups;
    const list = first * groups;
    const excludedRows = excluded === undefined ? [] : [excluded + first];
    const broken = this.kernels(product, bias, norm, ...excludedRows).offerTop(
      inBank(product),
      stride,
      width,
      feature,
      count,
      inBank(excludedRows[0] ?? 0),
      inBank(bias),
      inBank(norm),
      groupSize,
      groups,
      kept,
      inBank(this.sizes + 4 * list),
      inBank(this.heaps + cutoffBytes * list * kept),
    );
    return broken < 0 ? undefined : { row: Math.floor(broken / 2 ** 32), column: broken % 2 ** 32 };
  }

  /** The cut-offs (float32 value, u32 index) [rows, groups] of all that was taken in; a view, void like others. */
  finish(): Uint8Array {
    const kernels = this.kernels();
    kernels.cutoffsOfTop(this.lists, this.groups.kept, inBank(this.sizes), inBank(this.heaps), inBank(this.cutoffs));
    return this.memory.view(this.cutoffs, cutoffBytes * this.lists);
  }

  /** Takes cut-offs as `finish` gave them, perhaps elsewhere, in place of features. */
  restore(cutoffs: Uint8Array): void {
    if (cutoffs.length !== cutoffBytes * this.lists) {
      throw new RangeError(`${cutoffs.length} bytes of cut-offs for ${this.rows} rows`);
    }
    this.memory.view(this.cutoffs, cutoffs.length).set(cutoffs);
  }

  /**
   * Address of the cut-offs of the rows from `row` on.
   * @throws RangeError unless they lie in the bank of `address`
   */
  cutoffsAt(row: number, address: number): number {
    this.kernels(address);
    return this.cutoffs + cutoffBytes * row * this.groups.groups;
  }

  private kernels(...addresses: readonly number[]): Kernels {
    return this.memory.kernelsAt(this.heaps, ...addresses);
  }
}

/** Bytes of work memory. */
export function topFeatureBytes(sae: EncodedSae, rows: number): number {
  const { groups, kept } = groupsOf(sae);
  return rows * groups * (kept * cutoffBytes + cutoffBytes + 4);
}

function inBank(address: number): number {
  return address % 2 ** 32;
}
