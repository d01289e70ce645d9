import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { joinColumn } from '../src/pages/mergedFiles.js';
import { packVocabulary } from '../src/pages/packVocabulary.js';
import { packItem, type PackedFile } from '../src/pages/packWriter.js';
import { columnFile, encodeRun, labelsFile, runFile, vocabularyFile } from '../src/pages/run.js';
import { encodeRows, newColumn, noToken, tableColumns, type TableRow } from '../src/pages/table.js';
import { Sfc32 } from '../test/support/sfc32.js';

const featuresPerPack = 4096;
const vocabulary = 256_000;

/** Of what a made table's files take as they are stored. */
export interface TableBytes {
  /** All columns together. */
  readonly columns: number;
  readonly labels: number;
  readonly vocabulary: number;
}

/**
 * Writes the files of a run that the overview reads, as a run's tasks write them: densities of a wide law, every tenth
 * feature dead, every tenth labelled. There are no pages.
 * @param folder is made
 */
export async function writeFeatureTable(folder: string, features: number, tokens: number): Promise<TableBytes> {
  await mkdir(join(folder, 'table'), { recursive: true });
  await mkdir(join(folder, 'tokens'));
  const numbers = new Sfc32(3);
  const rows = Array.from({ length: features }, () => makeRow(numbers, tokens));
  const packs = Array.from({ length: Math.ceil(features / featuresPerPack) }, (_, pack) => ({
    from: pack * featuresPerPack,
    to: Math.min(features, (pack + 1) * featuresPerPack),
  }));
  const described = [];
  let columnBytes = 0;
  for (const { name, dtype } of tableColumns(tokens)) {
    const column = newColumn(dtype, features);
    rows.forEach((row, feature) => (column[feature] = row[name]));
    const packed = joinColumn(packs.map(({ from, to }) => packItem(encodeRows(column.subarray(from, to)))));
    columnBytes += await write(folder, columnFile(name), packed);
    described.push({ name, dtype, digest: hex(packed) });
  }
  const labels = joinColumn(
    packs.map(({ from, to }) => {
      const texts = Array.from({ length: to - from }, (_, n) => (n % 10 === 0 ? `names of thing ${from + n}` : null));
      return packItem(new TextEncoder().encode(JSON.stringify(texts)));
    }),
  );
  const words = packVocabulary(
    Array.from({ length: vocabulary }, (_, id) =>
      Buffer.from(`${id % 3 ? ' ' : ''}${((id * 2_654_435_761) % 2 ** 32).toString(36)}`),
    ),
  );
  const bytes = {
    columns: columnBytes,
    labels: await write(folder, labelsFile, labels),
    vocabulary: await write(folder, vocabularyFile, words),
  };
  const dead = rows.filter(({ state }) => state === 1).length;
  const dense = rows.filter(({ state }) => state === 4).length;
  const none = createHash('sha256').digest('hex');
  const run = encodeRun({
    format: 'riffle.run/1',
    riffle: 'bench',
    rows: tokens,
    tokens,
    excluded: 0,
    features: { of: features, set: `0-${features - 1}`, count: features, alive: features - dead - dense, dense, dead },
    provenance: {},
    warnings: [],
    pages: { featuresPerPack, digest: none },
    table: { columns: described, labels: hex(labels) },
    search: { tokens: vocabulary, digest: none },
    stream: { rows: tokens, idBytes: 4, contexts: true, documents: true, digest: none },
    vocabulary: { tokens: vocabulary, digest: hex(words) },
  });
  await writeFile(join(folder, runFile), run);
  return bytes;
}

function makeRow(numbers: Sfc32, tokens: number): TableRow {
  if (numbers.uniform() < 0.1) return { state: 1, firing: 0, max: 0, mean: 0, topToken: noToken, topShare: 0 };
  const spread = numbers.uniform() + numbers.uniform() + numbers.uniform() - 1.5;
  const firing = 1 + Math.floor(tokens * 10 ** (-4 + 2.5 * spread));
  const max = Math.fround(2 + 30 * numbers.uniform() ** 2);
  return {
    state: firing > tokens / 10 ? 4 : 3,
    firing,
    max,
    mean: Math.fround(max * (0.1 + 0.4 * numbers.uniform())),
    topToken: Math.floor(vocabulary ** numbers.uniform()),
    topShare: Math.fround((1 + Math.floor(200 * numbers.uniform() ** 2)) / 200),
  };
}

async function write(folder: string, file: string, { parts }: PackedFile): Promise<number> {
  await writeFile(join(folder, file), Buffer.concat(parts));
  return parts.reduce((sum, { length }) => sum + length, 0);
}

function hex({ digest }: PackedFile): string {
  return Buffer.from(digest).toString('hex');
}
