import { ShardInvalid } from '../errors.js';
import type { Column } from './dataset.js';

/** What the header of one shard file says, checked against the file's length. */
export interface ShardHeader {
  readonly rows: number;
  /** Where the data begins. */
  readonly header: number;
  /** Columns in file order. */
  readonly columns: readonly Column[];
  /** Byte offset of each column, from `header`. */
  readonly offsets: readonly number[];
  /** Free text pairs that the format may carry; empty for most. */
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Where a shard has the columns of its dataset, whatever their order in the file: byte offsets from `header`, in the
 * dataset's order. Or what it has in place of them, as a clause about the shard.
 */
export function arrangeColumns(
  columns: readonly Column[],
  shard: ShardHeader,
): { readonly offsets: readonly number[] } | { readonly fault: string } {
  const indexOf = new Map(shard.columns.map((column, index) => [column.name, index]));
  const offsets: number[] = [];
  for (const column of columns) {
    const index = indexOf.get(column.name) ?? -1;
    const found = shard.columns[index];
    if (!found) return { fault: `it has no column ${quoted(column.name)}` };
    if (found.dtype !== column.dtype || String(found.shape) !== String(column.shape)) {
      return { fault: `its column ${quoted(column.name)} is ${typeName(found)}, not ${typeName(column)}` };
    }
    offsets.push(shard.offsets[index] ?? 0);
    indexOf.delete(column.name);
  }
  const [extra] = indexOf.keys();
  return extra === undefined ? { offsets } : { fault: `it has a column more, ${quoted(extra)}` };
}

function typeName({ dtype, shape }: Column): string {
  return `${dtype} [${shape.join(', ')}]`;
}

/**
 * @param where the shard, e.g. its URI
 * @param what what is wrong with it, as a clause
 */
export function shardFault(where: string, what: string, cause?: unknown): ShardInvalid {
  return new ShardInvalid(
    `Shard ${where} cannot be used: ${what}. Write it again, or move it away from the prefix, and run riffle describe.`,
    { shard: where, reason: what },
    { cause },
  );
}

/** A name from outside, for a message: quoted, escaped and of bounded length. */
export function quoted(name: string | undefined): string {
  const text = name ?? '';
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

/** Orders text by its UTF-16 code units, as `<` does. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
