import { ColumnUnusable } from '../errors.js';
import type { PlacedDataset } from '../formats/concatenation.js';
import type { Column } from '../formats/dataset.js';
import type { ActivationDtype } from '../formats/float32.js';
import { quoted } from '../formats/shardHeader.js';
import { formatPrefix } from '../storage/uri.js';

/** The columns that `visualize` reads, and their usual names. */
export const usualNames = {
  activations: 'activations',
  tokens: 'tokens',
  context: 'context',
  position: 'position',
  document: 'document',
} as const;

export type Role = keyof typeof usualNames;

/** Columns of integers that say where a token stands. */
export type Place = 'context' | 'position' | 'document';

export type ColumnNames = { readonly [role in Role]?: string | undefined };

/** A column of integers, and how its values belong to tokens. */
export interface IntegerColumn {
  readonly role: 'tokens' | Place;
  readonly source: PlacedDataset;
  readonly column: Column;
  /** Values in a record. */
  readonly rowsPerRecord: number;
  /** Tokens that share one value. */
  readonly tokensPerRow: number;
}

const integerDtypes: ReadonlySet<string> = new Set(['I8', 'U8', 'I16', 'U16', 'I32', 'U32', 'I64', 'U64']);

export function findColumn({ dataset }: PlacedDataset, role: Role, names: ColumnNames): Column | undefined {
  const name = names[role] ?? usualNames[role];
  return dataset.columns.find((column) => column.name === name);
}

export function requireColumn(source: PlacedDataset, role: Role, names: ColumnNames): Column {
  return findColumn(source, role, names) ?? missing([source], role, names);
}

/** @throws ColumnUnusable */
export function missing(sources: readonly PlacedDataset[], role: Role, names: ColumnNames): never {
  const name = names[role] ?? usualNames[role];
  const searched = [...new Set(sources)].map(
    ({ place, dataset }) =>
      `${formatPrefix(place)} (${dataset.columns.map((column) => quoted(column.name)).join(', ')})`,
  );
  throw new ColumnUnusable(
    `There is no column ${quoted(name)} in ${searched.join(' or ')}: say in columns.${role} which one holds the ${role}.`,
    { role, column: name },
  );
}

export function activationDtype(source: PlacedDataset, column: Column): ActivationDtype {
  const { dtype } = column;
  if (dtype === 'F16' || dtype === 'BF16' || dtype === 'F32') return dtype;
  throw unusable(source, column, 'activations have dtype F16, BF16 or F32');
}

/**
 * Tokens of a record of activations: 1 for [width], the first dimension for [context, width]. The width may be cut in
 * two, as heads and the width of a head.
 * @throws ColumnUnusable when no such reading gives the width that the SAE takes
 */
export function tokensOfActivations(source: PlacedDataset, column: Column, width: number): number {
  const { shape } = column;
  let product = 1;
  for (let at = shape.length - 1; at >= 0; at--) {
    product *= shape[at]!;
    if (product !== width) continue;
    const [tokens = 1, ...others] = shape.slice(0, at);
    if (others.length === 0 && tokens > 0) return tokens;
    break;
  }
  throw unusable(source, column, `the SAE takes activations of [${width}], or of [context, ${width}]`);
}

/** Tokens of a record that holds [] or [context] of them. @throws ColumnUnusable */
export function tokensOfRecord(source: PlacedDataset, column: Column): number {
  checkInteger(source, column);
  const [tokens = 1, ...others] = column.shape;
  if (others.length === 0 && tokens > 0) return tokens;
  throw unusable(source, column, 'a record has one token, or the tokens of one context');
}

/**
 * How a column belongs to tokens, of which its dataset has `tokens` a record.
 * @throws ColumnUnusable
 */
export function placeColumn(source: PlacedDataset, column: Column, role: Place, tokens: number): IntegerColumn {
  checkInteger(source, column);
  const { shape } = column;
  const values = shape.reduce((product, size) => product * size, 1);
  if (shape.length <= 1 && values === tokens) {
    return { role, source, column, rowsPerRecord: tokens, tokensPerRow: 1 };
  }
  if (shape.length <= 1 && values === 1 && role !== 'position') {
    return { role, source, column, rowsPerRecord: 1, tokensPerRow: tokens };
  }
  throw unusable(source, column, `a record has ${tokens} tokens`);
}

function checkInteger(source: PlacedDataset, column: Column): void {
  if (!integerDtypes.has(column.dtype)) throw unusable(source, column, 'it must hold integers of 8 to 64 bits');
}

function unusable({ place }: PlacedDataset, { name, dtype, shape }: Column, wanted: string): ColumnUnusable {
  return new ColumnUnusable(
    `Column ${quoted(name)} of ${formatPrefix(place)} is ${dtype} [${shape.join(', ')}] a record, but ${wanted}. Name ` +
      'another column in columns, or write this one anew.',
    { column: name, dtype, shape },
  );
}
