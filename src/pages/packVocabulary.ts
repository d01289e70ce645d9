import { type PackedFile, PackWriter } from './packWriter.js';
import { encodeTokens, tokensPerItem } from './vocabulary.js';

/** The vocabulary's pack. @param tokens the bytes of each token, by id; empty for an id that means nothing */
export function packVocabulary(tokens: readonly Uint8Array[]): PackedFile {
  const writer = new PackWriter(0);
  for (let from = 0; from < tokens.length; from += tokensPerItem) {
    writer.add(encodeTokens(tokens.slice(from, from + tokensPerItem)));
  }
  return writer.finish();
}
