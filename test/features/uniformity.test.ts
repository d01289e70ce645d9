/**
 * The sample is a uniformly random subset of a feature's firing tokens: over many features each place among the firing
 * rows is drawn equally often, and so is each first place of the hash order. The p-values of all tests are corrected
 * together (Holm); a sampler with a small, common mistake is rejected by the same tests.
 */
import assert from 'node:assert/strict';
import { RowHash, hashSeed } from '../../src/features/rowHash.js';
import type { ExampleSettings } from '../../src/features/settings.js';
import { Sfc32 } from '../support/sfc32.js';
import { chiSquareP, chiSquareTest, holm } from '../support/statistics.js';
import { collectRows } from './collecting.js';
import type { Row } from './collecting.js';

const features = 10_000;
const sample = 12;
const firing = 48;

const settings: ExampleSettings = {
  top: 1,
  sample,
  shownRandom: 0,
  intervals: 1,
  intervalEdges: 'equalWidth',
  perInterval: 0,
  distinct: 'none',
};

/** One feature's sample: places among its firing rows, in hash order. */
type Sample = readonly number[];

/** Samples of features that fire in these rows, as a collector draws them. */
function drawn(seed: string, rowOf: (place: number) => number, tile: number): Sample[] {
  const firstRow = rowOf(0);
  const rows: Row[] = Array.from({ length: firing }, (_, place) => ({
    key: 0,
    id: 0,
    excluded: false,
    // All equal: the best token, which is kept as well, is always the first.
    activations: new Map(Array.from({ length: features }, (_, feature) => [feature, place === 0 ? 2 : 1])),
  }));
  // Rows that fire nowhere stand between the others.
  const spread = Array.from({ length: rowOf(firing - 1) - firstRow + 1 }, (_, row) => row);
  const placeOf = new Map(rows.map((_, place) => [rowOf(place) - firstRow, place]));
  const all = spread.map((row) => (placeOf.has(row) ? rows[placeOf.get(row)!]! : silent));
  const tiles = Array.from({ length: Math.ceil(all.length / tile) }, (_, i): [number, number] => [
    i * tile,
    (i + 1) * tile,
  ]);
  const key = hashSeed(seed);
  const states = collectRows(all, firstRow, { first: 0, count: features }, settings, key, tiles.reverse(), features);
  const rowHash = new RowHash(key);
  return states.map(({ feature, tokens }) =>
    Array.from(rowHash.order(feature, tokens.rows).subarray(0, sample), (index) =>
      placeOf.get(tokens.rows[index]! - firstRow)!,
    ),
  );
}

const silent: Row = { key: 0, id: 0, excluded: false, activations: new Map() };

/** Reservoir sampling, by hand. @param mistake added to the number of tokens seen */
function reservoir(mistake: number): Sample[] {
  const random = new Sfc32(3);
  return Array.from({ length: features }, () => {
    const kept = Array.from({ length: sample }, (_, place) => place);
    for (let place = sample; place < firing; place++) {
      const at = Math.floor(random.uniform() * (place + 1 + mistake));
      if (at < sample) kept[at] = place;
    }
    // In random order, as hashes would have it.
    for (let i = sample - 1; i > 0; i--) {
      const j = Math.floor(random.uniform() * (i + 1));
      [kept[i], kept[j]] = [kept[j]!, kept[i]!];
    }
    return kept;
  });
}

/** p-values: how often each place is in a sample, is first in it, and follows the same place of the feature before. */
function pValues(samples: readonly Sample[]): number[] {
  const counts = new Array<number>(firing).fill(0);
  const firsts = new Array<number>(firing).fill(0);
  const shared = new Array<number>(sample + 1).fill(0);
  samples.forEach((places, feature) => {
    for (const place of places) counts[place]!++;
    firsts[places[0]!]!++;
    // Pairs of features that no other pair shares.
    if (feature % 2 === 1) shared[places.filter((place) => samples[feature - 1]!.includes(place)).length]!++;
  });
  // Without replacement counts vary less than independent ones, by this factor, and sum to a constant.
  const share = sample / firing;
  const expected = samples.length * share;
  const squares = counts.reduce((sum, count) => sum + (count - expected) ** 2, 0);
  const statistic = (squares / (expected * (1 - share))) * ((firing - 1) / firing);
  const even = new Array<number>(firing).fill(samples.length / firing);
  const law = hypergeometric().map((p) => p * Math.floor(samples.length / 2));
  return [chiSquareP(statistic, firing - 1), chiSquareTest(firsts, even), chiSquareTest(shared, law)];
}

/** Law of the number of places that two independent samples share. */
function hypergeometric(): number[] {
  const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k);
  return Array.from(
    { length: sample + 1 },
    (_, k) => (choose(sample, k) * choose(firing - sample, sample - k)) / choose(firing, sample),
  );
}

const smallestP = 1e-6;

describe('the sample', () => {
  it('is uniform over the firing tokens, whatever their rows, and independent from feature to feature', () => {
    const cases: [string, Sample[]][] = [
      ['consecutive rows', drawn('riffle', (place) => place, 7)],
      ['other seed', drawn('another', (place) => place, 48)],
      ['rows beyond 2^40', drawn('riffle', (place) => 2 ** 40 + 3 * place, 50)],
      ['rows across 2^32', drawn('riffle', (place) => 2 ** 32 - 100 + 4 * place, 64)],
      ['a row in 16', drawn('riffle', (place) => 16 * place, 256)],
    ];
    const ps = cases.flatMap(([, samples]) => pValues(samples));
    const corrected = holm(ps);
    cases.forEach(([name], i) => {
      const own = corrected.slice(3 * i, 3 * i + 3);
      assert.ok(Math.min(...own) > smallestP, `${name}: ${own.join(' ')}`);
    });
  });

  it('would be found biased: a reservoir that counts one token too many is rejected, a right one is not', () => {
    assert.ok(Math.min(...holm(pValues(reservoir(0)))) > smallestP);
    assert.ok(Math.min(...holm(pValues(reservoir(1)))) < smallestP);
  });

  it('would be found dependent: samples that all features share are rejected', () => {
    const samples = reservoir(0).map((_, feature, all) => all[feature - (feature % 2)]!);
    assert.ok(Math.min(...holm(pValues(samples))) < smallestP);
  });
});
