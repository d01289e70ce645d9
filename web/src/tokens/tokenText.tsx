import type { ComponentChild } from 'preact';
import { cut, visiblePieces } from '../text/visibleText.js';

/** Longer tokens are cut where they stand among others; a dialog shows them whole. */
const mostCharacters = 60;

interface Properties {
  readonly text: string;
  /** Whether spaces are marked: in lists, where " and" and "and" stand apart from their text. */
  readonly blanks: boolean;
}

/** A token's text. It is untrusted: isolated from its surroundings, and nothing in it is invisible. */
export function TokenText({ text, blanks }: Properties): ComponentChild {
  const { shown, left } = cut(text, mostCharacters);
  return (
    <bdi class="token">
      {visiblePieces(shown, { blanks }).map((piece) =>
        piece.mark ? <span class="mark">{piece.text}</span> : piece.text,
      )}
      {left > 0 && <span class="mark">…+{left}</span>}
    </bdi>
  );
}
