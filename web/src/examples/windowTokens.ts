import type { FeatureExample } from '../../../src/pages/page.js';
import type { TokenRow } from '../runStore.js';

/** A token as an example shows it. */
export interface ShownToken {
  /** Its record in the dataset. */
  readonly row: number;
  readonly id: number;
  readonly text: string;
  /** Its activation; null where it is excluded from all counts, undefined where the page does not hold it. */
  readonly value: number | null | undefined;
  /** What begins with this token, where that is known and it is not the first one shown. */
  readonly begins?: 'document' | 'context';
  /** Whether it stands in another document or context than the focus token. */
  readonly elsewhere: boolean;
}

/** The tokens of an example's window, as the page has them: where documents begin is not known. */
export function windowTokens({ row, focus, ids, tokens, values }: FeatureExample): ShownToken[] {
  return ids.map((id, n) => ({ row: row - focus + n, id, text: tokens[n]!, value: values[n], elsewhere: false }));
}

/**
 * The same window, perhaps with more tokens around it, as the run's token stream has them.
 * @param rows consecutive tokens of the dataset, the whole window among them
 * @param texts of these rows; by default the window's own, where `rows` are no more than it
 */
export function tokensAround(
  { row, focus, tokens, values }: FeatureExample,
  rows: readonly TokenRow[],
  texts: readonly string[] = tokens,
): ShownToken[] {
  const first = row - focus;
  const at = rows.findIndex((each) => each.row === row);
  const starts = (n: number): boolean => rows[n]!.startsContext || rows[n]!.startsDocument;
  let [from, to] = [at, at + 1];
  while (from > 0 && !starts(from)) from--;
  while (to < rows.length && !starts(to)) to++;
  return rows.map((token, n) => {
    const inside = values[token.row - first];
    const value = inside === undefined && token.excluded ? null : inside;
    const begins = n === 0 ? undefined : token.startsDocument ? 'document' : token.startsContext ? 'context' : undefined;
    const shown = { row: token.row, id: token.id, text: texts[n]!, value, elsewhere: n < from || n >= to };
    return begins ? { ...shown, begins } : shown;
  });
}

/** The direction in which most of the letters run: whether tokens follow each other from right to left. */
export function directionOf(tokens: readonly ShownToken[]): 'ltr' | 'rtl' {
  let balance = 0;
  for (const { text } of tokens) {
    for (const character of text) {
      if (rightToLeft.test(character)) balance--;
      else if (letter.test(character)) balance++;
    }
  }
  return balance < 0 ? 'rtl' : 'ltr';
}

const letter = /\p{L}/u;
const rightToLeft =
  /[\p{scx=Arab}\p{scx=Hebr}\p{scx=Syrc}\p{scx=Thaa}\p{scx=Nkoo}\p{scx=Adlm}\p{scx=Mand}\p{scx=Samr}\p{scx=Rohg}]/u;
