import { RowsNotFinite } from '../errors.js';

/** Rows that an error names. */
const namedRows = 10;

/** Bytes of `BrokenRows.bytes`. */
export const brokenRowsBytes = 8 * (1 + namedRows);

/** Rows whose activations are infinite or not a number, where that is an error: how many there are, and the first ten. */
export class BrokenRows {
  private total = 0;
  private named: readonly number[] = [];

  static of(bytes: Uint8Array): BrokenRows {
    const [total = 0, ...named] = new Float64Array(bytes.slice().buffer);
    const rows = new BrokenRows();
    rows.total = total;
    rows.named = named.slice(0, total);
    return rows;
  }

  get any(): boolean {
    return this.total > 0;
  }

  /** The total, then the named rows (float64). */
  get bytes(): Uint8Array {
    const numbers = new Float64Array(1 + namedRows);
    numbers.set([this.total, ...this.named]);
    return new Uint8Array(numbers.buffer);
  }

  /** @param rows that come after all that are known */
  add(rows: readonly number[]): void {
    this.named = [...this.named, ...rows.slice(0, namedRows)].slice(0, namedRows);
    this.total += rows.length;
  }

  /** Takes in those of the rows that follow. */
  append({ total, named }: BrokenRows): void {
    this.add(named);
    this.total += total - named.length;
  }

  /** @param rows of the dump, `where` it lies */
  error(rows: number, where: string): RowsNotFinite {
    const { named, total } = this;
    return new RowsNotFinite(
      `${total} of the ${rows} rows of ${where} hold activations that are infinite or not a number: ${named.join(', ')}` +
        `${total > named.length ? ' …' : ''}. Write these activations anew, or leave such rows out with ` +
        '"nonFinite": "exclude".',
      { rows: named, total },
    );
  }
}
