/** Browsers make no element much higher: Firefox stops below 18 million pixels. */
export const mostPixels = 15_000_000;

/**
 * Scrolling over more rows than an element can be high. Small steps move the rows pixel by pixel, long ones (a drag of the
 * scroll bar) in proportion; when scrolling rests, `settle` brings the scroll bar to where the rows are.
 */
export class VirtualScroll {
  /** Pixels between the first row's top and the top of the view: what is shown. */
  top = 0;
  /** The scroll bar's position that belongs to it. */
  #position = 0;

  /**
   * @param rows how many
   * @param rowHeight pixels
   * @param viewHeight pixels in which rows are seen
   */
  constructor(
    readonly rows: number,
    readonly rowHeight: number,
    readonly viewHeight: number,
  ) {}

  /** Height of the scrolled element. */
  get height(): number {
    return Math.min(mostPixels, this.rows * this.rowHeight);
  }

  /** The first row of which something is seen, and the row after the last one. */
  get range(): { readonly first: number; readonly end: number } {
    const first = Math.floor(this.top / this.rowHeight);
    return { first, end: Math.min(this.rows, Math.ceil((this.top + this.viewHeight) / this.rowHeight)) };
  }

  /** Follows the scroll bar to a position. */
  follow(position: number): void {
    const step = position - this.#position;
    const ends = position <= 0 || position >= this.#lastPosition;
    const far = Math.abs(step) > this.viewHeight;
    this.top = this.#clamp(ends || far ? position * this.#ratio : this.top + step);
    this.#position = position;
  }

  /** Shows what is so many pixels below the first row's top, as far as there are rows. */
  show(top: number): void {
    this.top = this.#clamp(top);
  }

  /** Where the scroll bar belongs for what is shown; follow() then changes nothing. */
  settle(): number {
    this.#position = this.#ratio === 0 ? 0 : Math.round(this.top / this.#ratio);
    return this.#position;
  }

  /** Shows a row whole, with as little movement as possible. @returns the scroll bar's position for it */
  reveal(row: number): number {
    const top = row * this.rowHeight;
    if (top < this.top) this.show(top);
    else if (top + this.rowHeight > this.top + this.viewHeight) this.show(top + this.rowHeight - this.viewHeight);
    return this.settle();
  }

  get #lastTop(): number {
    return Math.max(0, this.rows * this.rowHeight - this.viewHeight);
  }

  get #lastPosition(): number {
    return Math.max(0, this.height - this.viewHeight);
  }

  /** Rows' pixels for one of the scroll bar. */
  get #ratio(): number {
    return this.#lastPosition === 0 ? 0 : this.#lastTop / this.#lastPosition;
  }

  #clamp(top: number): number {
    return Math.min(this.#lastTop, Math.max(0, top));
  }
}
