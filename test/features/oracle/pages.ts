/**
 * The brute-force oracle: pages of features by the plainest means, from the contract alone. Everything is dense and in
 * memory; lists are sorted whole. It shares no code with the pipeline, so that each checks the other.
 */
import { encode } from './encode.js';
import { excludedRows, isFinite } from './exclusions.js';
import { shortest } from './float32.js';
import { intervalsOf } from './intervals.js';
import { rowHash, type RowHash } from './rowHash.js';
import type { Case, Dataset, Group, Page } from './shapes.js';
import { histogramOf, meanOf } from './statistics.js';
import { textOf } from './tokenText.js';
import { logitEffects, neighboursOf } from './weights.js';
import { checkReadingOrder, exampleAt } from './windows.js';

/** A token where the feature fires. */
interface Firing {
  row: number;
  activation: number;
  hash: bigint;
  key: number;
}

/**
 * The pages of the features asked for, ascending.
 *
 * @param encoded the activations of every feature asked for, [F][n], where they come from elsewhere; else encoded here
 */
export async function buildPages(
  input: Case,
  encoded: readonly ArrayLike<number>[] = encode(input.dataset.activations, input.sae),
): Promise<Page[]> {
  checkReadingOrder(input.dataset);
  const excluded = excludedRows(input);
  const finite = input.dataset.activations.map(isFinite);
  const hash = await rowHash(input.settings.seed ?? 'riffle');
  return featuresAsked(input).map((feature) => {
    // Rows that are not finite may be excluded; they never fire.
    const values = Array.from(encoded[feature]!, (value, row) => (finite[row] ? value : 0));
    return buildPage(feature, values, excluded, hash, input);
  });
}

function buildPage(
  feature: number,
  values: readonly number[],
  excluded: readonly boolean[],
  hash: RowHash,
  { dataset, sae, tokenizer, unembedding, settings }: Case,
): Page {
  const keys = distinctKeys(dataset, settings.examples?.distinct);
  const firesAt = (row: number) => values[row]! > 0;
  const rows = excluded.map((_, row) => row);
  const firings: Firing[] = rows
    .filter((row) => firesAt(row) && !excluded[row])
    .map((row) => ({ row, activation: values[row]!, hash: hash(feature, row), key: keys(row) }));
  const activations = firings.map(({ activation }) => activation);
  const counted = excluded.filter((isExcluded) => !isExcluded).length;
  const excludedFiring = rows.filter((row) => firesAt(row) && excluded[row]).length;

  const top = settings.examples?.top ?? 20;
  const sample = firings.toSorted(byHash).slice(0, settings.examples?.random ?? 10 * top);
  const show = (shown: Firing[]) =>
    shown.map(({ row }) => exampleAt(row, values, excluded, dataset, settings.window, tokenizer));
  const groups = (): Group[] => [
    { name: 'top', examples: show(firstOfEachKey(firings.toSorted(byActivation)).slice(0, top)) },
    ...intervalsOf(activations, settings.examples?.intervals ?? 10).map(({ from, to, contains }): Group => {
      const inside = firings.filter(({ activation }) => contains(activation)).sort(byHash);
      return {
        name: 'interval',
        from: shortest(from),
        to: shortest(to),
        share: inside.length / firings.length,
        examples: show(firstOfEachKey(inside).slice(0, settings.examples?.perInterval ?? 5)),
      };
    }),
    { name: 'random', examples: show(firstOfEachKey(sample).slice(0, settings.examples?.shownRandom ?? 10)) },
  ];

  const isDead = firings.length === 0;
  const density = counted === 0 ? 0 : firings.length / counted;
  return {
    format: 'riffle.feature/1',
    feature,
    label: settings.labels?.find((entry) => entry.feature === feature)?.label ?? null,
    state: isDead ? 'dead' : density > 0.1 ? 'dense' : 'alive',
    reason: isDead ? (excludedFiring > 0 ? 'fires only on excluded tokens' : 'never fires') : null,
    tokens: counted,
    firing: firings.length,
    excludedFiring,
    density,
    max: isDead ? 0 : shortest(Math.max(...activations)),
    mean: isDead ? 0 : meanOf(activations),
    histogram: isDead ? null : histogramOf(activations),
    topTokens: commonest(sample.map(({ row }) => dataset.tokens[row]!)).map(({ id, share }) => ({
      id,
      token: textOf([tokenizer.bytesOf(id)])[0]!,
      share,
    })),
    logits:
      unembedding === undefined
        ? null
        : logitEffects(sae.decoder[feature]!, unembedding, settings.logits ?? 10, tokenizer, sae.inputScale),
    neighbours: neighboursOf(feature, sae, settings.neighbours ?? 10),
    groups: isDead ? [] : groups(),
  };
}

function byActivation(a: Firing, b: Firing): number {
  return b.activation - a.activation || a.row - b.row;
}

function byHash(a: Firing, b: Firing): number {
  return a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : a.row - b.row;
}

function firstOfEachKey(firings: readonly Firing[]): Firing[] {
  const used = new Set<number>();
  return firings.filter(({ key }) => !used.has(key) && used.add(key));
}

/** What at most one example of a group may have. */
function distinctKeys(
  { context, document }: Dataset,
  distinct = context === undefined ? 'none' : 'context',
): (row: number) => number {
  if (distinct === 'none') return (row) => row;
  const column = distinct === 'context' ? context : document;
  if (column === undefined) throw new Error(`examples.distinct needs the column ${distinct}`);
  return (row) => column[row]!;
}

/** The 5 commonest ids and their shares; of equally common ones the lower id first. */
function commonest(ids: readonly number[]): { id: number; share: number }[] {
  const counts = new Map<number, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return [...counts]
    .sort(([idA, countA], [idB, countB]) => countB - countA || idA - idB)
    .slice(0, 5)
    .map(([id, count]) => ({ id, share: count / ids.length }));
}

function featuresAsked({ sae, settings }: Case): number[] {
  if (settings.features === undefined) return sae.decoder.map((_, feature) => feature);
  const ranges = settings.features.split(',').map((range) => range.split('-').map(Number));
  const asked = ranges.flatMap(([first = NaN, last = first]) =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i),
  );
  return [...new Set(asked)].sort((a, b) => a - b);
}
