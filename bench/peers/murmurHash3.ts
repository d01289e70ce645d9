const c1 = 0x239b961b;
const c2 = 0xab0e9789 | 0;
const c3 = 0x38b34ae5;
const c4 = 0xa1e38b93 | 0;

/**
 * MurmurHash3 x86_128 (Appleby 2011, public domain) with seed 0 in plain JavaScript: riffle's record hash before XXH3.
 * @param hash receives the four 32-bit words
 */
export function murmurHash3(view: DataView, offset: number, length: number, hash: Uint32Array): void {
  let h1 = 0;
  let h2 = 0;
  let h3 = 0;
  let h4 = 0;
  const tailStart = offset + length - (length % 16);
  for (let at = offset; at < tailStart; at += 16) {
    let k = Math.imul(view.getInt32(at, true), c1);
    h1 ^= Math.imul((k << 15) | (k >>> 17), c2);
    h1 = (Math.imul(((h1 << 19) | (h1 >>> 13)) + h2, 5) + 0x561ccd1b) | 0;
    k = Math.imul(view.getInt32(at + 4, true), c2);
    h2 ^= Math.imul((k << 16) | (k >>> 16), c3);
    h2 = (Math.imul(((h2 << 17) | (h2 >>> 15)) + h3, 5) + 0x0bcaa747) | 0;
    k = Math.imul(view.getInt32(at + 8, true), c3);
    h3 ^= Math.imul((k << 17) | (k >>> 15), c4);
    h3 = (Math.imul(((h3 << 15) | (h3 >>> 17)) + h4, 5) + 0x96cd1c35) | 0;
    k = Math.imul(view.getInt32(at + 12, true), c4);
    h4 ^= Math.imul((k << 18) | (k >>> 14), c1);
    h4 = (Math.imul(((h4 << 13) | (h4 >>> 19)) + h1, 5) + 0x32ac3b17) | 0;
  }
  const rest = length % 16;
  if (rest > 0) {
    let k1 = 0;
    let k2 = 0;
    let k3 = 0;
    let k4 = 0;
    for (let i = 0; i < rest; i++) {
      const byte = view.getUint8(tailStart + i) << (8 * (i % 4));
      if (i < 4) k1 |= byte;
      else if (i < 8) k2 |= byte;
      else if (i < 12) k3 |= byte;
      else k4 |= byte;
    }
    let k = Math.imul(k4, c4);
    h4 ^= Math.imul((k << 18) | (k >>> 14), c1);
    k = Math.imul(k3, c3);
    h3 ^= Math.imul((k << 17) | (k >>> 15), c4);
    k = Math.imul(k2, c2);
    h2 ^= Math.imul((k << 16) | (k >>> 16), c3);
    k = Math.imul(k1, c1);
    h1 ^= Math.imul((k << 15) | (k >>> 17), c2);
  }
  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  h1 = finalMix(h1);
  h2 = finalMix(h2);
  h3 = finalMix(h3);
  h4 = finalMix(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  hash[0] = h1;
  hash[1] = h2 + h1;
  hash[2] = h3 + h1;
  hash[3] = h4 + h1;
}

function finalMix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35 | 0);
  return h ^ (h >>> 16);
}
