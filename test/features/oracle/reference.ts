/** Reference answers of an independent program (float64, see its `rules` and `tolerance`) beside the oracle's pages. */
import assert from 'node:assert/strict';
import { binOf } from './float32.js';
import type { Page } from './shapes.js';

export interface Reference {
  per_feature: { fires: number[]; max: number[]; sum: number[]; near_threshold: number[] };
  features: ReferenceFeature[];
}

export interface ReferenceFeature {
  feature: number;
  fires: number;
  density: number;
  firing_quantiles: Record<string, number>;
  top: [row: number, activation: number][];
  windows: { token: number; first: number; tokens: number[]; activations: number[] }[];
  logits_top: [id: number, value: number][];
  logits_bottom: [id: number, value: number][];
}

/** Throws unless the page (windows of 16 + 16, 20 in the top, nothing distinct or excluded) is what the reference says. */
export function checkAgainstReference(page: Page, { per_feature: all, features }: Reference): void {
  const { feature } = page;
  const expected = features.find((each) => each.feature === feature)!;
  const flips = all.near_threshold[feature]!;
  assert.ok(Math.abs(page.firing - expected.fires) <= flips, `${feature} fires ${page.firing}`);
  assert.ok(
    Math.abs(page.density - expected.density) <= flips / page.tokens + 1e-5 * page.density,
    `density of ${feature}`,
  );
  assertNear(page.max, all.max[feature]!, activationTolerance);
  assertNear(page.mean * page.firing, all.sum[feature]!, (sum) => 5e-4 * (flips + 1) + 1e-5 * sum);
  if (page.histogram) checkQuantiles(page.histogram, expected, flips);

  const top = page.groups.find(({ name }) => name === 'top')?.examples ?? [];
  assert.equal(top.length, expected.top.length);
  expected.top.forEach(([row, activation], rank) => {
    const example = top[rank]!;
    assertNear(example.activation, activation, activationTolerance);
    const isSwapped = top.some((other) => other.row === row && Math.abs(other.activation - activation) < 5e-4);
    assert.ok(example.row === row || isSwapped, `${feature}: row ${row} in the top`);
  });
  for (const window of expected.windows) {
    const example = top.find(({ row }) => row === window.token)!;
    assert.equal(example.row - example.focus, window.first);
    assert.deepEqual(example.ids, window.tokens);
    example.values.forEach((value, i) => assertNear(value!, window.activations[i]!, activationTolerance));
  }
  checkLogits(page.logits!.top, expected.logits_top);
  checkLogits(page.logits!.bottom, expected.logits_bottom);
}

/** Each quantile lies in the bin where the counts pass its rank. */
function checkQuantiles(histogram: NonNullable<Page['histogram']>, expected: ReferenceFeature, flips: number): void {
  const { edges, counts } = histogram;
  const countBefore = (value: number) =>
    counts.filter((_, i) => binOf(edges[i]!) < binOf(value)).reduce((total, count) => total + count, 0);
  const countThrough = (value: number) =>
    counts.filter((_, i) => binOf(edges[i]!) <= binOf(value)).reduce((total, count) => total + count, 0);
  for (const [q, value] of Object.entries(expected.firing_quantiles)) {
    const rank = Math.ceil(Number(q) * expected.fires);
    const tolerance = activationTolerance(value);
    assert.ok(countBefore(Math.max(value - tolerance, 0)) - flips < rank, `quantile ${q}`);
    assert.ok(countThrough(value + tolerance) + flips >= rank, `quantile ${q}`);
  }
}

function checkLogits(found: { id: number; value: number }[], expected: [id: number, value: number][]): void {
  assert.equal(found.length, expected.length);
  expected.forEach(([id, value], rank) => {
    assertNear(found[rank]!.value, value, logitTolerance);
    const isSwapped = found.some((other) => other.id === id && Math.abs(other.value - value) < logitTolerance(value));
    assert.ok(found[rank]!.id === id || isSwapped, `token ${id}`);
  });
}

const activationTolerance = (value: number) => 5e-4 + 1e-5 * Math.abs(value);
const logitTolerance = (value: number) => 1e-4 + 1e-4 * Math.abs(value);

function assertNear(found: number, expected: number, tolerance: (value: number) => number): void {
  assert.ok(Math.abs(found - expected) <= tolerance(expected), `${found}, not ${expected}`);
}
