import type { ComponentChild } from 'preact';
import { useState } from 'preact/hooks';
import { cut, visiblePieces } from '../text/visibleText.js';

/** Longer tokens are cut until someone asks for all of them. */
const mostCharacters = 60;

interface Properties {
  readonly text: string;
  /** Whether spaces are marked: in lists, where " and" and "and" stand apart from their text. */
  readonly blanks: boolean;
  /** Whether a line break breaks the line, besides its mark. */
  readonly lines?: boolean;
  /** Where the token leads; what shows all of a long token stands beside this link. */
  readonly link?: { readonly href: string; readonly title: string };
}

/** A token's text. It is untrusted: isolated from its surroundings, and nothing in it is invisible. */
export function TokenText({ text, blanks, lines = false, link }: Properties): ComponentChild {
  const [whole, setWhole] = useState(false);
  const { shown, left } = whole ? { shown: text, left: 0 } : cut(text, mostCharacters);
  const isolated = (
    <bdi class="token">
      {visiblePieces(shown, { blanks }).map((piece) =>
        piece.mark ? <span class="mark">{lines ? piece.text.replaceAll('↵', '↵\n') : piece.text}</span> : piece.text,
      )}
    </bdi>
  );
  return (
    <>
      {link ? <a {...link}>{isolated}</a> : isolated}
      {left > 0 && (
        <button type="button" class="quiet cut" onClick={() => setWhole(true)}>
          …show all {text.length}
        </button>
      )}
    </>
  );
}
