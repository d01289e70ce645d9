import { type ColumnName, type ColumnValues, noToken } from '../../../src/pages/table.js';
import type { Columns } from './matches.js';
import { type Direction, orderRows } from './order.js';

export const sortKeys = ['feature', 'label', 'state', 'density', 'firing', 'max', 'mean', 'token', 'share'] as const;
export type SortKey = (typeof sortKeys)[number];

export interface Sort {
  readonly key: SortKey;
  readonly direction: Direction;
}

export const defaultSort: Sort = { key: 'feature', direction: 'ascending' };

/** The direction in which a column is first sorted: texts and numbers of features from the first, figures from the largest. */
export function firstDirection(key: SortKey): Direction {
  return key === 'feature' || key === 'label' || key === 'token' ? 'ascending' : 'descending';
}

/** `max` is descending, `-max` the other way; the default is left out. */
export function writeSort({ key, direction }: Sort, query = new URLSearchParams()): URLSearchParams {
  const isDefault = key === defaultSort.key && direction === defaultSort.direction;
  if (!isDefault) query.set('sort', direction === firstDirection(key) ? key : `-${key}`);
  return query;
}

/** The reverse; the default for what is no sort. */
export function readSort(query: URLSearchParams): Sort {
  const text = query.get('sort') ?? '';
  const key = sortKeys.find((each) => each === text.replace(/^-/, ''));
  if (key === undefined) return defaultSort;
  const first = firstDirection(key);
  return { key, direction: text === key ? first : first === 'ascending' ? 'descending' : 'ascending' };
}

/** The column that a sort looks at; none for the feature's number and its label. */
export function columnOf(key: SortKey): ColumnName | undefined {
  switch (key) {
    case 'feature':
    case 'label':
      return undefined;
    case 'density':
      return 'firing';
    case 'token':
      return 'topToken';
    case 'share':
      return 'topShare';
    case 'firing':
    case 'max':
    case 'mean':
    case 'state':
      return key;
  }
}

/** What sorting by text needs. */
export interface TextPlaces {
  /** Place of each token id in the order of the tokens' texts, from 0. */
  readonly tokens?: Uint32Array;
  /** Place of each labelled feature in the order of the labels, from 0. */
  readonly labels?: ReadonlyMap<number, number>;
}

/**
 * All features in the order of a sort, equal ones by number. What has no text stands at the end, whatever the direction.
 * @param of features of the SAE
 */
export function sortFeatures({ key, direction }: Sort, of: number, columns: Columns, places: TextPlaces): Uint32Array {
  const name = columnOf(key);
  const column = name && columns[name];
  const missing = direction === 'ascending' ? noToken : 0;
  if (key === 'label') {
    const values = new Uint32Array(of).fill(missing);
    for (const [feature, place] of places.labels ?? []) values[feature] = place + 1;
    return orderRows(values, direction);
  }
  if (key === 'token' && column)
    return orderRows(tokenPlaces(column, places.tokens ?? new Uint32Array(0), missing), direction);
  return orderRows(column ?? numbersTo(of), direction);
}

/** Place of each text in alphabetical order, whatever its case and leading spaces; then by the text itself. */
export function placesOfTexts(texts: readonly string[], compared: readonly string[]): Uint32Array {
  const keys = compared.map((text) => text.trimStart());
  const order = Uint32Array.from(texts.keys()).sort(
    (a, b) => compare(keys[a]!, keys[b]!) || compare(texts[a]!, texts[b]!) || a - b,
  );
  const places = new Uint32Array(texts.length);
  order.forEach((n, place) => (places[n] = place));
  return places;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function tokenPlaces(column: ColumnValues, places: Uint32Array, missing: number): Uint32Array {
  const values = new Uint32Array(column.length);
  for (let row = 0; row < values.length; row++) {
    const place = places[column[row]!];
    values[row] = place === undefined ? missing : place + 1;
  }
  return values;
}

function numbersTo(end: number): Uint32Array {
  const numbers = new Uint32Array(end);
  for (let n = 0; n < end; n++) numbers[n] = n;
  return numbers;
}
