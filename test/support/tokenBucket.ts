/** A limit of so many requests per second; a tenth of a second's worth may come at once. */
export class TokenBucket {
  accepted = 0;
  refused = 0;
  #tokens: number;
  #last: number;

  /** @param now milliseconds */
  constructor(
    readonly perSecond: number,
    now: number,
  ) {
    this.#tokens = this.capacity;
    this.#last = now;
  }

  get capacity(): number {
    return Math.max(1, this.perSecond / 10);
  }

  /** Whether the request that comes now may pass. @param now milliseconds, not before the last request's */
  take(now: number): boolean {
    this.#tokens = Math.min(this.capacity, this.#tokens + ((now - this.#last) / 1000) * this.perSecond);
    this.#last = now;
    if (this.#tokens < 1) {
      this.refused++;
      return false;
    }
    this.#tokens--;
    this.accepted++;
    return true;
  }
}
