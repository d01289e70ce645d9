/** A piece of a text as it is shown: as it stands, or as a mark for what could not be seen otherwise. */
export interface Piece {
  readonly text: string;
  readonly mark: boolean;
}

/**
 * Sequences that are shown as they are although parts of them are invisible by themselves: emoji with joiners, selectors
 * and tags; joiners behind letters of scripts in which they shape words; one selector behind a Han character.
 */
const emoji = String.raw`\p{RGI_Emoji}`;
const shaped = String.raw`[\p{scx=Arab}\p{scx=Syrc}\p{scx=Mong}\p{scx=Deva}\p{scx=Beng}\p{scx=Guru}\p{scx=Gujr}\p{scx=Orya}\p{scx=Taml}\p{scx=Telu}\p{scx=Knda}\p{scx=Mlym}\p{scx=Sinh}\p{scx=Khmr}\p{scx=Mymr}][\u200c\u200d]`;
const variant = String.raw`\p{scx=Han}[\u{fe00}-\u{fe02}\u{e0100}-\u{e01ef}]`;
/** Controls, formats (bidirectional ones among them), private use, unassigned, separators of lines, other invisible characters. */
const unseen = String.raw`[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]`;
const blank = String.raw`\p{Zs}`;
const parts = new RegExp(`(?<kept>${emoji}|${shaped}|${variant})|(?<unseen>${unseen})|(?<blank>${blank})`, 'gv');

/**
 * The text of a token, which is untrusted, so that nothing of it is hidden and nothing steers the page: controls and
 * invisible characters as `\u{200b}`, line breaks as ↵, tabs as ⇥.
 * @param blanks whether spaces are marks, too: · for a space, ⍽ for others
 */
export function visiblePieces(text: string, { blanks }: { readonly blanks: boolean }): Piece[] {
  const pieces: Piece[] = [];
  const add = (piece: Piece): void => {
    const last = pieces.at(-1);
    if (last?.mark === piece.mark) pieces[pieces.length - 1] = { text: last.text + piece.text, mark: piece.mark };
    else if (piece.text !== '') pieces.push(piece);
  };
  let at = 0;
  for (const match of text.matchAll(parts)) {
    add({ text: text.slice(at, match.index), mark: false });
    at = match.index + match[0].length;
    const hidden = match.groups?.['unseen'] !== undefined || (blanks && match.groups?.['blank'] !== undefined);
    add({ text: hidden ? markOf(match[0]) : match[0], mark: hidden });
  }
  add({ text: text.slice(at), mark: false });
  return pieces;
}

/** The same as one string, for labels and names. */
export function visibleText(text: string, { blanks = false } = {}): string {
  return visiblePieces(text, { blanks })
    .map((piece) => piece.text)
    .join('');
}

function markOf(character: string): string {
  switch (character) {
    case '\n':
      return '↵';
    case '\t':
      return '⇥';
    case ' ':
      return '·';
    default:
      return /\p{Zs}/u.test(character) ? '⍽' : `\\u{${character.codePointAt(0)!.toString(16)}}`;
  }
}

/** The first `most` characters (code points) of a text, and how many are left out. */
export function cut(text: string, most: number): { readonly shown: string; readonly left: number } {
  if (text.length <= most) return { shown: text, left: 0 };
  const characters = [...text];
  return { shown: characters.slice(0, most).join(''), left: Math.max(0, characters.length - most) };
}
