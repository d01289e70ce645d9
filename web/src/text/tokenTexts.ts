import { textsOfBytes } from '../../../src/tokens/characters.js';

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Text of each token by itself: bytes that are no whole characters are `\xhh`. */
export function tokenTextsOf(vocabulary: readonly Uint8Array[]): string[] {
  return vocabulary.map((bytes) => {
    const text = utf8.decode(bytes);
    return text.includes('\ufffd') ? textsOfBytes([bytes])[0]! : text;
  });
}
