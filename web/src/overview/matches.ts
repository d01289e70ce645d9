import { type ColumnName, type ColumnValues, states } from '../../../src/pages/table.js';
import { type Filters, type Range, type RangeName, rangeNames, type StateName } from './filters.js';

/** Columns of the feature table, row = feature: those that are at hand. */
export type Columns = Readonly<Partial<Record<ColumnName, ColumnValues>>>;

/** What filters are applied to. */
export interface Filtered {
  readonly columns: Columns;
  /** Tokens of the run: density is firing over this. */
  readonly tokens: number;
  /** Text of every token id, for comparison; needed for `tokenText`. */
  readonly tokenTexts?: readonly string[];
  /** Labels by feature, for comparison; needed for `label`. */
  readonly labels?: ReadonlyMap<number, string>;
}

/** The column that a range is about. */
export const rangeColumns = {
  density: 'firing',
  firing: 'firing',
  max: 'max',
  mean: 'mean',
  share: 'topShare',
} as const satisfies Record<RangeName, ColumnName>;

/** Columns that the filters look at, beside `state`. */
export function columnsOf({ ranges, tokenId, tokenText }: Filters): ColumnName[] {
  const names = rangeNames.filter((name) => ranges[name]).map((name) => rangeColumns[name]);
  return [...new Set<ColumnName>([...names, ...(tokenId === undefined && !tokenText ? [] : ['topToken' as const])])];
}

/** The same text whatever its case, for comparison. */
export function folded(text: string): string {
  return text.normalize('NFC').toLowerCase();
}

/**
 * 1 for every feature that is in the run and passes all filters, else 0.
 * A bound of a float32 column is rounded to float32, so that a value passes the bound that it is printed as.
 * @throws RangeError when a column is missing that `columnsOf` names
 */
export function matchFeatures(filters: Filters, filtered: Filtered): Uint8Array {
  const { columns, tokens, tokenTexts, labels } = filtered;
  const matches = matchStates(needed(columns, 'state'), filters.states);
  for (const name of rangeNames) {
    const range = filters.ranges[name];
    if (range) matchRange(matches, needed(columns, rangeColumns[name]), range, name === 'density' ? tokens : 1);
  }
  if (filters.tokenId !== undefined) {
    const { tokenId } = filters;
    matchTokens(matches, needed(columns, 'topToken'), (id) => id === tokenId);
  }
  if (filters.tokenText) {
    const wanted = folded(filters.tokenText);
    const found = Uint8Array.from(tokenTexts ?? [], (text) => (text.includes(wanted) ? 1 : 0));
    matchTokens(matches, needed(columns, 'topToken'), (id) => found[id] === 1);
  }
  if (filters.label) matchLabels(matches, labels ?? new Map(), folded(filters.label));
  return matches;
}

/** The matching features in the order given. */
export function pickMatches(order: Uint32Array, matches: Uint8Array): Uint32Array {
  const picked = new Uint32Array(order.length);
  let count = 0;
  for (let n = 0; n < order.length; n++) {
    const feature = order[n]!;
    picked[count] = feature;
    count += matches[feature]!;
  }
  return picked.slice(0, count);
}

/** The name under which filters know a row of the column `state`. */
export function stateName(state: number): StateName | undefined {
  const name = states[state];
  if (name === 'alive' || name === 'dense') return name;
  return name === undefined || name === 'not in the run' ? undefined : 'dead';
}

function matchStates(column: ColumnValues, wanted: readonly StateName[]): Uint8Array {
  const passes = states.map((_, state) => {
    const name = stateName(state);
    return name !== undefined && (wanted.length === 0 || wanted.includes(name)) ? 1 : 0;
  });
  const matches = new Uint8Array(column.length);
  for (let row = 0; row < matches.length; row++) matches[row] = passes[column[row]!] ?? 0;
  return matches;
}

function matchRange(
  matches: Uint8Array,
  column: ColumnValues,
  { from = -Infinity, to = Infinity }: Range,
  unit: number,
): void {
  const rounded = column instanceof Float32Array ? Math.fround : Number;
  const [least, most] = [rounded(from), rounded(to)];
  for (let row = 0; row < matches.length; row++) {
    const value = column[row]! / unit;
    if (value < least || value > most) matches[row] = 0;
  }
}

function matchTokens(matches: Uint8Array, column: ColumnValues, passes: (id: number) => boolean): void {
  for (let row = 0; row < matches.length; row++) if (!passes(column[row]!)) matches[row] = 0;
}

function matchLabels(matches: Uint8Array, labels: ReadonlyMap<number, string>, wanted: string): void {
  const found = new Uint8Array(matches.length);
  for (const [feature, label] of labels) if (label.includes(wanted)) found[feature] = 1;
  for (let row = 0; row < matches.length; row++) matches[row]! &= found[row]!;
}

function needed(columns: Columns, name: ColumnName): ColumnValues {
  const column = columns[name];
  if (column === undefined) throw new RangeError(`the column ${name} is not at hand`);
  return column;
}
