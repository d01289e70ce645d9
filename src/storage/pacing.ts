import { RateControl, type Ticket } from './rateControl.js';
import type { Direction } from './transferStatistics.js';

/** What one limit of a store is taken to cover. */
export interface PacedPlace {
  readonly bucket: string;
  readonly key?: string | undefined;
  readonly direction: Direction;
}

/** Milliseconds that late timers may catch up. */
const catchUp = 50;

/** Milliseconds after which a pace is forgotten that made no request wait and met no refusal. */
const memory = 60_000;

export interface PacedRequest extends PacedPlace {
  /** Milliseconds after which the refusal of a request stands, if all such requests were refused for so long. */
  readonly patience: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * How fast requests may be sent, where the store has said that they come too fast. Until then there is no pace, and
 * nothing waits.
 *
 * One pace covers the reads or the writes of one folder of keys (up to the last slash): the shards of a dataset, the
 * packed objects of a pass. S3 may divide a folder further; the hashes that begin the names of packed objects load such
 * divisions evenly, so that one pace for all is right for each.
 */
export class Pacing {
  readonly #paces = new Map<string, Pace>();

  /** @param clock gives milliseconds */
  constructor(private readonly clock = () => performance.now()) {}

  /**
   * Sends a request when it is its turn, and again as long as the store refuses it because too many come.
   *
   * @param send sends it once; may call `accepted` when the store did a part of what was asked
   * @param isRefusal whether an error of `send` is such a refusal
   * @throws other errors of `send`; the last refusal; the reason of `signal` as soon as it is aborted
   */
  async send<T>(
    request: PacedRequest,
    send: (accepted: () => void) => Promise<T>,
    isRefusal: (error: unknown) => boolean,
  ): Promise<T> {
    const { patience, signal } = request;
    const accepted = (): void => this.#at(request)?.accepted();
    let refusedSince: number | undefined;
    for (;;) {
      const ticket = await this.#at(request)?.turn(signal);
      try {
        const result = await send(accepted);
        accepted();
        return result;
      } catch (error) {
        signal?.throwIfAborted();
        if (!isRefusal(error)) {
          accepted();
          throw error;
        }
        const pace = this.#refused(request, ticket);
        const now = this.clock();
        refusedSince ??= now;
        if (now - Math.max(refusedSince, pace.lastAccepted) >= patience) throw error;
      }
    }
  }

  /** Whether requests have to wait for their turn. */
  isSlowed(place: PacedPlace): boolean {
    return this.#at(place) !== undefined;
  }

  /** The pace of a place, or undefined where requests need not wait. */
  #at(place: PacedPlace): Pace | undefined {
    if (this.#paces.size === 0) return undefined;
    const name = nameOf(place);
    const pace = this.#paces.get(name);
    if (pace?.isOver) this.#paces.delete(name);
    else return pace;
    return undefined;
  }

  /** The store refused a request, which had this ticket if it was paced. */
  #refused(place: PacedPlace, ticket: Ticket | undefined): Pace {
    const known = this.#at(place);
    const pace = known ?? new Pace(this.clock);
    if (!known) this.#paces.set(nameOf(place), pace);
    pace.refused(ticket);
    return pace;
  }
}

/** Lets requests out one after the other, at the rate that its control says. */
class Pace {
  readonly #control = new RateControl();
  /** When the store last answered otherwise than with such a refusal; until the first one it did. */
  lastAccepted: number;
  readonly #waiting = new Set<(ticket: Ticket) => void>();
  #timer: NodeJS.Timeout | undefined;
  #next = 0;
  #lastUse: number;

  constructor(private readonly clock: () => number) {
    this.lastAccepted = this.#lastUse = clock();
  }

  /** Nobody waits, and it would make nobody wait. */
  get isOver(): boolean {
    return this.#waiting.size === 0 && (this.#control.isUnbound || this.clock() - this.#lastUse > memory);
  }

  accepted(): void {
    this.lastAccepted = this.clock();
  }

  refused(ticket: Ticket | undefined): void {
    this.#lastUse = this.clock();
    if (ticket) this.#control.refused(ticket);
  }

  /** Waits for the turn of one request. @throws the reason of `signal` as soon as it is aborted */
  turn(signal?: AbortSignal): Promise<Ticket> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const abandon = (): void => {
        this.#waiting.delete(go);
        if (this.#waiting.size === 0) clearTimeout(this.#timer);
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as throwIfAborted does
        reject(signal?.reason);
      };
      const go = (ticket: Ticket): void => {
        signal?.removeEventListener('abort', abandon);
        resolve(ticket);
      };
      signal?.addEventListener('abort', abandon, { once: true });
      this.#waiting.add(go);
      if (this.#waiting.size === 1) this.#release(false);
    });
  }

  #release(waited: boolean): void {
    const now = this.clock();
    this.#next = Math.max(this.#next, now - catchUp);
    for (const go of this.#waiting) {
      if (this.#next > now) break;
      this.#waiting.delete(go);
      if (waited) this.#lastUse = now;
      go(this.#control.send(now, waited));
      this.#next += this.#control.spacing(Math.random());
    }
    if (this.#waiting.size > 0) this.#timer = setTimeout(() => this.#release(true), this.#next - now);
  }
}

function nameOf({ bucket, key = '', direction }: PacedPlace): string {
  return `${direction} ${bucket}/${key.slice(0, key.lastIndexOf('/') + 1)}`;
}
