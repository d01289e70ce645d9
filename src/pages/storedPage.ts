import * as z from 'zod/mini';
import { damaged } from './pack.js';
import { canonicalPage, type FeatureExample, type FeatureGroup, type FeaturePage, pageFormat } from './page.js';

/**
 * A page as it lies in a pack: JSON in which each example stands once, field by field, and each token once. That takes a
 * fifth off the packed page, which is mostly text.
 */
export const storedPageFormat = 'riffle.stored-feature/1';

const count = z.number().check(z.int(), z.minimum(0));
const column = z.array(z.nullable(z.number().check(z.int())));
const token = { id: count, token: z.string() };
const logits = z.array(z.object({ ...token, value: z.number() }));
const histogram = z.object({ edges: z.array(z.number()), counts: z.array(count) });
/** Indexes into the lists of `examples`. */
const references = z.array(count);

const schema = z.object({
  format: z.literal(storedPageFormat),
  feature: count,
  label: z.nullable(z.string()),
  state: z.enum(['alive', 'dense', 'dead']),
  reason: z.nullable(z.enum(['never fires', 'fires only on excluded tokens'])),
  tokens: count,
  firing: count,
  excludedFiring: count,
  density: z.number(),
  max: z.number(),
  mean: z.number(),
  histogram: z.nullable(histogram),
  topTokens: z.array(z.object({ ...token, share: z.number() })),
  logits: z.nullable(z.object({ top: logits, bottom: logits, histogram })),
  neighbours: z.array(z.object({ feature: count, cosine: z.number() })),
  groups: z.array(
    z.union([
      z.object({ name: z.enum(['top', 'random']), examples: references }),
      z.object({
        name: z.literal('interval'),
        from: z.number(),
        to: z.number(),
        share: z.number(),
        examples: references,
      }),
    ]),
  ),
  examples: z.object({
    row: z.array(count),
    context: column,
    position: column,
    document: column,
    activation: z.array(z.number()),
    focus: z.array(count),
    /** Indexes into the lists of `vocabulary`. */
    window: z.array(z.array(count)),
    values: z.array(z.array(z.nullable(z.number()))),
  }),
  vocabulary: z.object({
    /** Ascending; each is the difference to the one before, the first to 0. */
    ids: z.array(count),
    texts: z.array(z.string()),
  }),
});

type StoredPage = z.infer<typeof schema>;

/** @throws RangeError as `canonicalPage` */
export function encodeStoredPage(page: FeaturePage): Uint8Array {
  const { groups, ...statistics } = canonicalPage(page);
  const numbers = new Map<string, number>();
  const distinct: FeatureExample[] = [];
  const numberOf = (example: FeatureExample): number => {
    const text = JSON.stringify(example);
    const known = numbers.get(text) ?? distinct.push(example) - 1;
    numbers.set(text, known);
    return known;
  };
  const referring = groups.map((group): FeatureGroup<number> => ({ ...group, examples: group.examples.map(numberOf) }));
  const { vocabulary, windows } = tokensOf(distinct);
  const field = <Name extends keyof FeatureExample>(name: Name): FeatureExample[Name][] =>
    distinct.map((example) => example[name]);
  const stored = {
    ...statistics,
    format: storedPageFormat,
    groups: referring,
    examples: {
      row: field('row'),
      context: field('context'),
      position: field('position'),
      document: field('document'),
      activation: field('activation'),
      focus: field('focus'),
      window: windows,
      values: field('values'),
    },
    vocabulary,
  };
  return new TextEncoder().encode(JSON.stringify(stored));
}

/** The distinct tokens (one id may show as several texts), ascending, and each window as numbers of tokens. */
function tokensOf(examples: readonly FeatureExample[]): {
  vocabulary: { ids: number[]; texts: string[] };
  windows: number[][];
} {
  const key = (id: number, text: string): string => `${id} ${text}`;
  const distinct = new Map<string, { id: number; text: string }>();
  for (const { ids, tokens } of examples) {
    ids.forEach((id, n) => distinct.set(key(id, tokens[n]!), { id, text: tokens[n]! }));
  }
  const sorted = [...distinct.values()].sort((a, b) => a.id - b.id || (a.text < b.text ? -1 : 1));
  const numbers = new Map(sorted.map(({ id, text }, n) => [key(id, text), n]));
  return {
    vocabulary: {
      ids: sorted.map(({ id }, n) => id - (sorted[n - 1]?.id ?? 0)),
      texts: sorted.map(({ text }) => text),
    },
    windows: examples.map(({ ids, tokens }) => ids.map((id, n) => numbers.get(key(id, tokens[n]!))!)),
  };
}

/**
 * Reads a page that came out of a pack.
 * @param file for messages
 * @throws RunDamaged that names the file and says what is wrong
 */
export function decodeStoredPage(bytes: Uint8Array, feature: number, file: string): FeaturePage {
  const fault = (what: string): Error => damaged(file, `the page of feature ${feature} ${what}`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw fault(`is not JSON (${(error as Error).message})`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw fault(`is not as it should be at ${issue?.path.join('.') || 'its beginning'} (${issue?.message})`);
  }
  const contradiction = contradictionIn(parsed.data, feature);
  if (contradiction) throw fault(contradiction);
  return unfold(parsed.data);
}

function unfold({ examples, vocabulary, groups, ...statistics }: StoredPage): FeaturePage {
  let id = 0;
  const ids = vocabulary.ids.map((step) => (id += step));
  const unfolded = examples.row.map((row, n) => ({
    row,
    context: examples.context[n]!,
    position: examples.position[n]!,
    document: examples.document[n]!,
    activation: examples.activation[n]!,
    focus: examples.focus[n]!,
    ids: examples.window[n]!.map((token) => ids[token]!),
    tokens: examples.window[n]!.map((token) => vocabulary.texts[token]!),
    values: examples.values[n]!,
  }));
  return {
    ...statistics,
    format: pageFormat,
    groups: groups.map((group) => ({ ...group, examples: group.examples.map((n) => unfolded[n]!) })),
  };
}

function contradictionIn(page: StoredPage, feature: number): string | undefined {
  if (page.feature !== feature) return `is that of feature ${page.feature}`;
  for (const { edges, counts } of [page.histogram, page.logits?.histogram].filter((each) => each != null)) {
    if (edges.length !== counts.length + 1) return `has ${counts.length} counts between ${edges.length} edges`;
  }
  const { examples, vocabulary, groups } = page;
  const fields = Object.values(examples).map(({ length }) => length);
  if (new Set(fields).size > 1) return `has lists of ${fields.join(', ')} examples`;
  if (vocabulary.ids.length !== vocabulary.texts.length) {
    return `has ${vocabulary.ids.length} token ids and ${vocabulary.texts.length} texts`;
  }
  const least =
    (limit: number): ((n: number) => boolean) =>
    (n) =>
      n >= limit;
  if (groups.some((group) => group.examples.some(least(examples.row.length))))
    return 'refers to an example that is not there';
  for (const [n, window] of examples.window.entries()) {
    if (window.some(least(vocabulary.ids.length))) return `has a token without text at row ${examples.row[n]}`;
    if (window.length !== examples.values[n]!.length)
      return `has not one value for each token at row ${examples.row[n]}`;
    if (examples.focus[n]! >= window.length) return `has a focus outside the window at row ${examples.row[n]}`;
  }
  return undefined;
}
