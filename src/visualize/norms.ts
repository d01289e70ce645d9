import { binEdge, binOf } from '../features/bins.js';

/** A norm is extreme above so many times the median. */
const extreme = 5;

/** Of more rows than this the norms of one in eight are looked at, wherever it stands in its context. */
const mostRows = 65_536;

/** Whether the norm of a row is looked at. @param rows of the dump */
export function looksAt(row: number, rows: number): boolean {
  return rows <= mostRows || Math.imul(row, 0x9e3779b1) >>> 29 === 0;
}

/** All bins of float32. */
const bins = 2048;

/** Bytes of `NormHistogram.bytes`. */
export const normHistogramBytes = 4 * bins + 8;

/** Norms of rows, counted by the bins of activations; their largest one exactly. */
export class NormHistogram {
  private readonly counts = new Uint32Array(bins);
  private largest = 0;

  static of(bytes: Uint8Array): NormHistogram {
    const histogram = new NormHistogram();
    const copy = bytes.slice();
    histogram.largest = new Float64Array(copy.buffer, 0, 1)[0]!;
    histogram.counts.set(new Uint32Array(copy.buffer, 8, bins));
    return histogram;
  }

  get bytes(): Uint8Array {
    const bytes = new Uint8Array(normHistogramBytes);
    new Float64Array(bytes.buffer, 0, 1)[0] = this.largest;
    new Uint32Array(bytes.buffer, 8, bins).set(this.counts);
    return bytes;
  }

  add(norm: number): void {
    this.counts[norm > 0 ? binOf(norm) : 0]!++;
    this.largest = Math.max(this.largest, norm);
  }

  unite({ counts, largest }: NormHistogram): void {
    counts.forEach((count, bin) => (this.counts[bin]! += count));
    this.largest = Math.max(this.largest, largest);
  }

  /** What people should know of tokens whose norm is extreme; undefined where there are none. */
  warning(): string | undefined {
    const total = this.counts.reduce((sum, count) => sum + count, 0);
    let below = 0;
    const middle = this.counts.findIndex((count) => (below += count) * 2 >= total);
    const limit = extreme * binEdge(middle);
    const above = this.counts.reduce((sum, count, bin) => sum + (binEdge(bin) >= limit ? count : 0), 0);
    if (total === 0 || above === 0 || limit === 0) return undefined;
    return (
      `${above} of ${total} tokens that were looked at have an activation whose norm is more than ${extreme} times the usual ${binEdge(middle)} ` +
      `(up to ${Math.round(this.largest)}): they may rule the top examples. exclude.normAbove leaves them out.`
    );
  }
}
