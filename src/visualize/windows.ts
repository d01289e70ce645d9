import type { TokenRows } from '../dump/tokenRows.js';
import type { Bitmap } from './bitmap.js';

/** Tokens shown before and after a focus. */
export interface Window {
  readonly before: number;
  readonly after: number;
}

/**
 * What tells texts apart: a window ends where it changes. Contexts, else documents; null where all rows are one text.
 */
export function textOf({ context, document }: Omit<TokenRows, 'first'>): Float64Array | null {
  return context ?? document;
}

/**
 * Adds the rows of all windows to a set.
 * @param focuses rows whose windows are wanted
 * @param tokens of all rows between the focuses and the rows of the set
 */
export function addWindows(set: Bitmap, focuses: Bitmap, tokens: TokenRows, { before, after }: Window): void {
  const text = textOf(tokens);
  const together = (row: number, next: number): boolean =>
    text === null || text[row - tokens.first] === text[next - tokens.first];
  for (const focus of focuses.members()) {
    set.add(focus);
    const least = Math.max(focus - before, focuses.first, 0);
    for (let row = focus - 1; row >= least && together(row + 1, row); row--) set.add(row);
    const most = Math.min(focus + after, focuses.end - 1);
    for (let row = focus + 1; row <= most && together(row - 1, row); row++) set.add(row);
  }
}
