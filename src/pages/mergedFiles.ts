import { gunzipSync } from 'node:zlib';
import { maxItemBytes } from './pack.js';
import { type PackedFile, PackWriter } from './packWriter.js';
import { byShare, decodePostings, encodePostings, listedFeatures, type Posting, tokensPerPack } from './search.js';

/** An item of a slice, packed; undefined where the slice has none. */
export type SliceItem = Uint8Array | undefined;

/** Unpacks an item whose CRC has been checked. */
export function unpackSync(stored: Uint8Array): Uint8Array {
  return gunzipSync(stored, { maxOutputLength: maxItemBytes });
}

/**
 * One column of the feature table: the item of each pack of features as it is.
 * @param items by the number of the pack; undefined for a pack without features
 */
export function joinColumn(items: readonly SliceItem[]): PackedFile {
  const writer = new PackWriter(0);
  for (const item of items) writer.addStored(item, item && unpackSync(item));
  return writer.finish();
}

/**
 * One pack of the search index: for each token the best features of all packs, and how many there are.
 * @param pack its number
 * @param vocabulary token ids are below this
 */
export function joinPostings(items: readonly SliceItem[], pack: number, vocabulary: number, file: string): PackedFile {
  const first = pack * tokensPerPack;
  const tokens = Array.from({ length: Math.min(tokensPerPack, vocabulary - first) }, () => new BestFeatures());
  for (const item of items) {
    if (item === undefined) continue;
    for (const posting of decodePostings(unpackSync(item), file).postings) tokens[posting.token - first]!.add(posting);
  }
  const writer = new PackWriter(first);
  for (const features of tokens) writer.add(features.total > 0 ? features.encode() : undefined);
  return writer.finish();
}

/** The `listedFeatures` best ones of any number; in memory are at most twice as many. */
class BestFeatures {
  total = 0;
  #best: Posting[] = [];
  /** The worst that may be listed, once so many are known. */
  #worst: Posting | undefined;

  add(posting: Posting): void {
    this.total++;
    if (this.#worst && byShare(posting, this.#worst) > 0) return;
    this.#best.push(posting);
    if (this.#best.length >= 2 * listedFeatures) this.#prune();
  }

  encode(): Uint8Array {
    this.#prune();
    return encodePostings(this.#best, this.total);
  }

  #prune(): void {
    this.#best = this.#best.sort(byShare).slice(0, listedFeatures);
    this.#worst = this.#best[listedFeatures - 1];
  }
}
