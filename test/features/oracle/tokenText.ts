const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The text of tokens that stand one after the other. A character whose bytes are spread over tokens stands whole at the
 * token of its first byte; a byte that belongs to no character prints as `\xhh`.
 */
export function textOf(tokens: readonly Uint8Array[]): string[] {
  const bytes = Uint8Array.from(tokens.flatMap((token) => [...token]));
  const owners = tokens.flatMap((token, index) => [...token].map(() => index));
  const texts = tokens.map(() => '');
  for (let at = 0; at < bytes.length;) {
    const character = [1, 2, 3, 4].map((length) => decode(bytes.subarray(at, at + length))).find(isOneCharacter);
    texts[owners[at]!] += character ?? `\\x${bytes[at]!.toString(16).padStart(2, '0')}`;
    at += character === undefined ? 1 : Buffer.byteLength(character);
  }
  return texts;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function isOneCharacter(text: string | undefined): boolean {
  return text !== undefined && [...text].length === 1;
}
