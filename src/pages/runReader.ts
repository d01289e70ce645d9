import * as z from 'zod/mini';
import { FeatureMissing, RunMissing } from '../errors.js';
import { type FeatureRange, hasFeature, parseFeatures } from './featureSet.js';
import { damaged } from './pack.js';
import { readItems, unpackAll } from './packReader.js';
import type { FeaturePage } from './page.js';
import {
  columnFile,
  decodeRun,
  labelsFile,
  maxRunBytes,
  pagesFile,
  runFile,
  type RunDescription,
  searchFile,
  streamFile,
  vocabularyFile,
} from './run.js';
import type { RunFiles } from './runFiles.js';
import { decodePostings, type Posting, tokensPerPack } from './search.js';
import { decodeStoredPage } from './storedPage.js';
import { type ColumnName, type ColumnValues, decodeRows, newColumn } from './table.js';
import * as stream from './tokenStream.js';
import { decodeTokens, tokensPerItem } from './vocabulary.js';

/** Features on which a token is common, the best ones first. */
export interface SearchResult {
  readonly features: readonly Posting[];
  /** Of so many. */
  readonly total: number;
}

/**
 * A visualize run, read a few ranges at a time. Free of Node's own modules: the browser uses it, too.
 * Every method throws RunDamaged, which names the file that is missing, cut short or corrupt.
 */
export class RunReader {
  readonly #features: readonly FeatureRange[];

  private constructor(
    private readonly files: RunFiles,
    readonly description: RunDescription,
    private readonly where: string,
  ) {
    this.#features = description.features.set === '' ? [] : parseFeatures(description.features.set, where);
  }

  /**
   * @param where the run's address, for messages
   * @throws RunMissing, RunInvalid
   */
  static async open(files: RunFiles, where: string, signal?: AbortSignal): Promise<RunReader> {
    const bytes = await files.readWhole(runFile, maxRunBytes, signal);
    if (bytes === undefined) {
      throw new RunMissing(
        `${where} has no ${runFile}, so it is not (or not yet) a visualize run. Is it the run's output prefix, and has ` +
          'the workflow finished?',
        { where },
      );
    }
    return new RunReader(files, decodeRun(bytes, `${where}/${runFile}`), where);
  }

  /** Whether the run has a page of this feature. */
  has(feature: number): boolean {
    return hasFeature(this.#features, feature);
  }

  /** @throws FeatureMissing for a feature that is not in the run */
  require(feature: number): void {
    if (this.has(feature)) return;
    const { of, set } = this.description.features;
    const listed = set.length > 200 ? `${set.slice(0, 200)}…` : set;
    const what = feature < of ? `it was made for ${listed || 'none'}` : `its SAE has the features 0 to ${of - 1}`;
    throw new FeatureMissing(`Feature ${feature} is not in the run ${this.where}: ${what}.`, { feature, of });
  }

  /** A feature's page: two range requests. @throws FeatureMissing */
  async page(feature: number, signal?: AbortSignal): Promise<FeaturePage> {
    const found = await this.pages(feature, feature + 1, signal).next();
    return found.value as FeaturePage;
  }

  /**
   * The pages of features [from, to) in their order: two range requests a pack, one more for each 16 MiB.
   * @throws FeatureMissing
   */
  async *pages(from: number, to: number, signal?: AbortSignal): AsyncGenerator<FeaturePage, void> {
    const { featuresPerPack } = this.description.pages;
    for (let feature = from; feature < to; feature++) this.require(feature);
    for (let first = from; first < to;) {
      const n = Math.floor(first / featuresPerPack);
      const pack = { file: pagesFile(n), first: n * featuresPerPack };
      const end = Math.min(to, pack.first + featuresPerPack);
      for (const bytes of await readItems(this.files, pack, first, end, signal)) {
        if (bytes === undefined) throw damaged(pack.file, `the page of feature ${first} is missing`);
        yield decodeStoredPage(bytes, first, pack.file);
        first++;
      }
    }
  }

  /** One column of the feature table, row = feature: one request. */
  async column(name: ColumnName, signal?: AbortSignal): Promise<ColumnValues> {
    const described = this.description.table.columns.find((column) => column.name === name);
    const file = columnFile(name);
    if (described === undefined) throw damaged(runFile, `it lists no column ${name}`);
    const values = newColumn(described.dtype, this.description.features.of);
    const items = await this.readTable(file, values.byteLength * 2, signal);
    const { featuresPerPack } = this.description.pages;
    items.forEach((item, n) => item && decodeRows(item, values, n * featuresPerPack, file));
    return values;
  }

  /** Labels of the features that have one: one request, none where the run has no labels. */
  async labels(signal?: AbortSignal): Promise<Map<number, string>> {
    const labels = new Map<number, string>();
    if (this.description.table.labels === null) return labels;
    const { featuresPerPack } = this.description.pages;
    const items = await this.readTable(labelsFile, 2 ** 30, signal);
    items.forEach((item, n) => {
      if (item === undefined) return;
      for (const [row, label] of parseLabels(item).entries()) {
        if (label !== null) labels.set(n * featuresPerPack + row, label);
      }
    });
    return labels;
  }

  /** The features for which a token is at least 5 % of the sample: two range requests. */
  async search(token: number, signal?: AbortSignal): Promise<SearchResult> {
    if (token < 0 || token >= this.description.search.tokens) return { features: [], total: 0 };
    const n = Math.floor(token / tokensPerPack);
    const pack = { file: searchFile(n), first: n * tokensPerPack };
    const [item] = await readItems(this.files, pack, token, token + 1, signal);
    if (item === undefined) return { features: [], total: 0 };
    const { postings, total } = decodePostings(item, pack.file);
    return { features: postings, total };
  }

  /** Tokens of rows [from, to) of the dataset, cut to those that exist: one range request, or two. */
  async tokens(from: number, to: number, signal?: AbortSignal): Promise<stream.Tokens & { readonly from: number }> {
    const { rows, idBytes } = this.description.stream;
    const [first, end] = [Math.max(0, from), Math.min(rows, to)];
    const tokens = stream.newTokens(Math.max(0, end - first));
    for (let row = first; row < end;) {
      const last = Math.min(end, (Math.floor(row / stream.rowsPerFile) + 1) * stream.rowsPerFile);
      const place = stream.locateRows(row, last, idBytes);
      const file = streamFile(place.file);
      const blocks = await this.files.read(file, place.start, place.end, signal);
      stream.decodeRows(blocks, { from: row, to: last }, idBytes, tokens, row - first, file);
      row = last;
    }
    return { ...tokens, from: first };
  }

  /** The bytes of every token, by id: one request. */
  async vocabulary(signal?: AbortSignal): Promise<readonly Uint8Array[]> {
    const { tokens } = this.description.vocabulary;
    const items = await this.readTable(vocabularyFile, 2 ** 30, signal);
    return items.flatMap((item, n) => {
      const count = Math.min(tokensPerItem, tokens - n * tokensPerItem);
      return decodeTokens(item ?? new Uint8Array(0), count, vocabularyFile);
    });
  }

  private async readTable(file: string, limit: number, signal?: AbortSignal): Promise<(Uint8Array | undefined)[]> {
    const bytes = await this.files.readWhole(file, limit + 2 ** 20, signal);
    if (bytes === undefined) throw damaged(file, 'it is missing');
    return unpackAll(bytes, file);
  }
}

function parseLabels(item: Uint8Array): (string | null)[] {
  try {
    return z.array(z.nullable(z.string())).parse(JSON.parse(new TextDecoder().decode(item)));
  } catch {
    throw damaged(labelsFile, 'an item is not a list of labels');
  }
}
