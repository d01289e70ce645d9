import { hypergeometric } from './sampler.js';

/** How many uniforms there are: the multiples of 2^-53 in [0, 1). */
export const UNIFORMS = 2 ** 53;

/**
 * The sampler, seen as what it is: a function from one of 2^53 uniforms to an outcome, which meets the outcomes in a
 * fixed order (their ranks): its start, then the two sides in turn. So bisection finds how many uniforms lead where.
 */
export class ImpliedLaw {
  private readonly start: number;
  /** Which side has the odd ranks; it depends on the symmetry that the sampler uses. */
  private readonly side: 1 | -1;
  /** Whether the start has more than half of the uniforms. */
  private readonly certain: boolean;

  constructor(
    private readonly good: number,
    private readonly bad: number,
    private readonly draws: number,
  ) {
    this.start = this.outcome(0);
    this.side = good > bad !== draws > good + bad - draws ? -1 : 1;
    this.certain = this.outcome(UNIFORMS / 2) === this.start;
  }

  /** The outcome for the uniform `index` · 2^-53. */
  outcome(index: number): number {
    return hypergeometric(this.good, this.bad, this.draws, index / UNIFORMS);
  }

  /**
   * The rank of that outcome: 0 for the start, odd numbers on one side, even numbers on the other; infinity for
   * uniforms above those of all ranks, which lead to the start again.
   */
  rank(index: number): number {
    const steps = this.side * (this.outcome(index) - this.start);
    if (steps === 0) return index >= UNIFORMS / 2 && !this.certain ? Infinity : 0;
    return steps > 0 ? 2 * steps - 1 : -2 * steps;
  }

  /** How many uniforms lead to a rank of at most this one. */
  upTo(rank: number): number {
    let low = 0;
    let high = UNIFORMS;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (this.rank(middle) <= rank) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * How many uniforms lead to each outcome; 2^53 in all.
   * @throws Error where the ranks do not rise with the uniform
   */
  counts(): Map<number, number> {
    const counts = new Map<number, number>();
    let previous = -1;
    for (let low = 0; low < UNIFORMS;) {
      const rank = this.rank(low);
      const high = this.upTo(rank);
      if (rank <= previous || high <= low) throw new Error(`Rank ${rank} follows rank ${previous} at ${low}.`);
      const outcome = this.outcome(low);
      counts.set(outcome, (counts.get(outcome) ?? 0) + high - low);
      previous = rank;
      low = high;
    }
    return counts;
  }
}
