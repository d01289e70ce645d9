import { FeatureMissing } from '../../src/errors.js';
import { type FeatureRange, parseFeatures } from '../../src/pages/featureSet.js';
import type { FeaturePage } from '../../src/pages/page.js';
import type { RunDescription } from '../../src/pages/run.js';
import type { RunFiles } from '../../src/pages/runFiles.js';
import { RunReader } from '../../src/pages/runReader.js';
import type { ColumnName, ColumnValues } from '../../src/pages/table.js';
import { rowsPerBlock, type Tokens } from '../../src/pages/tokenStream.js';
import { textsOfBytes } from '../../src/tokens/characters.js';
import { Loaded } from './loaded.js';

/** Pages kept in memory: some megabytes. */
const keptPages = 64;

/** Blocks of the token stream kept in memory, each of `rowsPerBlock` rows. */
const keptBlocks = 256;

/** A run that is open: what was read of it stays at hand, within bounds, so that it is asked for once. */
export class RunStore {
  readonly description: RunDescription;
  /** Features that the run has, ascending. */
  readonly features: readonly FeatureRange[];

  private readonly pages = new Loaded<number, FeaturePage>(keptPages);
  private readonly columns = new Loaded<ColumnName, ColumnValues>(Infinity);
  private readonly blocks = new Loaded<number, Tokens>(keptBlocks);
  private readonly wholeFiles = new Loaded<string, unknown>(Infinity);

  private constructor(readonly reader: RunReader) {
    this.description = reader.description;
    const { set } = this.description.features;
    this.features = set === '' ? [] : parseFeatures(set, 'run.json');
  }

  /** @param where the run's address, for messages @throws RunMissing, RunInvalid */
  static async open(files: RunFiles, where: string): Promise<RunStore> {
    return new RunStore(await RunReader.open(files, where));
  }

  /** A feature's page. @throws FeatureMissing, RunDamaged */
  page(feature: number): Promise<FeaturePage> {
    return this.pages.get(feature, () => this.reader.page(feature));
  }

  /** The page, if it was read before: then it can be shown without waiting. */
  pageAtHand(feature: number): FeaturePage | undefined {
    return this.pages.peek(feature);
  }

  /** Reads pages that are probably wanted next. A failure is silent: whoever wants the page is told. */
  prefetch(features: readonly (number | undefined)[]): void {
    for (const feature of features) if (feature !== undefined) this.page(feature).catch(() => undefined);
  }

  /** The run's next feature above this number, or undefined after the last. */
  after(feature: number): number | undefined {
    const range = this.features.find(({ to }) => to > feature + 1);
    return range && Math.max(range.from, feature + 1);
  }

  /** The run's next feature below this number, or undefined before the first. */
  before(feature: number): number | undefined {
    const range = this.features.findLast(({ from }) => from < feature);
    return range && Math.min(range.to, feature) - 1;
  }

  /** One column of the feature table, row = feature; fetched whole when first wanted. @throws RunDamaged */
  column(name: ColumnName): Promise<ColumnValues> {
    return this.columns.get(name, () => this.reader.column(name));
  }

  /** Labels of the features that have one. @throws RunDamaged */
  labels(): Promise<Map<number, string>> {
    return this.whole('labels', () => this.reader.labels());
  }

  /** The bytes of every token, by id; fetched once. @throws RunDamaged */
  vocabulary(): Promise<readonly Uint8Array[]> {
    return this.whole('vocabulary', () => this.reader.vocabulary());
  }

  /** Text of consecutive tokens, one string a token, as pages show it. @throws RunDamaged */
  async textsOf(ids: readonly number[]): Promise<string[]> {
    const vocabulary = await this.vocabulary();
    return textsOfBytes(ids.map((id) => vocabulary[id] ?? new Uint8Array(0)));
  }

  /** Tokens of rows [from, to) of the dataset, cut to those that exist. @throws RunDamaged */
  async tokens(from: number, to: number): Promise<TokenRow[]> {
    const [first, end] = [Math.max(0, from), Math.min(this.description.stream.rows, to)];
    const rows: TokenRow[] = [];
    for (let block = Math.floor(first / rowsPerBlock); block * rowsPerBlock < end; block++) {
      const start = block * rowsPerBlock;
      const tokens = await this.blocks.get(block, () => this.reader.tokens(start, start + rowsPerBlock));
      for (let row = Math.max(first, start); row < Math.min(end, start + rowsPerBlock); row++) {
        rows.push({
          row,
          id: tokens.ids[row - start]!,
          startsContext: tokens.startsContext[row - start] === 1,
          startsDocument: tokens.startsDocument[row - start] === 1,
          excluded: tokens.excluded[row - start] === 1,
        });
      }
    }
    return rows;
  }

  private whole<T>(name: string, read: () => Promise<T>): Promise<T> {
    return this.wholeFiles.get(name, read) as Promise<T>;
  }
}

/** A token of the dataset. */
export interface TokenRow {
  readonly row: number;
  readonly id: number;
  readonly startsContext: boolean;
  readonly startsDocument: boolean;
  readonly excluded: boolean;
}

/** Whether an error says that a feature is not in the run, which is no damage. */
export function isMissingFeature(error: unknown): boolean {
  return error instanceof FeatureMissing;
}
