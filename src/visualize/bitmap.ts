/** A set of rows [first, first + rows) as one bit a row, the lowest bit of the first byte first. */
export class Bitmap {
  constructor(
    readonly first: number,
    readonly rows: number,
    readonly bytes: Uint8Array = new Uint8Array(bitmapBytes(rows)),
  ) {
    if (bytes.length !== bitmapBytes(rows)) throw new RangeError(`${bytes.length} bytes for ${rows} rows`);
  }

  get end(): number {
    return this.first + this.rows;
  }

  /** Rows outside are left out. */
  add(row: number): void {
    const index = row - this.first;
    if (index >= 0 && index < this.rows) this.bytes[index >>> 3]! |= 1 << (index & 7);
  }

  has(row: number): boolean {
    const index = row - this.first;
    return index >= 0 && index < this.rows && ((this.bytes[index >>> 3]! >>> (index & 7)) & 1) === 1;
  }

  /** Adds the rows of another set of the same range. */
  unite(other: Uint8Array): void {
    for (let i = 0; i < this.bytes.length; i++) this.bytes[i]! |= other[i]!;
  }

  /** Its rows, ascending. */
  *members(): Generator<number, void> {
    for (let byte = 0; byte < this.bytes.length; byte++) {
      if (this.bytes[byte] === 0) continue;
      for (let row = this.first + 8 * byte; row < this.first + 8 * byte + 8; row++) if (this.has(row)) yield row;
    }
  }

  /** How many rows it has. */
  count(): number {
    let count = 0;
    for (let byte of this.bytes) for (; byte !== 0; byte &= byte - 1) count++;
    return count;
  }
}

export function bitmapBytes(rows: number): number {
  return Math.ceil(rows / 8);
}
