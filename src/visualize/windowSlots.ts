import type { FeatureSelection } from '../features/select.js';
import type { GatheredRows } from './gathered.js';
import { textOf, type Window } from './windows.js';

/** What a row says of its place; null for columns that the dump lacks. */
export interface RowPlace {
  readonly context: number | null;
  readonly position: number | null;
  readonly document: number | null;
}

/** A window as pages show it. */
export interface ShownWindow extends RowPlace {
  /** Index of the focus in the lists. */
  readonly focus: number;
  readonly ids: readonly number[];
  /** Activations; null where the token is excluded. */
  readonly values: readonly (number | null)[];
}

/**
 * The windows of all examples of some features: `before` + 1 + `after` slots each, which are filled row by row, in any
 * order. A slot that stays empty is not part of its window's text.
 */
export class WindowSlots {
  private readonly width: number;
  /** Focus rows of each feature, ascending, and where their windows begin. */
  private readonly focuses: readonly Float64Array[];
  private readonly starts: readonly number[];
  /** All windows by focus row. */
  private readonly order: Uint32Array;
  private readonly rows: Float64Array;
  private readonly filled: Uint8Array;
  private readonly ids: Int32Array;
  private readonly excluded: Uint8Array;
  private readonly values: Float32Array;
  private readonly texts: Float64Array;
  private readonly places: (RowPlace | undefined)[];

  constructor(
    selections: readonly FeatureSelection[],
    private readonly window: Window,
  ) {
    this.width = window.before + 1 + window.after;
    this.focuses = selections.map(({ groups }) =>
      Float64Array.from(new Set(groups.flatMap(({ examples }) => examples.map(({ row }) => row)))).sort(),
    );
    let windows = 0;
    this.starts = this.focuses.map((rows) => (windows += rows.length) - rows.length);
    this.rows = new Float64Array(windows);
    this.focuses.forEach((rows, index) => this.rows.set(rows, this.starts[index]));
    this.order = Uint32Array.from(this.rows.keys()).sort((a, b) => this.rows[a]! - this.rows[b]!);
    const slots = windows * this.width;
    this.filled = new Uint8Array(slots);
    this.ids = new Int32Array(slots);
    this.excluded = new Uint8Array(slots);
    this.values = new Float32Array(slots);
    this.texts = new Float64Array(slots);
    this.places = new Array<RowPlace | undefined>(windows);
  }

  /** Bytes of a window. */
  static bytes({ before, after }: Window): number {
    return (before + 1 + after) * 18 + 64;
  }

  /** Takes in what rows are, in every window that holds them. */
  addRows({ rows, tokens, excluded }: Pick<GatheredRows, 'rows' | 'tokens' | 'excluded'>): void {
    const { before, after } = this.window;
    const text = textOf(tokens);
    let next = 0;
    for (const [index, row] of rows.entries()) {
      while (next < this.order.length && this.rows[this.order[next]!]! < row - after) next++;
      for (let at = next; at < this.order.length && this.rows[this.order[at]!]! <= row + before; at++) {
        const window = this.order[at]!;
        const slot = window * this.width + row - this.rows[window]! + before;
        this.filled[slot] = 1;
        this.ids[slot] = tokens.tokens[index]!;
        this.excluded[slot] = excluded[index]!;
        this.texts[slot] = text?.[index] ?? 0;
        if (this.rows[window] !== row) continue;
        const { context, position, document } = tokens;
        const place = (values: Float64Array | null): number | null => values?.[index] ?? null;
        this.places[window] = { context: place(context), position: place(position), document: place(document) };
      }
    }
  }

  /** Takes in that a feature (its index among the selections) fires on a row. */
  addFiring(feature: number, row: number, value: number): void {
    const { before, after } = this.window;
    const focuses = this.focuses[feature]!;
    for (let at = firstAtLeast(focuses, row - after); at < focuses.length && focuses[at]! <= row + before; at++) {
      this.values[(this.starts[feature]! + at) * this.width + row - focuses[at]! + before] = value;
    }
  }

  /** The window of a feature at a focus row; undefined when its focus was never filled. */
  show(feature: number, row: number): ShownWindow | undefined {
    const focuses = this.focuses[feature]!;
    const window = this.starts[feature]! + firstAtLeast(focuses, row);
    const place = this.places[window];
    if (!place) return undefined;
    const start = window * this.width;
    const middle = start + this.window.before;
    const together = (slot: number, next: number): boolean =>
      next >= start && next < start + this.width && this.filled[next] === 1 && this.texts[slot] === this.texts[next];
    let [from, to] = [middle, middle];
    while (together(from, from - 1)) from--;
    while (together(to, to + 1)) to++;
    const slots = Array.from({ length: to - from + 1 }, (_, index) => from + index);
    return {
      ...place,
      focus: middle - from,
      ids: slots.map((slot) => this.ids[slot]!),
      values: slots.map((slot) => (this.excluded[slot] === 1 ? null : this.values[slot]!)),
    };
  }
}

/** Index of the first value that is not below `least`, in ascending values. */
function firstAtLeast(values: Float64Array, least: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
