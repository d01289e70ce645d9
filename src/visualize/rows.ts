import { forEachConcurrently } from '../concurrently.js';
import { nonFiniteRows, readActivations, rowNorms } from '../dump/activationRows.js';
import { checkReadingOrder, checkTokenIds, readTokenRows, type TokenRows } from '../dump/tokenRows.js';
import type { Tokenizer } from '../tokens/tokenizer.js';
import { looksAt, type NormHistogram } from './norms.js';
import type { StageContext } from './taskContext.js';

/** Consecutive rows of the dump, checked. */
export interface Rows {
  readonly tokens: TokenRows;
  /** As they are stored, `dump.rowBytes` each. */
  readonly activations: Uint8Array;
  /** A byte a row, 1 where it counts for nothing. */
  readonly excluded: Uint8Array;
  /** Rows, counted from the first, that hold infinities or NaN; they are excluded. */
  readonly broken: readonly number[];
  /** Runs [from, to) of rows that an encoder may see: all but the broken ones, which never fire. */
  readonly finite: readonly { readonly from: number; readonly to: number }[];
}

/** Reads rows and tells which are left out by what they are and where they stand. */
export class RowReader {
  private readonly positions: ReadonlySet<number>;
  private readonly excludedTokens: ReadonlySet<number>;

  constructor(
    private readonly context: StageContext,
    private readonly tokenizer: Tokenizer,
  ) {
    const { positions, tokens } = context.run.layout.settings.exclude;
    this.positions = new Set(positions);
    this.excludedTokens = tokens === 'special' ? tokenizer.specialIds : new Set(tokens);
  }

  /**
   * Reads rows [first, first + count).
   * @param activations memory for their activations
   * @throws NotInReadingOrder, TokenUnknown, ValueUnusable
   */
  async read(first: number, count: number, activations: Uint8Array): Promise<Rows> {
    const { store, dump, signal } = this.context;
    let tokens: TokenRows | undefined;
    const reads = [
      async (stop: AbortSignal) => void (tokens = await this.readTokens(first, count, stop)),
      (stop: AbortSignal) => readActivations(store, dump, first, count, activations, { signal: stop }),
    ];
    // When one fails the other must have ended, too: bytes that come later would fall into memory of the next task.
    await forEachConcurrently(reads, reads.length, signal, (read, stop) => read(stop));
    return this.judge(tokens!, activations);
  }

  /** Reads the activations of rows whose tokens are at hand. @param activations memory for them */
  async readActivations(tokens: TokenRows, activations: Uint8Array): Promise<Rows> {
    const { store, dump, signal } = this.context;
    await readActivations(store, dump, tokens.first, tokens.tokens.length, activations, { signal });
    return this.judge(tokens, activations);
  }

  /** Counts the norms of rows that count. */
  addNorms(norms: NormHistogram, { tokens, activations, excluded }: Rows): void {
    const { dtype, width, rowBytes, rows } = this.context.dump;
    for (let row = 0; row < excluded.length; row++) {
      if (excluded[row] === 1 || !looksAt(tokens.first + row, rows)) continue;
      const bytes = activations.subarray(row * rowBytes, (row + 1) * rowBytes);
      norms.add(rowNorms({ bytes, dtype, width })[0]!);
    }
  }

  /** The tokens alone. The row before the first is read, too: a context may begin before it. */
  async readTokens(first: number, count: number, signal = this.context.signal): Promise<TokenRows> {
    const { store, dump } = this.context;
    const before = first > 0 ? 1 : 0;
    const read = await readTokenRows(store, dump, first - before, count + before, { signal });
    checkReadingOrder(dump, read);
    const rest = (values: Float64Array | null): Float64Array | null => values && values.subarray(before);
    const tokens = {
      first,
      tokens: read.tokens.subarray(before),
      context: rest(read.context),
      position: rest(read.position),
      document: rest(read.document),
    };
    checkTokenIds(dump, tokens, this.tokenizer);
    return tokens;
  }

  /** Tells which rows are left out. */
  private judge(tokens: TokenRows, activations: Uint8Array): Rows {
    const { dump, run } = this.context;
    const stored = { bytes: activations, dtype: dump.dtype, width: dump.width };
    const broken = nonFiniteRows(stored);
    const excluded = this.mark(tokens);
    for (const row of broken) excluded[row] = 1;
    const limit = run.layout.settings.exclude.normAbove;
    if (limit !== undefined) rowNorms(stored).forEach((norm, row) => norm > limit && (excluded[row] = 1));
    return { tokens, activations, excluded, broken, finite: runsWithout(broken, excluded.length) };
  }

  /** Those that tokens and positions exclude. */
  private mark({ tokens, position }: TokenRows): Uint8Array {
    const excluded = new Uint8Array(tokens.length);
    for (let i = 0; i < excluded.length; i++) {
      if (this.excludedTokens.has(tokens[i]!) || (position && this.positions.has(position[i]!))) excluded[i] = 1;
    }
    return excluded;
  }
}

/** The runs of [0, count) between some rows, which ascend. */
function runsWithout(rows: readonly number[], count: number): { from: number; to: number }[] {
  return [-1, ...rows]
    .map((row, index) => ({ from: row + 1, to: rows[index] ?? count }))
    .filter(({ from, to }) => from < to);
}
