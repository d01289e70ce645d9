import type { SaeBlock, SaeDescription } from '../../src/sae/sae.js';

/**
 * Activations of one row, by the formula of `src/sae/sae.ts`, in float64.
 * @param block all features
 */
export function encodeRow(description: SaeDescription, block: SaeBlock, row: ArrayLike<number>): Float64Array {
  const { features, inputWidth, inputScale, architecture, k = 0 } = description;
  const z = normalized(description, row).map((y, at) => inputScale * y - (block.inputBias?.[at] ?? 0));
  const dots = Float64Array.from({ length: features }, (_, feature) => {
    let sum = 0;
    for (let at = 0; at < inputWidth; at++) sum += z[at]! * block.encoder[feature * inputWidth + at]!;
    return sum;
  });
  const p = dots.map(
    (dot, feature) =>
      (dot + block.encoderBias[feature]!) * (description.rescaleByDecoderNorm ? block.decoderNorms[feature]! : 1),
  );
  const larger = (a: number, b: number): number => p[b]! - p[a]! || a - b;
  const order = Array.from(p.keys()).sort(larger);
  return p.map((value, feature) => {
    if (!(value > 0)) return 0;
    switch (architecture) {
      case 'standard':
        return value;
      case 'jumprelu':
        return value > block.threshold![feature]! ? value : 0;
      case 'gated':
        return Math.max(0, block.magnitudeScale![feature]! * dots[feature]! + block.magnitudeBias![feature]!);
      case 'topk':
        return order.indexOf(feature) < k ? value : 0;
      case 'groupmax': {
        const group = Math.floor(feature / (features / k));
        return order.find((other) => Math.floor(other / (features / k)) === group) === feature ? value : 0;
      }
    }
  });
}

function normalized({ normalization, inputWidth: d }: SaeDescription, row: ArrayLike<number>): Float64Array {
  const x = Float64Array.from(row);
  if (normalization === 'none') return x;
  if (normalization === 'constantNorm') {
    const norm = Math.hypot(...x);
    return x.map((value) => (value * Math.sqrt(d)) / norm);
  }
  const mean = x.reduce((sum, value) => sum + value, 0) / d;
  const deviation = Math.sqrt(x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (d - 1));
  return x.map((value) => (value - mean) / (deviation + 1e-5));
}
