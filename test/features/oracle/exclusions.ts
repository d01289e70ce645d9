import { normOf } from './encode.js';
import type { Case } from './shapes.js';

/** Which rows count for nothing: [n]. */
export function excludedRows({ dataset, settings, tokenizer }: Case): boolean[] {
  const { positions = [], tokens = [], normAbove = Infinity } = settings.exclude ?? {};
  if (positions.length > 0 && dataset.position === undefined) throw new Error('exclude.positions needs positions');
  const excludedTokens = new Set(tokens === 'special' ? tokenizer.special : tokens);
  return dataset.activations.map((row, index) => {
    if (!isFinite(row)) {
      if (settings.nonFinite === 'exclude') return true;
      throw new Error(`row ${index} holds a value that is not finite`);
    }
    return (
      (dataset.position !== undefined && positions.includes(dataset.position[index]!)) ||
      excludedTokens.has(dataset.tokens[index]!) ||
      normOf(row) > normAbove
    );
  });
}

export function isFinite(row: ArrayLike<number>): boolean {
  return Array.from(row).every(Number.isFinite);
}
