import { shortestFloat32 } from './float32.js';

export const pageFormat = 'riffle.feature/1';

/** A feature's page, as design says: what `riffle feature --json` prints and the browser shows. */
export interface FeaturePage {
  readonly format: typeof pageFormat;
  readonly feature: number;
  readonly label: string | null;
  readonly state: 'alive' | 'dense' | 'dead';
  /** Why it is dead. */
  readonly reason: 'never fires' | 'fires only on excluded tokens' | null;
  /** Tokens counted, without the excluded ones. */
  readonly tokens: number;
  readonly firing: number;
  readonly excludedFiring: number;
  /** firing / tokens; float64. */
  readonly density: number;
  /** float32. */
  readonly max: number;
  /** Over firing tokens; float64. */
  readonly mean: number;
  /** Null for a dead feature. */
  readonly histogram: Histogram | null;
  /** Shares in the sample; float64. */
  readonly topTokens: readonly { readonly id: number; readonly token: string; readonly share: number }[];
  /** Null without unembedding. */
  readonly logits: {
    readonly top: readonly LogitEffect[];
    readonly bottom: readonly LogitEffect[];
    readonly histogram: Histogram;
  } | null;
  /** Cosines are float32. */
  readonly neighbours: readonly { readonly feature: number; readonly cosine: number }[];
  readonly groups: readonly FeatureGroup[];
}

/** One more edge than counts; edges are float32. */
export interface Histogram {
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

export interface LogitEffect {
  readonly id: number;
  readonly token: string;
  /** float32. */
  readonly value: number;
}

/** `E` is what stands for an example. */
export type FeatureGroup<E = FeatureExample> =
  | { readonly name: 'top' | 'random'; readonly examples: readonly E[] }
  | {
      readonly name: 'interval';
      /** Bounds are float32. */
      readonly from: number;
      readonly to: number;
      /** Firing tokens inside / all firing tokens; float64. */
      readonly share: number;
      readonly examples: readonly E[];
    };

/** A token on which the feature fires, in its window. The three lists have one entry for each token of the window. */
export interface FeatureExample {
  /** Index of the focus token's record in the dataset. */
  readonly row: number;
  /** What the dataset's columns say of it; null for columns that it lacks. */
  readonly context: number | null;
  readonly position: number | null;
  readonly document: number | null;
  /** Of the focus token; float32. */
  readonly activation: number;
  /** Index of the focus token in the window. */
  readonly focus: number;
  readonly ids: readonly number[];
  /** A character split over tokens stands whole at its first token, and "" at the rest. */
  readonly tokens: readonly string[];
  /** Activations, float32; null for excluded tokens. */
  readonly values: readonly (number | null)[];
}

/** The text of a page: one line that ends with a newline. @throws as `canonicalPage` */
export function printPage(page: FeaturePage): string {
  return `${JSON.stringify(canonicalPage(page))}\n`;
}

/**
 * The same page with its fields in a fixed order, and float32 fields as the numbers with the shortest decimals that
 * read back the same: `JSON.stringify` prints equal pages as equal texts.
 * @throws RangeError for a number that is not finite, or a float32 field that is no float32
 */
export function canonicalPage(page: FeaturePage): FeaturePage {
  const { feature, label, state, reason, tokens, firing, excludedFiring, logits } = page;
  return {
    format: pageFormat,
    feature,
    label,
    state,
    reason,
    tokens,
    firing,
    excludedFiring,
    density: finite(page.density),
    max: shortestFloat32(page.max),
    mean: finite(page.mean),
    histogram: page.histogram && orderHistogram(page.histogram),
    topTokens: page.topTokens.map(({ id, token, share }) => ({ id, token, share: finite(share) })),
    logits: logits && {
      top: logits.top.map(orderLogit),
      bottom: logits.bottom.map(orderLogit),
      histogram: orderHistogram(logits.histogram),
    },
    neighbours: page.neighbours.map(({ feature, cosine }) => ({ feature, cosine: shortestFloat32(cosine) })),
    groups: page.groups.map(orderGroup),
  };
}

function orderGroup(group: FeatureGroup): FeatureGroup {
  const examples = group.examples.map(orderExample);
  if (group.name !== 'interval') return { name: group.name, examples };
  const { name, from, to, share } = group;
  return { name, from: shortestFloat32(from), to: shortestFloat32(to), share: finite(share), examples };
}

function orderExample({
  row,
  context,
  position,
  document,
  activation,
  focus,
  ids,
  tokens,
  values,
}: FeatureExample): FeatureExample {
  return {
    row,
    context,
    position,
    document,
    activation: shortestFloat32(activation),
    focus,
    ids,
    tokens,
    values: values.map((value) => (value === null || value === 0 ? value : shortestFloat32(value))),
  };
}

function orderLogit({ id, token, value }: LogitEffect): LogitEffect {
  return { id, token, value: shortestFloat32(value) };
}

function orderHistogram({ edges, counts }: Histogram): Histogram {
  return { edges: edges.map((edge) => shortestFloat32(edge)), counts };
}

/** JSON would print NaN and infinities as null. */
function finite(value: number): number {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is not finite`);
  return value;
}
