import { shortest } from './float32.js';
import type { Dataset, Example, Settings, Tokenizer } from './shapes.js';
import { textOf } from './tokenText.js';

/** Shows a row with the tokens around it. `values` are the feature's activations [n]. */
export function exampleAt(
  row: number,
  values: ArrayLike<number>,
  excluded: readonly boolean[],
  dataset: Dataset,
  window: Settings['window'],
  tokenizer: Tokenizer,
): Example {
  const { before = 24, after = 8 } = window ?? {};
  const rows = [row];
  while (rows[0]! > row - before && isTogether(rows[0]! - 1, rows[0]!, dataset)) rows.unshift(rows[0]! - 1);
  while (rows.at(-1)! < row + after && isTogether(rows.at(-1)!, rows.at(-1)! + 1, dataset)) rows.push(rows.at(-1)! + 1);
  const ids = rows.map((each) => dataset.tokens[each]!);
  return {
    row,
    context: dataset.context?.[row] ?? null,
    position: dataset.position?.[row] ?? null,
    document: dataset.document?.[row] ?? null,
    activation: shortest(values[row]!),
    focus: rows.indexOf(row),
    ids,
    tokens: textOf(ids.map((id) => tokenizer.bytesOf(id))),
    values: rows.map((each) => (excluded[each] ? null : shortest(values[each]!))),
  };
}

/** Whether two neighbouring rows are of one text: of one context, else of one document, else of the dataset. */
function isTogether(row: number, next: number, { tokens, context, document }: Dataset): boolean {
  const text = context ?? document;
  if (row < 0 || next >= tokens.length) return false;
  return text === undefined || text[row] === text[next];
}

/** Throws unless the position rises by one inside every context: else rows are not in reading order. */
export function checkReadingOrder({ tokens, context, position }: Dataset): void {
  if (context === undefined || position === undefined) return;
  for (let row = 1; row < tokens.length; row++) {
    if (context[row] === context[row - 1] && position[row] !== position[row - 1]! + 1) {
      throw new Error(`row ${row} is not in reading order`);
    }
  }
}
