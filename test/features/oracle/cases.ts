/**
 * Random small cases whose arithmetic is exact in float32, in whatever order sums are made: values are small integers
 * or halves, and norms of decoder rows powers of two. So a program with a float32 encode must give the oracle's pages.
 */
import fc from 'fast-check';
import type { Case, Dataset, Sae, Settings, Tokenizer, Unembedding } from './shapes.js';

/** A case with the row counts of the shards that each dataset is cut into, for programs that read shards. */
export interface CutCase extends Case {
  activationShards: number[];
  tokenShards: number[];
}

/** Whole words, characters spread over tokens, bytes that belong to no character, a special token. */
export const vocabulary: Uint8Array[] = [
  [...Buffer.from('<|end|>')],
  [...Buffer.from(' the')],
  [...Buffer.from(' caf')],
  [0xc3],
  [0xa9],
  [0xa9, 0x73],
  [0xf0, 0x9f],
  [0x98, 0x80],
  [0xff],
  [...Buffer.from('\n')],
  [...Buffer.from('"\\<')],
  [...Buffer.from('ぶ')],
].map((bytes) => Uint8Array.from(bytes));

const specialTokens = [0];

/** d, both of inputs and of decoder rows. */
const width = 4;

const tokenizer: Tokenizer = {
  bytesOf: (id) => vocabulary[id] ?? Uint8Array.of(),
  special: specialTokens,
};

const token = fc.nat(vocabulary.length - 1);
const half = fc.integer({ min: -4, max: 4 }).map((twice) => twice / 2);
const list = <T>(arbitrary: fc.Arbitrary<T>, length: number) =>
  fc.array(arbitrary, { minLength: length, maxLength: length });

/** Lengths that sum to `total`. */
function cuts(total: number): fc.Arbitrary<number[]> {
  return fc.uniqueArray(fc.integer({ min: 1, max: total }), { maxLength: 5 }).map((at) => {
    const ends = [...new Set([...at, total])].sort((a, b) => a - b);
    return ends.map((end, i) => end - (ends[i - 1] ?? 0));
  });
}

/** A column with one value for each run of rows; every run has a value of its own. */
function runs(lengths: readonly number[]): fc.Arbitrary<number[]> {
  return fc
    .uniqueArray(fc.nat(99), { minLength: lengths.length, maxLength: lengths.length })
    .map((values) => lengths.flatMap((length, i) => Array.from({ length }, () => values[i]!)));
}

/** Positions inside runs: from 0, or from where a run begins in its text. */
function positions(lengths: readonly number[]): fc.Arbitrary<number[]> {
  return list(fc.constantFrom(0, 0, 3), lengths.length).map((starts) =>
    lengths.flatMap((length, i) => Array.from({ length }, (_, at) => starts[i]! + at)),
  );
}

function datasets(rows: number): fc.Arbitrary<Dataset> {
  return fc.tuple(cuts(rows), cuts(rows), fc.constantFrom(1, 1, 8)).chain(([contexts, documents, scale]) =>
    fc.record(
      {
        activations: list(
          list(
            fc.integer({ min: -4, max: 4 }).map((x) => x * scale),
            width,
          ),
          rows,
        ),
        tokens: list(token, rows),
        context: runs(contexts),
        position: positions(contexts),
        document: runs(documents),
      },
      { requiredKeys: ['activations', 'tokens'] },
    ),
  );
}

/** Rows of four numbers whose norm is 0 or a power of two: so are their cosines exact. */
const decoderRow = fc.oneof(
  fc
    .tuple(fc.nat(3), fc.constantFrom(-2, -1, 0, 0.5, 1, 4))
    .map(([at, value]) => [0, 0, 0, 0].map((_, i) => (i === at ? value : 0))),
  fc
    .tuple(list(fc.constantFrom(-1, 1), width), fc.constantFrom(0.5, 1))
    .map(([signs, scale]) => signs.map((sign) => sign * scale)),
);

