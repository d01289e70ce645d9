import type { TokenTexts } from '../overview/featureTable.js';

/** Token ids whose text is like what was asked for. */
export interface FoundTokens {
  /** Those of exactly this text, then those that differ in case or outer spaces only, then those that contain it. */
  readonly ids: readonly number[];
  /** How many of them are of the first two kinds. */
  readonly alike: number;
}

/**
 * Tokens by their text, the likest first; of equally like ones the shortest, then the lowest id.
 * @param wanted line breaks and tabs may be written as `\n`, `\t`, or as the page shows them: ↵, ⇥, and · for a space
 * @param fold what made `compared` of `texts`
 */
export function findTokens(
  wanted: string,
  { texts, compared }: TokenTexts,
  fold: (text: string) => string,
): FoundTokens {
  const exact = wanted.replaceAll(/\\n|↵/g, '\n').replaceAll(/\\t|⇥/g, '\t');
  const spaced = exact.replaceAll('·', ' ');
  const bare = fold(spaced).trim();
  const found: { readonly id: number; readonly rank: number; readonly length: number }[] = [];
  texts.forEach((text, id) => {
    const rank = text === exact || text === spaced ? 0 : rankOf(compared[id]!, bare);
    if (rank !== undefined && text !== '') found.push({ id, rank, length: text.length });
  });
  found.sort((a, b) => a.rank - b.rank || a.length - b.length || a.id - b.id);
  return { ids: found.map(({ id }) => id), alike: found.filter(({ rank }) => rank <= 1).length };
}

/** @param bare empty when white space alone was asked for: only white space is like it */
function rankOf(compared: string, bare: string): number | undefined {
  if (!compared.includes(bare)) return undefined;
  const core = compared.trim();
  if (core === bare) return 1;
  if (bare === '') return undefined;
  return core.startsWith(bare) ? 2 : 3;
}
