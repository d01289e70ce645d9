import type { Sae } from './shapes.js';

/**
 * The dense encode: [F][n], one array of n activations for each feature. A product is summed in float64 and rounded once
 * to float32, so that it is what every float32 program gives where all sums are exact (small integers).
 */
export function encode(rows: readonly ArrayLike<number>[], sae: Sae): number[][] {
  const byRow = rows.map((row) => activate(input(row, sae), sae));
  return sae.decoder.map((_, feature) => byRow.map((values) => values[feature]!));
}

/** Normalised, scaled, subtracted: in this order. */
function input(row: ArrayLike<number>, sae: Sae): number[] {
  const scale = sae.inputScale ?? 1;
  return normalize(Array.from(row), sae).map((x, i) => Math.fround(x * scale - (sae.subtracted?.[i] ?? 0)));
}

function normalize(row: number[], sae: Sae): number[] {
  const d = row.length;
  switch (sae.normalization ?? 'none') {
    case 'none':
      return row;
    case 'constantNorm': {
      const norm = normOf(row);
      return row.map((x) => Math.fround((x * Math.sqrt(d)) / norm));
    }
    case 'layerNorm': {
      const mean = sum(row) / d;
      const deviation = Math.sqrt(sum(row.map((x) => (x - mean) ** 2)) / (d - 1));
      return row.map((x) => Math.fround((x - mean) / (deviation + 1e-5)));
    }
  }
}

function activate(x: number[], sae: Sae): number[] {
  const products = sae.decoder.map((_, feature) => sum(x.map((value, i) => value * sae.encoder[i]![feature]!)));
  const plus = (bias: number[]) => products.map((product, feature) => Math.fround(product + bias[feature]!));
  switch (sae.architecture) {
    case 'standard':
      return plus(sae.bias).map(positive);
    case 'jumprelu':
      return plus(sae.bias).map((p, feature) => (p > sae.threshold[feature]! ? positive(p) : 0));
    case 'gated': {
      const gates = plus(sae.gateBias);
      const magnitudes = products.map((product, feature) =>
        Math.fround(product * Math.exp(sae.logMagnitude[feature]!) + sae.magnitudeBias[feature]!),
      );
      return magnitudes.map((magnitude, feature) => (gates[feature]! > 0 ? positive(magnitude) : 0));
    }
    case 'topk': {
      const norms = sae.decoder.map((row) => (sae.rescaleByDecoderNorm ? Math.fround(normOf(row)) : 1));
      return keepLargest(
        plus(sae.bias).map((p, feature) => Math.fround(p * norms[feature]!)),
        sae.k,
      );
    }
    case 'groupmax': {
      const p = plus(sae.bias);
      const width = p.length / sae.k;
      if (!Number.isInteger(width)) throw new Error(`${p.length} features do not make ${sae.k} equal groups`);
      return Array.from({ length: sae.k }, (_, group) => p.slice(group * width, (group + 1) * width)).flatMap((group) =>
        keepLargest(group, 1),
      );
    }
  }
}

/** The k largest values where they are positive, 0 elsewhere. Of equal values the one of the lower index is kept. */
function keepLargest(values: number[], k: number): number[] {
  const kept = values.map((_, index) => index).sort((a, b) => values[b]! - values[a]! || a - b);
  const keep = new Set(kept.slice(0, k));
  return values.map((value, index) => (keep.has(index) ? positive(value) : 0));
}

/** 0 for NaN, too. */
function positive(value: number): number {
  return value > 0 ? value : 0;
}

/** In float64. */
export function normOf(row: ArrayLike<number>): number {
  return Math.sqrt(sum(Array.from(row, (x) => x * x)));
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
