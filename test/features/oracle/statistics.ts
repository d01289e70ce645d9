import { binOf, bitsOf, edgeOf, fromBits, shortest } from './float32.js';
import type { Histogram } from './shapes.js';

/**
 * The mean of positive float32 numbers. The significands of an octave are summed as integers, the octaves in float64
 * from the highest down.
 */
export function meanOf(activations: readonly number[]): number {
  const octaves = new Map<number, bigint>();
  for (const activation of activations) {
    const bits = bitsOf(activation);
    const octave = bits >>> 23;
    const significand = (bits & 0x7fffff) + (octave === 0 ? 0 : 0x800000);
    octaves.set(octave, (octaves.get(octave) ?? 0n) + BigInt(significand));
  }
  let total = 0;
  for (const [octave, significands] of [...octaves].sort(([a], [b]) => b - a)) {
    // Subnormal numbers (octave 0) have the unit of the octave above them.
    total += (Number(significands) * fromBits(Math.max(octave, 1) << 23)) / 2 ** 23;
  }
  return total / activations.length;
}

/** Counts by bin, from the lowest to the highest bin that has any. */
export function histogramOf(activations: readonly number[]): Histogram {
  const bins = activations.map(binOf);
  const [lowest, highest] = [Math.min(...bins), Math.max(...bins)];
  const counts = Array.from({ length: highest - lowest + 1 }, () => 0);
  for (const bin of bins) counts[bin - lowest]! += 1;
  return { edges: [...counts, 0].map((_, i) => shortest(edgeOf(lowest + i))), counts };
}
