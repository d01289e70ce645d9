import { damaged, viewOf } from './pack.js';

/** Token ids of one item of the vocabulary's pack. */
export const tokensPerItem = 4096;

/**
 * The bytes of consecutive tokens as an item of a pack: their lengths, then the bytes. Bytes, not text, because a
 * character may be split over tokens.
 */
export function encodeTokens(tokens: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(tokens.reduce((sum, { length }) => sum + length, 4 * tokens.length));
  const view = viewOf(bytes);
  let at = 4 * tokens.length;
  tokens.forEach((token, n) => {
    view.setUint32(4 * n, token.length, true);
    bytes.set(token, at);
    at += token.length;
  });
  return bytes;
}

/** @param count tokens of the item @throws RunDamaged that names `file` */
export function decodeTokens(bytes: Uint8Array, count: number, file: string): Uint8Array[] {
  if (bytes.length < 4 * count) throw damaged(file, `${bytes.length} bytes cannot hold ${count} tokens`);
  const view = viewOf(bytes);
  let at = 4 * count;
  const tokens = Array.from({ length: count }, (_, n) => {
    const start = at;
    at += view.getUint32(4 * n, true);
    return bytes.subarray(start, at);
  });
  if (at !== bytes.length) throw damaged(file, `tokens of ${at - 4 * count} bytes do not fill an item`);
  return tokens;
}
