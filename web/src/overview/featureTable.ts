import { type ColumnName, type ColumnValues, states } from '../../../src/pages/table.js';
import { tokenTextsOf } from '../text/tokenTexts.js';
import type { RunStore } from '../runStore.js';
import { type Filters, writeFilters } from './filters.js';
import { type Columns, columnsOf, folded, matchFeatures, pickMatches } from './matches.js';
import { columnOf, placesOfTexts, type Sort, sortFeatures, type TextPlaces, writeSort } from './sort.js';

const tables = new WeakMap<RunStore, FeatureTable>();

/** The table of a run: one for all views. */
export function tableOf(store: RunStore): FeatureTable {
  const table = tables.get(store) ?? new FeatureTable(store);
  tables.set(store, table);
  return table;
}

/** Texts of all token ids. */
export interface TokenTexts {
  readonly texts: readonly string[];
  /** The same, folded: texts that differ in case only are equal. */
  readonly compared: readonly string[];
}

/** What the table shows: features in their order. */
export interface Shown {
  readonly features: Uint32Array;
  /** 1 for every feature that is shown, by number. */
  readonly matches: Uint8Array;
}

/** A feature as the table shows it. What has not been read yet is undefined. */
export interface FeatureRow {
  readonly feature: number;
  readonly label: string | undefined;
  /** One of `states`. */
  readonly state: string | undefined;
  readonly density: number | undefined;
  readonly firing: number | undefined;
  readonly max: number | undefined;
  readonly mean: number | undefined;
  readonly topToken: { readonly id: number; readonly text: string | undefined } | undefined;
  readonly share: number | undefined;
}

/**
 * The feature table of a run. A column is fetched whole when it is first asked for; texts of tokens and labels likewise.
 * The last order and the last matches are kept, since one mostly changes while the other stays.
 */
export class FeatureTable {
  readonly #columns: Partial<Record<ColumnName, ColumnValues>> = {};
  #tokens: TokenTexts | undefined;
  #labels: ReadonlyMap<number, string> | undefined;
  #comparedLabels: ReadonlyMap<number, string> | undefined;
  #places: TextPlaces = {};
  #order: { readonly key: string; readonly features: Uint32Array } | undefined;
  #matches: { readonly key: string; readonly matches: Uint8Array } | undefined;

  constructor(readonly store: RunStore) {}

  /** Columns that have been read. */
  get columns(): Columns {
    return this.#columns;
  }

  /** Whether features of the run have labels. */
  get hasLabels(): boolean {
    return this.store.description.table.labels !== null;
  }

  /** Texts of tokens, as they are and for comparison, once they have been read. */
  get tokenTexts(): TokenTexts | undefined {
    return this.#tokens;
  }

  /** Makes a column ready. @throws RunDamaged that names its file */
  async readColumn(name: ColumnName): Promise<ColumnValues> {
    return (this.#columns[name] ??= await this.store.column(name));
  }

  /** Makes the texts of tokens ready. @throws RunDamaged */
  async readTokenTexts(): Promise<readonly string[]> {
    if (!this.#tokens) {
      const texts = tokenTextsOf(await this.store.vocabulary());
      this.#tokens ??= { texts, compared: texts.map(folded) };
    }
    return this.#tokens.texts;
  }

  /** Makes the labels ready. @throws RunDamaged */
  async readLabels(): Promise<ReadonlyMap<number, string>> {
    return (this.#labels ??= await this.store.labels());
  }

  /** The features that pass the filters, in the order asked for. Reads what it needs. @throws RunDamaged */
  async shown(sort: Sort, filters: Filters): Promise<Shown> {
    await this.#prepare(sort, filters);
    const matches = this.matches(filters);
    return { features: pickMatches(this.order(sort), matches), matches };
  }

  /** All features in order; what the sort looks at has been read. */
  order(sort: Sort): Uint32Array {
    const key = writeSort(sort).toString();
    if (this.#order?.key !== key) {
      const { of } = this.store.description.features;
      this.#order = { key, features: sortFeatures(sort, of, this.#columns, this.#places) };
    }
    return this.#order.features;
  }

  /** 1 for every feature that passes, by number; what the filters look at has been read. */
  matches(filters: Filters): Uint8Array {
    const key = writeFilters(filters).toString();
    if (this.#matches?.key !== key) {
      const filtered = {
        columns: this.#columns,
        tokens: this.store.description.tokens,
        ...(this.#tokens && { tokenTexts: this.#tokens.compared }),
        ...(this.#comparedLabels && { labels: this.#comparedLabels }),
      };
      this.#matches = { key, matches: matchFeatures(filters, filtered) };
    }
    return this.#matches.matches;
  }

  row(feature: number): FeatureRow {
    const { state, firing, max, mean, topToken, topShare } = this.#columns;
    const fires = firing === undefined || firing[feature]! > 0;
    const id = topToken?.[feature];
    return {
      feature,
      label: this.#labels?.get(feature),
      state: state && states[state[feature]!],
      density: firing && firing[feature]! / this.store.description.tokens,
      firing: firing?.[feature],
      max: max?.[feature],
      mean: mean?.[feature],
      topToken: id === undefined || !fires ? undefined : { id, text: this.#tokens?.texts[id] },
      share: fires ? topShare?.[feature] : undefined,
    };
  }

  async #prepare(sort: Sort, filters: Filters): Promise<void> {
    const sorted = columnOf(sort.key);
    const names: ColumnName[] = ['state', ...columnsOf(filters), ...(sorted ? [sorted] : [])];
    await Promise.all([
      ...names.map((name) => this.readColumn(name)),
      sort.key === 'token' || filters.tokenText ? this.readTokenTexts() : undefined,
      sort.key === 'label' || filters.label ? this.readLabels() : undefined,
    ]);
    if (filters.label)
      this.#comparedLabels ??= new Map([...this.#labels!].map(([feature, text]) => [feature, folded(text)]));
    if (sort.key === 'token' && !this.#places.tokens) {
      this.#places = { ...this.#places, tokens: placesOfTexts(this.#tokens!.texts, this.#tokens!.compared) };
    }
    if (sort.key === 'label' && !this.#places.labels) {
      const features = [...this.#labels!.keys()];
      const texts = [...this.#labels!.values()];
      const places = placesOfTexts(texts, texts.map(folded));
      this.#places = { ...this.#places, labels: new Map(features.map((feature, n) => [feature, places[n]!])) };
    }
  }
}
