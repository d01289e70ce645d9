import { ActivationsNotFinite, ValueUnusable } from '../errors.js';
import { nonFiniteRows, readActivations, rowNorms } from '../dump/activationRows.js';
import { checkReadingOrder, checkTokenIds, readTokenRows, type TokenRows } from '../dump/tokenRows.js';
import type { Tokenizer } from '../tokens/tokenizer.js';
import type { StageContext } from './taskContext.js';

/** Rows that named in an error about activations that are not finite. */
const namedRows = 10;
/** Keys of rows are kept in 32 bits. */
const keyLimit = 2 ** 32;

/** Which tokens are left out by what they are and where they stand. */
export class Exclusion {
  private readonly positions: ReadonlySet<number>;
  private readonly tokens: ReadonlySet<number>;
  private readonly normAbove: number | undefined;

  constructor({ run }: Pick<StageContext, 'run'>, tokenizer: Tokenizer) {
    const { positions, tokens, normAbove } = run.layout.settings.exclude;
    this.positions = new Set(positions);
    this.tokens = tokens === 'special' ? tokenizer.specialIds : new Set(tokens);
    this.normAbove = normAbove;
  }

  /**
   * Marks the rows that count for nothing.
   * @param activations of the rows, as they are stored
   * @returns a byte a row, 1 where it is excluded
   * @throws ActivationsNotFinite unless such rows are to be excluded
   */
  mark({ run, dump }: StageContext, rows: TokenRows, activations: Uint8Array): Uint8Array {
    const excluded = new Uint8Array(rows.tokens.length);
    const stored = { bytes: activations, dtype: dump.dtype, width: dump.width };
    const bad = nonFiniteRows(stored);
    if (bad.length > 0 && run.layout.settings.nonFinite === 'error') throw notFinite(dump.where, rows, bad);
    for (const row of bad) excluded[row] = 1;
    for (let i = 0; i < excluded.length; i++) {
      if (this.tokens.has(rows.tokens[i]!) || this.positions.has(rows.position?.[i] ?? -1)) excluded[i] = 1;
    }
    if (this.normAbove !== undefined) {
      const limit = this.normAbove;
      rowNorms(stored).forEach((norm, i) => norm > limit && (excluded[i] = 1));
    }
    return excluded;
  }
}
