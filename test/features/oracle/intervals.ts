import { binOf, edgeOf } from './float32.js';

/** Activations from `from` (inclusive unless 0) to `to` (exclusive unless it is the maximum). */
export interface Interval {
  from: number;
  to: number;
  contains: (activation: number) => boolean;
}

/** Intervals of about equal width, or of about equal counts: between edges of bins, listed from high to low. */
export function intervalsOf(activations: readonly number[], intervals: number | 'quantile'): Interval[] {
  const max = Math.max(...activations);
  const cuts = intervals === 'quantile' ? quantileCuts(activations, 10) : widthCuts(max, intervals);
  const edges = [...new Set(cuts)].filter((edge) => edge > 0 && edge < edgeOf(binOf(max) + 1)).sort((a, b) => a - b);
  return [0, ...edges]
    .map((from, i) => {
      const to = edges[i];
      if (to === undefined) return { from, to: max, contains: (a: number) => a >= from };
      return { from, to, contains: (a: number) => a >= from && a < to };
    })
    .reverse();
}

/** max · i / N, moved to the nearer edge of its bin. */
function widthCuts(max: number, count: number): number[] {
  return inner(count).map((i) => {
    const t = (max * i) / count;
    // Where the rounding to float32 lifts t into the next bin, that bin's lower edge is the nearer one, as it should be.
    const [lower, upper] = [edgeOf(binOf(t)), edgeOf(binOf(t) + 1)];
    return t - lower <= upper - t ? lower : upper;
  });
}

/** The bin in which the share i / N of the activations ends; its nearer edge, counted in activations. */
function quantileCuts(activations: readonly number[], count: number): number[] {
  const bins = activations.map(binOf).sort((a, b) => a - b);
  return inner(count).map((i) => {
    const rank = (bins.length * i) / count;
    const bin = bins[Math.floor(rank)]!;
    const before = bins.indexOf(bin);
    const after = bins.lastIndexOf(bin) + 1;
    return rank - before <= after - rank ? edgeOf(bin) : edgeOf(bin + 1);
  });
}

function inner(count: number): number[] {
  return Array.from({ length: Math.max(0, count - 1) }, (_, i) => i + 1);
}
