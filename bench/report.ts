import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';

/**
 * Prints a table for people and writes the figures to bench/results/<name>.json.
 *
 * @param name of the bench
 * @param figures what the file holds, with the processor and the version of Node beside it
 * @param rows what the table shows
 */
export async function report(name: string, figures: unknown, rows: readonly object[]): Promise<void> {
  console.table(rows);
  const folder = new URL('results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  const machine = { processor: cpus()[0]?.model ?? 'unknown', node: process.version };
  await writeFile(new URL(`${name}.json`, folder), `${JSON.stringify({ ...machine, figures }, null, 2)}\n`);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2;
}
