/**
 * The text of consecutive tokens, one string a token, from the bytes that they stand for. A character (a well-formed
 * UTF-8 sequence) whose bytes lie in several tokens stands whole at the token that holds its first byte. Every byte that
 * belongs to no character stands at its own token as `\xhh`, in lower case. The strings together are the text of the
 * bytes together. Free of Node's own modules: the feature browser uses it, too.
 */
export function textsOfBytes(tokens: readonly Uint8Array[]): string[] {
  const bytes = concatenated(tokens);
  const texts: string[] = [];
  let at = 0;
  let end = 0;
  for (const token of tokens) {
    end += token.length;
    let text = '';
    while (at < end) {
      const length = characterBytes(bytes, at);
      text +=
        length > 0 ? utf8.decode(bytes.subarray(at, at + length)) : `\\x${bytes[at]!.toString(16).padStart(2, '0')}`;
      at += Math.max(1, length);
    }
    texts.push(text);
  }
  return texts;
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Bytes of the character that begins at `at`; 0 where none does (Unicode's table of well-formed UTF-8 sequences). */
function characterBytes(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // No overlong forms, no surrogates, nothing above U+10FFFF.
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  const second = bytes[at + 1] ?? 0;
  if (second < least || second > most) return 0;
  for (let next = at + 2; next < at + length; next++) if ((bytes[next] ?? 0) >> 6 !== 2) return 0;
  return length;
}

function concatenated(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
