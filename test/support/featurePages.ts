import type { SampleTokens } from '../../src/pages/packPages.js';
import type { FeatureExample, FeaturePage } from '../../src/pages/page.js';
import { shortestFloat32 } from '../../src/pages/float32.js';
import { Sfc32 } from './sfc32.js';

export const vocabularySize = 5000;

/** The text of each token id: made-up words, the commoner the shorter. */
export const vocabulary: readonly string[] = makeWords();

/** Token ids of a made-up text, in which phrases come again as they do in a language. */
const text = makeText();

export interface PageShape {
  /** Examples of the groups top, each interval, random. */
  readonly top?: number;
  readonly intervals?: number;
  readonly perInterval?: number;
  readonly random?: number;
  /** Tokens of a window. */
  readonly window?: number;
  /** Share of the window's tokens on which the feature fires. */
  readonly density?: number;
}

/** A page like those of real runs: text of a Zipf law, activations that gather round the focus. */
export function makePage(feature: number, shape: PageShape = {}): FeaturePage {
  const { top = 20, intervals = 10, perInterval = 5, random = 10, window = 33, density = 0.06 } = shape;
  const numbers = new Sfc32(feature + 1);
  const float = (most: number): number => shortestFloat32(Math.fround(numbers.uniform() * most + 0.001));
  const below = (end: number): number => Math.floor(numbers.uniform() * end);
  const example = (): FeatureExample => {
    const focus = Math.min(24, window - 1);
    const from = below(text.length - window);
    const ids = text.slice(from, from + window);
    const values = ids.map((_, n) => (n === focus || numbers.uniform() < density ? float(12) : 0));
    return {
      row: below(1e8),
      context: below(1e6),
      position: below(128),
      document: below(1e5),
      activation: values[focus]!,
      focus,
      ids,
      tokens: ids.map((id) => vocabulary[id]!),
      values,
    };
  };
  const examples = (count: number): FeatureExample[] => Array.from({ length: count }, example);
  const logit = (): { id: number; token: string; value: number } => {
    const id = below(vocabularySize);
    return { id, token: vocabulary[id]!, value: float(3) };
  };
  const histogram = (bins: number): { edges: number[]; counts: number[] } => ({
    edges: Array.from({ length: bins + 1 }, (_, n) => shortestFloat32(Math.fround(0.25 + n / 32))),
    counts: Array.from({ length: bins }, () => below(2000)),
  });
  return {
    format: 'riffle.feature/1',
    feature,
    label: null,
    state: 'alive',
    reason: null,
    tokens: 25_600,
    firing: 400 + feature,
    excludedFiring: 0,
    density: (400 + feature) / 25_600,
    max: float(12),
    mean: numbers.uniform(),
    histogram: histogram(40),
    topTokens: Array.from({ length: 5 }, (_, n) => ({ id: n + feature, token: ' and', share: (20 - n) / 200 })),
    logits: { top: [logit(), logit()], bottom: Array.from({ length: 10 }, logit), histogram: histogram(50) },
    neighbours: Array.from({ length: 10 }, () => ({ feature: below(1e6), cosine: float(1) })),
    groups: [
      { name: 'top', examples: examples(top) },
      ...Array.from({ length: intervals }, (_, n) => ({
        name: 'interval' as const,
        from: intervals - n - 1,
        to: intervals - n,
        share: numbers.uniform(),
        examples: examples(perInterval),
      })),
      { name: 'random', examples: examples(random) },
    ],
  };
}

/** The page of a feature that does not fire. */
export function makeDeadPage(feature: number): FeaturePage {
  const page = makePage(feature, { window: 1 });
  const reason = 'fires only on excluded tokens';
  return {
    ...page,
    state: 'dead',
    reason,
    firing: 0,
    max: 0,
    mean: 0,
    density: 0,
    histogram: null,
    topTokens: [],
    groups: [],
  };
}

/** A sample whose tokens 1, 2, 3 … make up less and less of it. */
export function makeSample(feature: number): SampleTokens {
  const tokens = [80, 40, 20, 10, 9].map((hits, n) => ({ id: (feature % 7) * 300 + n, hits }));
  return { sampled: 200, tokens };
}

/** A rank of a Zipf law. */
function zipf(numbers: Sfc32, ranks: number): number {
  return Math.floor(ranks ** numbers.uniform()) - 1;
}

function makeText(): number[] {
  const numbers = new Sfc32(8);
  const phrases = Array.from({ length: 8000 }, () =>
    Array.from({ length: 1 + Math.floor(5 * numbers.uniform()) }, () => zipf(numbers, vocabularySize)),
  );
  return Array.from({ length: 30_000 }, () => phrases[zipf(numbers, phrases.length)]!).flat();
}

function makeWords(): string[] {
  const numbers = new Sfc32(7);
  return Array.from({ length: vocabularySize }, (_, rank) => {
    const letters = 1 + Math.floor(Math.log2(rank + 2) / 2 + 2 * numbers.uniform());
    const alphabet = 'etaoinshrdlucmfwypvbgkjqxz';
    const word = Array.from({ length: letters }, () => alphabet[Math.floor(26 * numbers.uniform() ** 2)]);
    return (numbers.uniform() < 0.7 ? ' ' : '') + word.join('');
  });
}