function saes(features: number): fc.Arbitrary<Sae> {
  const weights = fc.record(
    {
      encoder: list(list(fc.integer({ min: -2, max: 2 }), features), width),
      decoder: list(decoderRow, features),
      inputScale: fc.constantFrom(1, 2, 0.5),
      subtracted: list(half, width),
    },
    { requiredKeys: ['encoder', 'decoder'] },
  );
  // A low bias makes a feature rare.
  const bias = list(fc.oneof({ weight: 2, arbitrary: half }, fc.constantFrom(-8, -12, -16)), features);
  const divisors = Array.from({ length: features }, (_, i) => i + 1).filter((k) => features % k === 0);
  const activation = fc.oneof(
    fc.record({ architecture: fc.constant('standard' as const), bias }),
    fc.record({ architecture: fc.constant('jumprelu' as const), bias, threshold: list(half, features) }),
    fc.record({
      architecture: fc.constant('gated' as const),
      gateBias: bias,
      magnitudeBias: bias,
      logMagnitude: fc.constant(Array.from({ length: features }, () => 0)),
    }),
    fc.record({
      architecture: fc.constant('topk' as const),
      bias,
      k: fc.integer({ min: 1, max: features }),
      rescaleByDecoderNorm: fc.boolean(),
    }),
    fc.record({ architecture: fc.constant('groupmax' as const), bias, k: fc.constantFrom(...divisors) }),
  );
  return fc.tuple(weights, activation).map(([some, others]) => ({ ...some, ...others }));
}

/** Columns of some tokens in any order, and perhaps of ids that are not in the vocabulary: padding. */
const columns = fc
  .tuple(
    fc.uniqueArray(token, { minLength: 1, maxLength: vocabulary.length }),
    fc.subarray([vocabulary.length, vocabulary.length + 7]),
  )
  .map(([known, padding]) => [...padding.slice(0, 1), ...known, ...padding.slice(1)]);

const unembeddings: fc.Arbitrary<Unembedding> = columns.chain((tokenIds) =>
  fc.record(
    {
      weights: list(list(fc.integer({ min: -3, max: 3 }), tokenIds.length), width),
      tokenIds: fc.constant(tokenIds),
      finalNormWeight: list(fc.constantFrom(0.5, 1, 2), width),
    },
    { requiredKeys: ['weights', 'tokenIds'] },
  ),
);

function settingsFor(dataset: Dataset, features: number): fc.Arbitrary<Settings> {
  const distinct = fc.constantFrom(
    'none' as const,
    ...(dataset.context ? ['context' as const] : []),
    ...(dataset.document ? ['document' as const] : []),
  );
  return fc.record(
    {
      seed: fc.string({ minLength: 1, maxLength: 5 }),
      features: fc.tuple(fc.nat(features - 1), fc.nat(features - 1)).map(([a, b]) => `${a},${Math.min(a, b)}-${b}`),
      examples: fc.record(
        {
          top: fc.integer({ min: 1, max: 5 }),
          random: fc.integer({ min: 1, max: 12 }),
          shownRandom: fc.nat(4),
          intervals: fc.oneof(fc.integer({ min: 1, max: 7 }), fc.constant('quantile' as const)),
          perInterval: fc.integer({ min: 1, max: 3 }),
          distinct,
        },
        { requiredKeys: [] },
      ),
      window: fc.record({ before: fc.nat(5), after: fc.nat(5) }, { requiredKeys: [] }),
      exclude: fc.record(
        {
          positions: dataset.position ? fc.uniqueArray(fc.nat(4), { maxLength: 2 }) : fc.constant([]),
          tokens: fc.oneof(fc.uniqueArray(token, { maxLength: 3 }), fc.constant('special' as const)),
          normAbove: fc.constantFrom(2, 5, 30),
        },
        { requiredKeys: [] },
      ),
      logits: fc.integer({ min: 1, max: 4 }),
      neighbours: fc.nat(4),
      labels: fc.uniqueArray(fc.record({ feature: fc.nat(features - 1), label: fc.string() }), {
        selector: ({ feature }) => feature,
      }),
    },
    { requiredKeys: [] },
  );
}

export const exactCases: fc.Arbitrary<CutCase> = fc
  .record({
    rows: fc.integer({ min: 1, max: 40 }),
    features: fc.integer({ min: 1, max: 6 }),
  })
  .chain(({ rows, features }) =>
    fc.tuple(datasets(rows), saes(features)).chain(([dataset, sae]) =>
      fc.record(
        {
          dataset: fc.constant(dataset),
          sae: fc.constant(sae),
          tokenizer: fc.constant(tokenizer),
          unembedding: unembeddings,
          settings: settingsFor(dataset, features),
          activationShards: cuts(rows),
          tokenShards: cuts(rows),
        },
        { requiredKeys: ['dataset', 'sae', 'tokenizer', 'settings', 'activationShards', 'tokenShards'] },
      ),
    ),
  );
