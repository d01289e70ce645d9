/** What follows from the weights alone: logit effects and neighbours. */
import { normOf } from './encode.js';
import { shortest } from './float32.js';
import type { Histogram, Page, Sae, Tokenizer, Unembedding } from './shapes.js';
import { textOf } from './tokenText.js';

const bars = 50;

/** (decoder row · final norm weight / scale) W_U, with the `count` largest and smallest. @param scale of what the decoder writes */
export function logitEffects(
  row: readonly number[],
  unembedding: Unembedding,
  count: number,
  tokenizer: Tokenizer,
  scale = 1,
): NonNullable<Page['logits']> {
  const { weights, tokenIds, finalNormWeight } = unembedding;
  const direction = row.map((x, i) => Math.fround((x * (finalNormWeight?.[i] ?? 1)) / scale));
  const effects = weights[0]!
    .map((_, column) => {
      const value = Math.fround(direction.reduce((total, x, i) => total + x * weights[i]![column]!, 0));
      return { id: tokenIds?.[column] ?? column, value };
    })
    // Columns beyond the vocabulary are padding.
    .filter(({ id }) => tokenizer.bytesOf(id).length > 0);
  const print = ({ id, value }: { id: number; value: number }) => ({
    id,
    token: textOf([tokenizer.bytesOf(id)])[0]!,
    value: shortest(value),
  });
  return {
    top: effects
      .toSorted((a, b) => b.value - a.value || a.id - b.id)
      .slice(0, count)
      .map(print),
    bottom: effects
      .toSorted((a, b) => a.value - b.value || a.id - b.id)
      .slice(0, count)
      .map(print),
    histogram: logitHistogram(effects.map(({ value }) => value)),
  };
}

/** Equal bars from the least to the largest value; [edge, next edge), the last one with its end. The printed edges count. */
function logitHistogram(values: readonly number[]): Histogram {
  const min = values.reduce((a, b) => Math.min(a, b));
  const max = values.reduce((a, b) => Math.max(a, b));
  const edges = Array.from({ length: bars + 1 }, (_, i) =>
    i === bars ? max : Math.fround(min + ((max - min) * i) / bars),
  );
  const counts = Array.from({ length: bars }, () => 0);
  for (const value of values) counts[edges.slice(0, bars).findLastIndex((edge) => edge <= value)]! += 1;
  return { edges: edges.map(shortest), counts };
}

/** The features whose decoder rows have the largest cosine with this feature's. */
export function neighboursOf(feature: number, sae: Sae, count: number): Page['neighbours'] {
  const own = sae.decoder[feature]!;
  const ownNorm = normOf(own);
  return sae.decoder
    .map((row, other) => {
      const dot = row.reduce((total, x, i) => total + x * own[i]!, 0);
      return { feature: other, cosine: Math.fround(dot / (normOf(row) * ownNorm)) };
    })
    .filter(({ feature: other, cosine }) => other !== feature && !Number.isNaN(cosine))
    .sort((a, b) => b.cosine - a.cosine || a.feature - b.feature)
    .slice(0, count)
    .map(({ feature: other, cosine }) => ({ feature: other, cosine: shortest(cosine) }));
}
