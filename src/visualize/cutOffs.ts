import { cutoffBytes, groupsOf, TopFeatures } from '../encoder/topFeatures.js';
import { shardRows } from './cut.js';
import { passes, type VisualizeRun } from './run.js';
import { readSection } from './sections.js';
import type { StageContext } from './taskContext.js';

/** Bytes of the cut-offs of a row. */
export function rowCutOffBytes(run: VisualizeRun): number {
  return cutoffBytes * groupsOf(run.layout.sae).groups;
}

/** The cut-offs of rows, as the pass before stage 1 found them; only SAEs whose features compete have them. */
export class CutOffs {
  private shard = -1;
  private held: Uint8Array = new Uint8Array(0);
  private heldFirst = 0;

  private constructor(
    private readonly context: StageContext,
    private readonly top: TopFeatures | undefined,
  ) {}

  /** Takes work memory for batches of `rows`. */
  static open(context: StageContext, rows: number): CutOffs {
    return new CutOffs(context, new TopFeatures(context.memory, context.run.layout.sae, rows));
  }

  /** For bytes only. */
  static reader(context: StageContext): CutOffs {
    return new CutOffs(context, undefined);
  }

  /** The cut-offs of rows [first, first + count), for an encoder. */
  async of(first: number, count: number): Promise<TopFeatures> {
    return this.from(await this.bytes(first, count), 0, count);
  }

  /** Likewise of `count` rows of some that are at hand, from the row `at` on. */
  from(bytes: Uint8Array, at: number, count: number): TopFeatures {
    const { top, context } = this;
    if (!top) throw new RangeError('opened for bytes only');
    const width = rowCutOffBytes(context.run);
    const all = new Uint8Array(top.rows * width);
    all.set(bytes.subarray(at * width, (at + count) * width));
    top.restore(all);
    return top;
  }

  /** Their bytes, row after row. */
  async bytes(first: number, count: number): Promise<Uint8Array> {
    const bytes = rowCutOffBytes(this.context.run);
    const found = new Uint8Array(count * bytes);
    for (let row = first; row < first + count;) {
      await this.hold(row);
      const start = (row - this.heldFirst) * bytes;
      const piece = this.held.subarray(start, start + (first + count - row) * bytes);
      found.set(piece, (row - first) * bytes);
      row += piece.length / bytes;
    }
    return found;
  }

  /** Reads the cut-offs of the token shard of a row. */
  private async hold(row: number): Promise<void> {
    const { run, store, signal } = this.context;
    const { tokenShards } = run.plan;
    const shard = Array.from({ length: tokenShards }, (_, index) => index).findIndex(
      (index) => row < shardRows(run.sources.rows, tokenShards, index).end,
    );
    if (shard === this.shard) return;
    const { first, end } = shardRows(run.sources.rows, tokenShards, shard);
    const bytes = (end - first) * rowCutOffBytes(run);
    this.held = await readSection(store, run, { pass: passes.cutOff, task: shard, section: 0 }, 0, bytes, signal);
    this.heldFirst = first;
    this.shard = shard;
  }
}
