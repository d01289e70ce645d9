import type { FeatureState, FiringTokens, OctaveCounts } from './featureState.js';
import { takeTokens } from './featureState.js';
import { mostSorted, sortedIndexes } from './indexes.js';
import { keepTokens } from './kept.js';
import type { RowHash } from './rowHash.js';
import type { ExampleSettings } from './settings.js';

/**
 * What is known of a feature when all is known that these states know, of disjoint sets of rows: counts add, and of the
 * union of tokens those are kept that a collector of all rows would have kept.
 * @param states of one feature, at least one, collected with the same settings and seed
 */
export function mergeStates(
  states: readonly [FeatureState, ...FeatureState[]],
  settings: ExampleSettings,
  rowHash: RowHash,
): FeatureState {
  const { feature } = states[0];
  return {
    feature,
    excludedFiring: states.reduce((sum, { excludedFiring }) => sum + excludedFiring, 0),
    octaves: mergeOctaves(states.flatMap(({ octaves }) => octaves)),
    tokens: mergeTokens(feature, states, settings, rowHash),
  };
}

/** What is kept of the tokens of all states, of so many at a time as can be sorted. */
function mergeTokens(
  feature: number,
  states: readonly FeatureState[],
  settings: ExampleSettings,
  rowHash: RowHash,
): FiringTokens {
  const keep = (): FiringTokens => keepTokens(feature, uniteTokens(sets), settings, rowHash);
  let sets: FiringTokens[] = [];
  let held = 0;
  for (const { tokens } of states) {
    if (held + tokens.rows.length > mostSorted) {
      sets = [keep()];
      held = sets[0]!.rows.length;
    }
    sets.push(tokens);
    held += tokens.rows.length;
  }
  return keep();
}

/**
 * Merges blocks of states feature by feature, so that one state of each is held at a time.
 * @param blocks of the same features, each with other rows
 */
export async function* mergeBlocks(
  blocks: readonly AsyncIterable<FeatureState>[],
  settings: ExampleSettings,
  rowHash: RowHash,
): AsyncGenerator<FeatureState, void> {
  const readers = blocks.map((block) => block[Symbol.asyncIterator]());
  try {
    for (;;) {
      const results = await Promise.all(readers.map((reader) => reader.next()));
      const states = results.flatMap((result) => (result.done ? [] : [result.value]));
      const [first, ...others] = states;
      if (states.length < blocks.length || others.some(({ feature }) => feature !== first?.feature)) {
        if (states.length === 0) return;
        throw new RangeError(`Blocks of different features cannot be merged (feature ${first?.feature})`);
      }
      yield mergeStates([first!, ...others], settings, rowHash);
    }
  } finally {
    for (const reader of readers) await reader.return?.();
  }
}

function mergeOctaves(all: readonly OctaveCounts[]): OctaveCounts[] {
  const merged = new Map<number, OctaveCounts>();
  for (const octave of all) {
    const same = merged.get(octave.exponent);
    merged.set(octave.exponent, same ? addOctaves(same, octave) : octave);
  }
  return [...merged.values()].sort((a, b) => b.exponent - a.exponent);
}

function addOctaves(a: OctaveCounts, b: OctaveCounts): OctaveCounts {
  return {
    exponent: a.exponent,
    significands: a.significands + b.significands,
    counts: a.counts.map((count, bin) => count + b.counts[bin]!),
  };
}

/** Tokens of several sets by row, each once. */
function uniteTokens(sets: readonly FiringTokens[]): FiringTokens {
  const count = sets.reduce((sum, { rows }) => sum + rows.length, 0);
  const all: FiringTokens = {
    rows: new Float64Array(count),
    keys: new Float64Array(count),
    ids: new Uint32Array(count),
    activations: new Float32Array(count),
  };
  let filled = 0;
  for (const { rows, keys, ids, activations } of sets) {
    all.rows.set(rows, filled);
    all.keys.set(keys, filled);
    all.ids.set(ids, filled);
    all.activations.set(activations, filled);
    filled += rows.length;
  }
  const { rows } = all;
  const byRow = sortedIndexes(new Uint32Array(rows), new Uint32Array(rows.map((row) => row / 2 ** 32)));
  return takeTokens(
    all,
    byRow.filter((index, i) => i === 0 || rows[index] !== rows[byRow[i - 1]!]),
  );
}
