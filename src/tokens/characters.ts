import { isUtf8 } from 'node:buffer';

/**
 * The text of consecutive tokens, one string a token, from the bytes that they stand for. A character (a well-formed
 * UTF-8 sequence) whose bytes lie in several tokens stands whole at the token that holds its first byte. Every byte that
 * belongs to no character stands at its own token as `\xhh`, in lower case. The strings together are the text of the
 * bytes together.
 */
export function textsOfBytes(tokens: readonly Uint8Array[]): string[] {
  const bytes = Buffer.concat(tokens);
  const texts: string[] = [];
  let at = 0;
  let end = 0;
  for (const token of tokens) {
    end += token.length;
    let text = '';
    while (at < end) {
      const length = characterBytes(bytes, at);
      text += length > 0 ? bytes.toString('utf8', at, at + length) : `\\x${bytes[at]!.toString(16)}`;
      at += Math.max(1, length);
    }
    texts.push(text);
  }
  return texts;
}

/** Bytes of the character that begins at `at`; 0 where none does. */
function characterBytes(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  const length = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const character = bytes.subarray(at, at + length);
  return character.length === length && isUtf8(character) ? length : 0;
}
