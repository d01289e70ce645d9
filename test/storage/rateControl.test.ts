import assert from 'node:assert/strict';
import { RateControl } from '../../src/storage/rateControl.js';
import { Sfc32 } from '../support/sfc32.js';
import { TokenBucket } from '../support/tokenBucket.js';

interface Throttling {
  readonly limit: number;
  readonly clients: number;
  /** Milliseconds, on average. */
  readonly roundTrip: number;
  readonly seconds: number;
  /** Another limit from some second on. */
  readonly later?: { readonly from: number; readonly limit: number };
}

/** Clients that want more than a limit allows, in virtual time. */
class ThrottledClients {
  /** Accepted requests by second. */
  readonly accepted: number[];
  readonly refused: number[];
  /** Accepted requests by client, in the last half of the time. */
  readonly shares: number[];
  readonly #random = new Sfc32(20_261_122);
  readonly #events: { readonly at: number; readonly happen: () => void }[] = [];
  #now = 0;
  #bucket: TokenBucket;

  constructor(private readonly setting: Throttling) {
    this.accepted = new Array<number>(setting.seconds).fill(0);
    this.refused = [...this.accepted];
    this.shares = new Array<number>(setting.clients).fill(0);
    this.#bucket = new TokenBucket(setting.limit, 0);
    const { later } = setting;
    if (later) this.#at(later.from * 1000, () => (this.#bucket = new TokenBucket(later.limit, this.#now)));
    this.shares.forEach((_, client) => {
      const control = new RateControl();
      this.#at(this.#random.uniform(), () => this.#send(client, control));
    });
    for (let event; (event = this.#events.pop()) && event.at < setting.seconds * 1000;) {
      this.#now = event.at;
      event.happen();
    }
  }

  /** Requests per second in the seconds [from, to). */
  goodput(from: number, to: number): number {
    return sum(this.accepted.slice(from, to)) / (to - from);
  }

  /** Refused share of the requests in the seconds [from, to). */
  refusals(from: number, to: number): number {
    const refused = sum(this.refused.slice(from, to));
    return refused / (refused + sum(this.accepted.slice(from, to)));
  }

  #send(client: number, control: RateControl): void {
    const second = Math.floor(this.#now / 1000);
    const ticket = control.send(this.#now, true);
    if (this.#bucket.take(this.#now)) {
      this.accepted[second]!++;
      if (second >= this.setting.seconds / 2) this.shares[client]!++;
    } else {
      this.refused[second]!++;
      const answer = this.setting.roundTrip * (0.5 + this.#random.uniform());
      this.#at(this.#now + answer, () => control.refused(ticket));
    }
    this.#at(this.#now + control.spacing(this.#random.uniform()), () => this.#send(client, control));
  }

  #at(at: number, happen: () => void): void {
    const after = this.#events.findLastIndex((event) => event.at > at);
    this.#events.splice(after + 1, 0, { at, happen });
  }
}

describe('RateControl', () => {
  for (const limit of [50, 200, 1000]) {
    for (const clients of [1, 3, 10]) {
      for (const roundTrip of [5, 100]) {
        it(`${clients} × under ${limit} requests/s, answers after ${roundTrip} ms`, () => {
          const run = new ThrottledClients({ limit, clients, roundTrip, seconds: 30 });
          assert.ok(run.goodput(0, 30) > 0.9 * limit, `goodput ${run.goodput(0, 30)}`);
          assert.ok(run.refusals(10, 30) < 0.06, `refused ${run.refusals(10, 30)}`);
        });
      }
    }
  }

  it('lets clients share a limit evenly in the end', () => {
    const { shares } = new ThrottledClients({ limit: 200, clients: 3, roundTrip: 20, seconds: 240 });
    assert.ok(Math.min(...shares) > 0.5 * Math.max(...shares), shares.join(' '));
  });

  it('follows a limit that falls or goes away', () => {
    const falling = { limit: 1000, clients: 3, roundTrip: 20, seconds: 60, later: { from: 30, limit: 50 } };
    const fallen = new ThrottledClients(falling);
    assert.ok(fallen.goodput(30, 60) > 0.92 * 50, `goodput ${fallen.goodput(30, 60)}`);
    assert.ok(fallen.refusals(40, 60) < 0.05, `refused ${fallen.refusals(40, 60)}`);
    const gone = { limit: 50, clients: 1, roundTrip: 20, seconds: 60, later: { from: 30, limit: 1e6 } };
    const free = new ThrottledClients(gone);
    assert.ok(free.goodput(40, 41) > 1.5 * 50, `after 10 s ${free.goodput(40, 41)}`);
    assert.ok(free.goodput(59, 60) > 10 * 50, `after 30 s ${free.goodput(59, 60)}`);
  });

  it('resumes in seconds after an outage in which everything was refused', () => {
    const control = new RateControl();
    let now = 0;
    /** Sends at the control's own rate. @returns seconds that passed */
    const send = (count: number, isRefused: boolean): number => {
      const start = now;
      for (let i = 0; i < count; i++) {
        const ticket = control.send(now, true);
        if (isRefused) control.refused(ticket);
        now += control.spacing(0.5);
      }
      return (now - start) / 1000;
    };
    send(30, true);
    assert.equal(control.rate, 0.5);
    assert.ok(send(500, false) < 20);
    assert.ok(control.rate > 100, `${control.rate}`);
  });

  it('cuts once for all requests that were under way', () => {
    const control = new RateControl();
    const tickets = Array.from({ length: 100 }, (_, now) => control.send(now, false));
    const { rate } = control;
    for (const ticket of tickets.slice(50)) control.refused(ticket);
    assert.ok(control.rate > 0.8 * rate && control.rate < 0.85 * rate);
  });

  it('does not raise a rate that nobody uses', () => {
    const control = new RateControl();
    control.refused(control.send(0, true));
    const { rate } = control;
    for (let now = 0; now < 100_000; now += 100) control.send(now, false);
    assert.equal(control.rate, rate);
  });
});

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
