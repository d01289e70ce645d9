/** Requests per second at which a store that has just begun to throttle is tried: about what S3 allows a partition. */
const firstRate = 5_000;

/** Requests per second that no process reaches, so that pacing at this rate has no effect any more. */
const unboundRate = 10_000;

/** Requests per second that are tried in any case, to notice when the store recovers. */
const leastRate = 0.5;

/** Factor of a cut when the requests before had been accepted for long. */
const cut = 0.85;

/** A refusal among so few requests since the last cut says only that the rate is far too high, not what would be right. */
const uncertain = 8;

/** Which request this is: its number (from 1) since a cut. */
export interface Ticket {
  readonly cuts: number;
  readonly number: number;
}

/**
 * The rate at which one client sends requests to a store that throttles: additive increase, multiplicative decrease.
 * Clients do not know of each other. Refusals meet each in proportion to its rate, so that their shares converge.
 *
 * - A cut is made once per round trip: only a request sent after the last cut can cause the next one. The factor is
 *   0.85 k / (k + 1) when the k-th request since then is refused: deep while most are refused, near 0.85 otherwise.
 * - A rate below the one that last held is raised e-fold per second, by at most half with each request.
 * - Above, it rises by 3 % of that rate per second at first, and by the cube of the time in the end: after half a minute
 *   without a refusal it is eighteen times as high. Each request counts as 0.1 s at most, so that however many clients
 *   share a limit, refusals of some 2 % of their requests hold them there.
 */
export class RateControl {
  /** Requests per second. */
  rate = firstRate;
  /** What the rate was after the last cut that came after several accepted requests. */
  #held = Infinity;
  /** Seconds of sending at or above that rate. */
  #clean = 0;
  #cuts = 0;
  #sent = 0;
  #last: number | undefined;

  /** Whether the rate has become so high that it need not be controlled any more. */
  get isUnbound(): boolean {
    return this.rate >= unboundRate;
  }

  /** Milliseconds to the next request, on average 1 / rate. @param random from [0, 1): clients must not keep step */
  spacing(random: number): number {
    return ((0.75 + random / 2) * 1000) / this.rate;
  }

  /**
   * A request is sent.
   * @param now milliseconds
   * @param waited whether the rate held it up; a rate that is not used is not raised
   */
  send(now: number, waited: boolean): Ticket {
    const seconds = (now - (this.#last ?? now)) / 1000;
    this.#last = now;
    if (waited) this.#raise(seconds);
    return { cuts: this.#cuts, number: ++this.#sent };
  }

  /** The store refused a request. */
  refused({ cuts, number }: Ticket): void {
    if (cuts !== this.#cuts) return;
    this.rate = Math.max(leastRate, (this.rate * cut * number) / (number + 1));
    this.#held = number > uncertain ? this.rate : Math.max(this.rate, this.#held * cut);
    this.#clean = 0;
    this.#cuts++;
    this.#sent = 0;
  }

  #raise(seconds: number): void {
    if (this.rate < this.#held) {
      this.rate = Math.min(this.#held, this.rate * (1 + Math.min(seconds, 0.5)));
    } else {
      this.#clean += Math.min(seconds, 0.1);
      this.rate = this.#held * (1 + this.#clean / 33 + (this.#clean / 12) ** 3);
    }
  }
}
