import { edgesOf, histogramOf, meanOf } from './histogram.js';
import { intervalsOf } from './intervals.js';
import { activationOrder, firstDistinct } from './kept.js';
import { firingTokens } from './featureState.js';
import type { FeatureState, FiringTokens } from './featureState.js';
import type { RowHash } from './rowHash.js';
import type { ExampleSettings } from './settings.js';

/** Which token ids stand in a feature's sample. */
export interface SampledIds {
  /** Tokens of the sample. */
  readonly tokens: number;
  /** The commonest first; of equally common ones the lower id. */
  readonly ids: readonly { readonly id: number; readonly hits: number }[];
}

/** A token that a page shows with its surroundings. */
export interface Example {
  readonly row: number;
  /** Context, document or row: what `distinct` says. */
  readonly key: number;
  readonly activation: number;
}

/** What of a feature's page (design §2.6) follows from its state: everything but texts, windows and weights. */
export interface FeatureSelection {
  readonly feature: number;
  readonly state: 'alive' | 'dense' | 'dead';
  readonly reason: 'never fires' | 'fires only on excluded tokens' | null;
  /** Tokens counted. */
  readonly tokens: number;
  readonly firing: number;
  readonly excludedFiring: number;
  /** firing / tokens, 0 where no token counts. */
  readonly density: number;
  readonly max: number;
  readonly mean: number;
  readonly histogram: { readonly edges: readonly number[]; readonly counts: readonly number[] } | null;
  readonly topTokens: readonly { readonly id: number; readonly share: number }[];
  readonly sample: SampledIds;
  readonly groups: readonly ExampleGroup[];
}

export type ExampleGroup =
  | { readonly name: 'top' | 'random'; readonly examples: readonly Example[] }
  | {
      readonly name: 'interval';
      readonly from: number;
      readonly to: number;
      readonly share: number;
      readonly examples: readonly Example[];
    };

/** A feature is dense when it fires on a greater share of tokens. */
const denseAbove = 0.1;
const shownTopTokens = 5;

/**
 * Chooses a feature's statistics and examples.
 * @param state of all rows
 * @param tokens tokens counted, exclusions not
 */
export function selectFeature(
  state: FeatureState,
  tokens: number,
  settings: ExampleSettings,
  rowHash: RowHash,
): FeatureSelection {
  const { feature, excludedFiring, octaves } = state;
  const firing = firingTokens(octaves);
  if (firing === 0) {
    const reason = excludedFiring > 0 ? 'fires only on excluded tokens' : 'never fires';
    const nothing = {
      density: 0,
      max: 0,
      mean: 0,
      histogram: null,
      topTokens: [],
      sample: { tokens: 0, ids: [] },
      groups: [],
    };
    return { feature, state: 'dead', reason, tokens, firing, excludedFiring, ...nothing };
  }
  const byActivation = activationOrder(state.tokens);
  const byHash = rowHash.order(feature, state.tokens.rows);
  const sample = byHash.subarray(0, settings.sample);
  const ids = countIds(sample, state.tokens.ids);
  const histogram = histogramOf(octaves);
  const density = firing / tokens;
  const max = state.tokens.activations[byActivation[0]!]!;
  const { activations } = state.tokens;
  const chosen = (order: Iterable<number>, most: number): Example[] =>
    firstDistinct(order, state.tokens, most).map((index) => exampleAt(state.tokens, index));
  return {
    feature,
    state: density > denseAbove ? 'dense' : 'alive',
    reason: null,
    tokens,
    firing,
    excludedFiring,
    density,
    max,
    mean: meanOf(octaves),
    histogram: { edges: edgesOf(histogram), counts: histogram.counts },
    topTokens: ids.slice(0, shownTopTokens).map(({ id, hits }) => ({ id, share: hits / sample.length })),
    sample: { tokens: sample.length, ids },
    groups: [
      { name: 'top', examples: chosen(byActivation, settings.top) },
      ...intervalsOf(histogram, max, settings).map(({ from, to, end, firing: inside }) => {
        const holds = (index: number): boolean => activations[index]! >= from && activations[index]! < end;
        const examples = chosen(byHash.filter(holds), settings.perInterval);
        return { name: 'interval' as const, from, to, share: inside / firing, examples };
      }),
      { name: 'random', examples: chosen(sample, settings.shownRandom) },
    ],
  };
}

function exampleAt({ rows, keys, activations }: FiringTokens, index: number): Example {
  return { row: rows[index]!, key: keys[index]!, activation: activations[index]! };
}

/** How often each id stands in the sample. */
function countIds(sample: Uint32Array, ids: Uint32Array): { id: number; hits: number }[] {
  const counts = new Map<number, number>();
  for (const index of sample) counts.set(ids[index]!, (counts.get(ids[index]!) ?? 0) + 1);
  return [...counts].map(([id, hits]) => ({ id, hits })).sort((a, b) => b.hits - a.hits || a.id - b.id);
}
