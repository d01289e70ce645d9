import { NotInReadingOrder, TokenUnknown, ValueUnusable } from '../errors.js';
import { columnBytes } from '../formats/columns.js';
import type { ObjectStore } from '../storage/objectStore.js';
import type { Place } from './columns.js';
import { readColumns } from './columnView.js';
import type { ReadOptions } from './columnView.js';
import type { Dump, IntegerColumns } from './dump.js';
import { widenIntegers } from './integers.js';

/** Consecutive tokens of a dump. Where the dump does not know a place, there is null. */
export interface TokenRows extends Readonly<Record<Place, Float64Array | null>> {
  /** Row of the first. */
  readonly first: number;
  /** Their ids. */
  readonly tokens: Int32Array;
}

/** Ids of tokens are smaller. */
const idLimit = 2 ** 31;

/**
 * Reads the integers of rows [first, first + rows). It takes up to 90 bytes a row meanwhile, and at most 28 of them are
 * in the result.
 * @throws ValueUnusable for a token id that is negative or has more than 31 bits, and for other integers beyond
 *   ±(2^53 − 1); ObjectMissing, ObjectChanged as `readColumns`
 */
export async function readTokenRows(
  store: ObjectStore,
  dump: Dump,
  first: number,
  rows: number,
  options?: ReadOptions,
): Promise<TokenRows> {
  const { contextLength } = dump;
  const values: Partial<Record<'tokens' | Place, Float64Array>> = {};
  for (const columns of dump.integers) {
    Object.assign(values, await readIntegers(store, dump, columns, first, rows, options));
  }
  if (contextLength !== undefined) {
    values.context ??= Float64Array.from({ length: rows }, (_, i) => Math.floor((first + i) / contextLength));
    values.position ??= Float64Array.from({ length: rows }, (_, i) => (first + i) % contextLength);
  }
  const { tokens = new Float64Array(0), context = null, position = null, document = null } = values;
  return { first, tokens: new Int32Array(tokens), context, position, document };
}

async function readIntegers(
  store: ObjectStore,
  dump: Dump,
  { view, roles, tokensPerRow }: IntegerColumns,
  first: number,
  rows: number,
  options?: ReadOptions,
): Promise<Record<string, Float64Array>> {
  const { columns } = view.dataset;
  const begin = Math.floor(first / tokensPerRow);
  const end = Math.ceil((first + rows) / tokensPerRow);
  const targets = columns.map((column) => new Uint8Array((end - begin) * columnBytes(column)));
  await readColumns(store, view, begin, end - begin, targets, options);
  const values: Record<string, Float64Array> = {};
  for (const [index, column] of columns.entries()) {
    const role = roles[index]!;
    const widened = widenIntegers(targets[index]!, column.dtype);
    const fits = (value: number): boolean =>
      role === 'tokens' ? value >= 0 && value < idLimit : Number.isSafeInteger(value);
    const misfit = widened.findIndex((value) => !fits(value));
    if (misfit >= 0) throw valueUnusable(dump, (begin + misfit) * tokensPerRow, role, column.name, widened[misfit]!);
    values[role] =
      tokensPerRow === 1
        ? widened
        : Float64Array.from({ length: rows }, (_, i) => widened[Math.floor((first + i) / tokensPerRow) - begin]!);
  }
  return values;
}

/**
 * Checks that inside each context the position rises by one from row to row.
 * @throws NotInReadingOrder that names the first row that does not
 */
export function checkReadingOrder(dump: Dump, { first, context, position }: TokenRows): void {
  if (!context || !position) return;
  for (let i = 1; i < position.length; i++) {
    if (context[i] !== context[i - 1] || position[i] === position[i - 1]! + 1) continue;
    throw new NotInReadingOrder(
      `Row ${first + i} of ${dump.where} has position ${position[i]} in context ${context[i]}, after position ` +
        `${position[i - 1]} of the same context: the rows are not in reading order. If they were shuffled, give the ` +
        'dump from before; if context or position are other columns, name them in columns.',
      { row: first + i, context: context[i], position: position[i], before: position[i - 1] },
    );
  }
}

/**
 * Checks that a tokenizer knows all tokens.
 * @throws TokenUnknown that names the first row whose token it does not know
 */
export function checkTokenIds(
  dump: Dump,
  { first, tokens }: TokenRows,
  tokenizer: { readonly size: number; has(id: number): boolean },
): void {
  const unknown = tokens.findIndex((id) => !tokenizer.has(id));
  if (unknown < 0) return;
  throw new TokenUnknown(
    `Row ${first + unknown} of ${dump.where} has the token id ${tokens[unknown]}, which is not in the tokenizer's ` +
      `vocabulary of ${tokenizer.size}: give the tokenizer of the model that read these tokens.`,
    { row: first + unknown, id: tokens[unknown] },
  );
}

function valueUnusable(dump: Dump, row: number, role: string, column: string, value: number): ValueUnusable {
  const allowed = role === 'tokens' ? 'token ids are from 0 to 2^31 - 1' : 'it must lie within ±(2^53 - 1)';
  return new ValueUnusable(
    `Row ${row} of ${dump.where} has ${value} in column ${JSON.stringify(column)}, but ${allowed}: name another column ` +
      `in columns.${role}, or write this one anew.`,
    { row, column, value },
  );
}
