import { ColumnUnusable, DatasetsDiffer, InvalidInput } from '../errors.js';
import { columnBytes } from '../formats/columns.js';
import type { PlacedDataset } from '../formats/concatenation.js';
import type { ActivationDtype } from '../formats/float32.js';
import { formatPrefix } from '../storage/uri.js';
import * as columns from './columns.js';
import type { ColumnNames, IntegerColumn, Place } from './columns.js';
import { viewColumns } from './columnView.js';
import type { ColumnView } from './columnView.js';

/** Columns of integers that are read together. */
export interface IntegerColumns {
  readonly view: ColumnView;
  /** What the view's columns are, in their order. */
  readonly roles: readonly IntegerColumn['role'][];
  /** Tokens that share one value. */
  readonly tokensPerRow: number;
}

/** Activations and the tokens that they belong to. Its rows are tokens in reading order. */
export interface Dump {
  readonly rows: number;
  /** Numbers of an activation. */
  readonly width: number;
  readonly dtype: ActivationDtype;
  /** Bytes of an activation. */
  readonly rowBytes: number;
  /** One column, one activation a row. */
  readonly activations: ColumnView;
  readonly integers: readonly IntegerColumns[];
  /** Tokens of a context where records are contexts; what the data do not say, row ÷ length and its rest do. */
  readonly contextLength: number | undefined;
  /** Whether each token has a context, a position, a document. */
  readonly known: Readonly<Record<Place, boolean>>;
  /** Where the tokens are, for messages. */
  readonly where: string;
}

/**
 * Finds what `visualize` reads, in one dataset or in two that are cut into shards in different ways. A record holds an
 * activation [width] and its token, or those of a context: [context, width] and [context]. A width may be written as
 * [heads, width of a head]. `context`, `position` and `document` are looked for beside the tokens, then beside the
 * activations; they have one value a token, or (but not positions) one a context.
 * @param tokens may be the same as `activations`
 * @param width numbers that the SAE takes
 * @param names of the columns that are not named as usual
 * @throws ColumnUnusable for a column that is missing or of another kind; DatasetsDiffer when there are not as many
 *   tokens as activations; InvalidInput for the output of a shuffle
 */
export function openDump(
  activations: PlacedDataset,
  tokens: PlacedDataset,
  width: number,
  names: ColumnNames = {},
): Dump {
  checkNotShuffled('activations', activations);
  checkNotShuffled('tokens', tokens);
  const activationColumn = columns.requireColumn(activations, 'activations', names);
  const dtype = columns.activationDtype(activations, activationColumn);
  const perActivations = columns.tokensOfActivations(activations, activationColumn, width);
  const tokenColumn = columns.requireColumn(tokens, 'tokens', names);
  const perTokens = columns.tokensOfRecord(tokens, tokenColumn);
  const rows = countRows([activations, perActivations], [tokens, perTokens]);
  const contextLength = [perActivations, perTokens].find((length) => length > 1);

  const found: IntegerColumn[] = [
    { role: 'tokens', source: tokens, column: tokenColumn, rowsPerRecord: perTokens, tokensPerRow: 1 },
  ];
  for (const role of ['context', 'position', 'document'] as const) {
    const beside = columns.findColumn(tokens, role, names);
    const column = beside ?? columns.findColumn(activations, role, names);
    if (column && beside) found.push(columns.placeColumn(tokens, column, role, perTokens));
    else if (column) found.push(columns.placeColumn(activations, column, role, perActivations));
    else if (names[role] !== undefined) columns.missing([tokens, activations], role, names);
  }
  const has = (place: Place): boolean => found.some(({ role }) => role === place);
  const implied = contextLength !== undefined;
  return {
    rows,
    width,
    dtype,
    rowBytes: columnBytes({ dtype, shape: [width] }),
    activations: viewColumns(activations, [activationColumn.name], perActivations, [width]),
    integers: groupColumns(found),
    contextLength,
    known: { context: has('context') || implied, position: has('position') || implied, document: has('document') },
    where: formatPrefix(tokens.place),
  };
}

/** A shuffle of riffle says so itself. Others are found by their positions. */
function checkNotShuffled(field: string, { place, dataset }: PlacedDataset): void {
  if (!dataset.shuffle) return;
  throw new InvalidInput(
    `${field} is ${formatPrefix(place)}, the output of a shuffle, and examples are shown in their contexts: give the ` +
      'dump that was shuffled.',
    { fields: [field] },
  );
}

/** @throws DatasetsDiffer, ColumnUnusable */
function countRows(
  [activations, perActivations]: readonly [PlacedDataset, number],
  [tokens, perTokens]: readonly [PlacedDataset, number],
): number {
  const rows = activations.dataset.rows * perActivations;
  const count = tokens.dataset.rows * perTokens;
  const [there, here] = [formatPrefix(activations.place), formatPrefix(tokens.place)];
  if (rows !== count || !Number.isSafeInteger(rows)) {
    throw new DatasetsDiffer(
      `${there} has ${rows} activations (${activations.dataset.rows} records of ${perActivations}), but ${here} has ` +
        `${count} tokens (${tokens.dataset.rows} records of ${perTokens}): they do not belong together, or one is not ` +
        'complete.',
      { datasets: [there, here], activations: rows, tokens: count },
    );
  }
  if (perActivations > 1 && perTokens > 1 && perActivations !== perTokens) {
    throw new ColumnUnusable(
      `${there} has contexts of ${perActivations} activations, but ${here} contexts of ${perTokens} tokens: write one ` +
        'of them anew.',
      { datasets: [there, here] },
    );
  }
  return rows;
}

/** Those of the same dataset and the same rows together, so that neighbours in a file are read by one request. */
function groupColumns(found: readonly IntegerColumn[]): IntegerColumns[] {
  const groups: IntegerColumn[][] = [];
  for (const each of found) {
    const group = groups.find(([first]) => first?.source === each.source && first.rowsPerRecord === each.rowsPerRecord);
    if (group) group.push(each);
    else groups.push([each]);
  }
  return groups.map((group) => ({
    view: viewColumns(
      group[0]!.source,
      group.map(({ column }) => column.name),
      group[0]!.rowsPerRecord,
      [],
    ),
    roles: group.map(({ role }) => role),
    tokensPerRow: group[0]!.tokensPerRow,
  }));
}
