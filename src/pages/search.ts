import { damaged, viewOf } from './pack.js';

/** A token stands in the index under a feature when it is at least this share of the feature's sample. */
export const leastShare = 0.05;

/** So many features of a token are listed, the best ones; more are only counted. */
export const listedFeatures = 4096;

/** The token ids of one pack of the index. */
export const tokensPerPack = 1024;

/** A token that is common among those on which a feature fires. */
export interface Posting {
  readonly token: number;
  readonly feature: number;
  /** How often the token stands in the feature's sample. */
  readonly hits: number;
  /** Size of that sample. */
  readonly sampled: number;
  /** All tokens on which the feature fires. If these are the sample, hits / sampled is exact, else an estimate. */
  readonly firing: number;
}

/** Whether a token is common enough to be found under a feature (share >= 5 %, in whole numbers). */
export function isCommon(hits: number, sampled: number): boolean {
  return hits * 20 >= sampled;
}

/**
 * Order of search results: by share, each sample taken with ten more tokens that are others. So a feature that fires
 * once does not stand before one that fires hundreds of times, nearly always on the token. Ties: lower feature.
 */
export function byShare(a: Posting, b: Posting): number {
  return b.hits * (a.sampled + 10) - a.hits * (b.sampled + 10) || a.feature - b.feature;
}

/** Postings as an item of a pack: each field as one column. @param total of which these are the best */
export function encodePostings(postings: readonly Posting[], total: number): Uint8Array {
  const bytes = new Uint8Array(8 + 24 * postings.length);
  const view = viewOf(bytes);
  view.setUint32(0, postings.length, true);
  view.setUint32(4, total, true);
  postings.forEach((posting, n) => {
    view.setFloat64(8 + 8 * n, posting.firing, true);
    fields.forEach((field, column) => view.setUint32(at(column, n, postings.length), posting[field], true));
  });
  return bytes;
}

/** @throws RunDamaged that names `file` */
export function decodePostings(bytes: Uint8Array, file: string): { postings: Posting[]; total: number } {
  const view = viewOf(bytes);
  const count = bytes.length >= 8 ? view.getUint32(0, true) : -1;
  if (bytes.length !== 8 + 24 * count) throw damaged(file, `${bytes.length} bytes cannot be a list of features`);
  const column = (field: number, n: number): number => view.getUint32(at(field, n, count), true);
  const postings = Array.from({ length: count }, (_, n) => ({
    token: column(0, n),
    feature: column(1, n),
    hits: column(2, n),
    sampled: column(3, n),
    firing: view.getFloat64(8 + 8 * n, true),
  }));
  return { postings, total: view.getUint32(4, true) };
}

/** The columns of 32 bits, which stand behind `firing`. */
const fields = ['token', 'feature', 'hits', 'sampled'] as const;

function at(column: number, n: number, count: number): number {
  return 8 + 8 * count + 4 * (column * count + n);
}
