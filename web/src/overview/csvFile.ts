import { shortestFloat32 } from '../../../src/pages/float32.js';
import { csvRecord } from './csv.js';
import type { FeatureTable } from './featureTable.js';

const titles = [
  'feature',
  'label',
  'state',
  'density',
  'firing',
  'max',
  'mean',
  'top_token_id',
  'top_token',
  'top_token_share',
];

/** Rows between which the page may do other things. */
const rowsAtATime = 10_000;

/**
 * Rows of the feature table as a CSV file in UTF-8; density, max, mean and share print as in `riffle feature --json` (mean and
 * share as the nearest float32).
 * @param onProgress is told the share that is done
 */
export async function csvFile(
  table: FeatureTable,
  features: Uint32Array,
  onProgress: (share: number) => void,
): Promise<Blob> {
  const parts: string[] = [csvRecord(titles)];
  for (let from = 0; from < features.length; from += rowsAtATime) {
    parts.push(Array.from(features.subarray(from, from + rowsAtATime), (feature) => recordOf(table, feature)).join(''));
    onProgress(Math.min(1, (from + rowsAtATime) / features.length));
    await new Promise((resolve) => setTimeout(resolve));
  }
  // Spreadsheet programs take a file for UTF-8 by its mark.
  return new Blob(['\ufeff', ...parts], { type: 'text/csv;charset=utf-8' });
}

function recordOf(table: FeatureTable, feature: number): string {
  const { label, state, density, firing, max, mean, topToken, share } = table.row(feature);
  const float = (value: number | undefined): number | null => (value === undefined ? null : shortestFloat32(value));
  return csvRecord([
    feature,
    label ?? null,
    state ?? null,
    density ?? null,
    firing ?? null,
    float(max),
    float(mean),
    topToken?.id ?? null,
    topToken?.text ?? null,
    float(share),
  ]);
}

/** Lets the browser save a file. */
export function saveFile(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // The download has begun by then; without this the file stays in memory.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
