import { setMaxListeners } from 'node:events';
import { fillSink, MemorySink, SinkFailure, WatchedSink } from './byteSinks.js';
import type { ByteSink } from './objectStore.js';

/** When a read counts as slow, and how many second ones may be sent. */
export interface HedgePolicy {
  /** Milliseconds before which no read is slow. */
  readonly floor: number;
  /** A slow read takes so many times as long as 19 of 20 recent ones of about its size. */
  readonly factor: number;
  /** Second reads at most, as a share of all reads. */
  readonly share: number;
}

/** Reads that come as usual are never hedged: a quiet server sees exactly the requests of the plan. */
export const defaultHedgePolicy: HedgePolicy = { floor: 3_000, factor: 4, share: 0.05 };

/** Bytes that a second read may hold, beside the memory of its caller. */
const largestHedge = 16 * 1024 * 1024;

/** Durations kept for each class of sizes. Without so many, nothing is known to be slow. */
const remembered = 40;

/** One try of a read. It fills `into`, and when `signal` is aborted it rejects and hands over no more. */
export type ReadAttempt = (into: ByteSink, signal: AbortSignal, isHedge: boolean) => Promise<void>;

/**
 * Sends a read that is much slower than recent ones of about its size a second time; whichever is complete first
 * counts, and the other is cancelled. One at a time: a second read needs memory of its own, because the first still
 * hands over what arrives.
 */
export class HedgedReads {
  /** Milliseconds that the latest reads took, by class of sizes. */
  readonly #durations = new Map<number, number[]>();
  #reads = 0;
  #hedges = 0;
  #isHedging = false;

  constructor(private readonly policy: HedgePolicy) {}

  /**
   * @param mayHedge asked when the read has become slow
   * @throws what the sink throws; the error of the first try if no try succeeds; the reason of `signal`
   */
  async read(
    length: number,
    sink: ByteSink,
    attempt: ReadAttempt,
    mayHedge: () => boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    signal?.throwIfAborted();
    this.#reads++;
    const start = performance.now();
    const patience = this.#patience(length);
    const watched = new WatchedSink(sink);
    const first = new LinkedAbort(signal);
    const second = new LinkedAbort(signal);
    let bytes: Promise<Uint8Array | undefined> | undefined;
    const hedge = (): void => {
      if (this.#allows(length) && mayHedge()) bytes = this.#again(length, attempt, first, second);
    };
    const timer = patience === undefined ? undefined : setTimeout(hedge, patience);
    try {
      await attempt(watched, first.signal, false);
    } catch (error) {
      if (error instanceof SinkFailure) throw error.cause;
      const complete = await bytes;
      signal?.throwIfAborted();
      if (complete === undefined) throw error;
      fillSink(sink, complete.subarray(watched.count));
    } finally {
      clearTimeout(timer);
      second.abort();
      first.release();
      second.release();
    }
    this.#note(length, performance.now() - start);
  }

  /** Reads into memory of its own and then ends the first try; undefined when it fails. */
  async #again(
    length: number,
    attempt: ReadAttempt,
    first: LinkedAbort,
    second: LinkedAbort,
  ): Promise<Uint8Array | undefined> {
    this.#hedges++;
    this.#isHedging = true;
    try {
      const into = new Uint8Array(length);
      await attempt(new MemorySink(into), second.signal, true);
      first.abort();
      return into;
    } catch {
      return undefined;
    } finally {
      this.#isHedging = false;
    }
  }

  #allows(length: number): boolean {
    return !this.#isHedging && length <= largestHedge && this.#hedges < this.policy.share * this.#reads;
  }

  /** Milliseconds after which a read of so many bytes is slow; undefined when too little is known. */
  #patience(length: number): number | undefined {
    const durations = this.#durations.get(sizeClass(length)) ?? [];
    if (durations.length < remembered) return undefined;
    const ordered = durations.toSorted((a, b) => a - b);
    return Math.max(this.policy.floor, this.policy.factor * ordered[Math.floor(remembered * 0.95) - 1]!);
  }

  #note(length: number, milliseconds: number): void {
    const durations = this.#durations.get(sizeClass(length));
    if (!durations) this.#durations.set(sizeClass(length), [milliseconds]);
    else if (durations.push(milliseconds) > remembered) durations.shift();
  }
}

function sizeClass(length: number): number {
  return Math.ceil(Math.log2(length));
}

/** A signal that is aborted with another one, or by itself. `AbortSignal.any` would stay tied to the other one. */
class LinkedAbort {
  readonly #controller = new AbortController();
  readonly #follow = (): void => this.#controller.abort(this.parent?.reason);

  constructor(private readonly parent: AbortSignal | undefined) {
    // Each read under way listens, and an activity has many of them.
    if (parent) setMaxListeners(0, parent);
    parent?.addEventListener('abort', this.#follow, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(): void {
    this.#controller.abort();
  }

  release(): void {
    this.parent?.removeEventListener('abort', this.#follow);
  }
}
