import type { FeaturePage } from './page.js';
import { type PackedFile, PackWriter } from './packWriter.js';
import { encodePostings, isCommon, type Posting, tokensPerPack } from './search.js';
import { encodeStoredPage } from './storedPage.js';
import { type Column, encodeRows, newColumn, noToken, states, type TableRow } from './table.js';

/** Which token ids stand in a feature's sample, and how often. */
export interface SampleTokens {
  /** Tokens of the sample. */
  readonly sampled: number;
  readonly tokens: readonly { readonly id: number; readonly hits: number }[];
}

export interface PackOptions {
  /** The pack's number. */
  readonly pack: number;
  readonly featuresPerPack: number;
  /** Features of the SAE. */
  readonly of: number;
  /** Token ids are below this. */
  readonly vocabulary: number;
  readonly columns: readonly Column[];
}

/** What one pack of features adds to a run. */
export interface PackedPages {
  /** The pack itself, ready to be written. */
  readonly pages: PackedFile;
  /** Its part of the feature table and of the search index; `mergeSlices` puts the parts of all packs together. */
  readonly slice: PackedFile;
}

/**
 * Items of a slice: the digest of the page pack, each column's rows, the labels, and the postings of each pack of the
 * search index.
 */
export const sliceItems = {
  digest: 0,
  column: (n: number): number => 1 + n,
  labels: (columns: number): number => 1 + columns,
  postings: (columns: number, n: number): number => 2 + columns + n,
  /** How many there are. */
  count: (columns: number, vocabulary: number): number => 2 + columns + Math.ceil(vocabulary / tokensPerPack),
};

/** Collects the pages of one pack. In memory are the packed pages: 20 to 60 MB for 4,096. */
export class PagePacker {
  readonly #first: number;
  readonly #rows: number;
  readonly #pages: PackWriter;
  readonly #columns;
  readonly #labels: (string | null)[];
  readonly #postings: Posting[] = [];
  #next: number;

  constructor(private readonly options: PackOptions) {
    this.#first = options.pack * options.featuresPerPack;
    this.#rows = Math.min(options.featuresPerPack, options.of - this.#first);
    this.#pages = new PackWriter(this.#first);
    this.#columns = options.columns.map(({ dtype }) => newColumn(dtype, this.#rows));
    this.#labels = Array.from({ length: this.#rows }, () => null);
    this.#next = this.#first;
  }

  /**
   * Adds a page. Features come in ascending order; those that are left out are not in the run.
   * @throws RangeError for a feature of another pack or out of order, or a token outside the vocabulary
   */
  add(page: FeaturePage, sample: SampleTokens): void {
    const { feature } = page;
    if (feature < this.#next || feature >= this.#first + this.#rows) {
      throw new RangeError(`feature ${feature} comes where ${this.#next} to ${this.#first + this.#rows - 1} may`);
    }
    this.skipTo(feature);
    this.#pages.add(encodeStoredPage(page));
    this.#next++;
    const row = rowOf(page);
    const n = feature - this.#first;
    this.options.columns.forEach(({ name }, column) => (this.#columns[column]![n] = row[name]));
    this.#labels[n] = page.label;
    for (const { id: token, hits } of sample.tokens) {
      if (token >= this.options.vocabulary) throw new RangeError(`token ${token} of feature ${feature}`);
      const { sampled } = sample;
      if (isCommon(hits, sampled)) this.#postings.push({ token, feature, hits, sampled, firing: page.firing });
    }
  }

  finish(): PackedPages {
    this.skipTo(this.#first + this.#rows);
    const pages = this.#pages.finish();
    const slice = new PackWriter(0);
    slice.add(pages.digest);
    for (const column of this.#columns) slice.add(encodeRows(column));
    const labelled = this.#labels.some((label) => label !== null);
    slice.add(labelled ? new TextEncoder().encode(JSON.stringify(this.#labels)) : undefined);
    for (const postings of this.postingsByPack()) {
      slice.add(postings.length > 0 ? encodePostings(postings, postings.length) : undefined);
    }
    return { pages, slice: slice.finish() };
  }

  private skipTo(feature: number): void {
    for (; this.#next < feature; this.#next++) this.#pages.add(undefined);
  }

  private postingsByPack(): Posting[][] {
    const packs: Posting[][] = Array.from({ length: Math.ceil(this.options.vocabulary / tokensPerPack) }, () => []);
    for (const posting of this.#postings) packs[Math.floor(posting.token / tokensPerPack)]!.push(posting);
    for (const postings of packs) postings.sort((a, b) => a.token - b.token || a.feature - b.feature);
    return packs;
  }
}

function rowOf({ state, reason, firing, max, mean, topTokens: [top] }: FeaturePage): TableRow {
  const name = state === 'dead' ? (`dead: ${reason ?? 'never fires'}` as const) : state;
  return {
    state: states.indexOf(name),
    firing,
    max,
    mean,
    topToken: top?.id ?? noToken,
    topShare: top?.share ?? 0,
  };
}
