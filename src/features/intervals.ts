import { binEdge, binOf } from './bins.js';
import { countBelow } from './histogram.js';
import type { Histogram } from './histogram.js';
import type { ExampleSettings } from './settings.js';

/** Activations from `from` (the lowest interval: above it) to below `end`. */
export interface Interval {
  readonly from: number;
  /** What a page shows: `end`, or the maximum for the highest interval. */
  readonly to: number;
  readonly end: number;
  /** Firing tokens inside. */
  readonly firing: number;
}

/** The intervals of a feature that fires, the highest first (design §2.6, Intervals); empty ones are among them. */
export function intervalsOf(histogram: Histogram, max: number, settings: ExampleSettings): Interval[] {
  const inner =
    settings.intervalEdges === 'quantile'
      ? quantileEdges(histogram, settings.intervals)
      : equalWidthEdges(max, settings.intervals);
  const edges = [0, ...inner, histogram.first + histogram.counts.length];
  return inner
    .concat(edges.at(-1)!)
    .map((end, i) => ({
      from: binEdge(edges[i]!),
      to: i === inner.length ? max : binEdge(end),
      end: binEdge(end),
      firing: countBelow(histogram, end) - countBelow(histogram, edges[i]!),
    }))
    .reverse();
}

/**
 * Edges between intervals of about equal width, ascending, each as the bin that begins there. For i = 1 … N − 1 it is the
 * nearer edge of the bin of max · i / N, the lower one where both are equally near; 0 and what is not below the upper edge
 * of the maximum's bin are no edges.
 */
function equalWidthEdges(max: number, intervals: number): number[] {
  const edges = new Set<number>();
  for (let i = 1; i < intervals; i++) {
    const target = (max * i) / intervals;
    // A target that rounds to the next bin's lower edge is nearest to that edge, seen from either bin.
    const bin = binOf(target);
    edges.add(target - binEdge(bin) <= binEdge(bin + 1) - target ? bin : bin + 1);
  }
  return [...edges].filter((edge) => edge > 0 && edge <= binOf(max));
}

/**
 * Edges between intervals of about equal shares, likewise: for i = 1 … N − 1 the activation of rank firing · i / N (from 0,
 * ascending) lies in a bin; nearer is the edge below which there are more nearly so many tokens.
 */
function quantileEdges({ first, counts }: Histogram, intervals: number): number[] {
  const below = [0n];
  for (const count of counts) below.push(below.at(-1)! + BigInt(count));
  const firing = below.at(-1)!;
  const edges = new Set<number>();
  let bin = 0;
  for (let i = 1n; i < BigInt(intervals); i++) {
    // All counts times N, so that they are integers.
    const rank = firing * i;
    const times = (at: number): bigint => below[at]! * BigInt(intervals);
    while (times(bin + 1) <= rank) bin++;
    edges.add(first + (rank - times(bin) <= times(bin + 1) - rank ? bin : bin + 1));
  }
  return [...edges].filter((edge) => edge > 0 && edge < first + counts.length);
}
