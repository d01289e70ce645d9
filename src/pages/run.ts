import * as z from 'zod/mini';
import { RunInvalid } from '../errors.js';
import { formatFeatures, packsOf, parseFeatures } from './featureSet.js';
import { tokensPerPack } from './search.js';
import { rowsPerFile } from './tokenStream.js';

/** The commit of a visualize run: written last, below its prefix. A prefix without it is no run. */
export const runFile = 'run.json';
export const runFormat = 'riffle.run/1';

/** No run.json is longer. */
export const maxRunBytes = 16 * 1024 * 1024;

const count = z.number().check(z.int(), z.minimum(0));
const digest = z.string().check(z.regex(/^[0-9a-f]{64}$/));

const description = z.object({
  format: z.literal(runFormat),
  /** Version of riffle that made the run. */
  riffle: z.string(),
  /** Records of the dataset. */
  rows: count,
  /** Tokens counted, and those left out. */
  tokens: count,
  excluded: count,
  features: z.object({
    /** Features of the SAE; they are numbered from 0, in 32 bits. */
    of: count.check(z.maximum(2 ** 32 - 2)),
    /** Those in the run: `0-1023,2048`, ascending. */
    set: z.string(),
    count,
    alive: count,
    dense: count,
    dead: count,
  }),
  /** Where the run comes from: SAE, datasets, tokenizer, unembedding with their digests, units, seed and options. */
  provenance: z.record(z.string(), z.unknown()),
  /** What people should know before they believe the pages. */
  warnings: z.array(z.string()),
  pages: z.object({ featuresPerPack: count.check(z.minimum(1)), digest }),
  table: z.object({
    columns: z.array(z.object({ name: z.string(), dtype: z.enum(['U8', 'U32', 'F32', 'F64']), digest })),
    /** Null without labels. */
    labels: z.nullable(digest),
  }),
  search: z.object({
    /** Token ids are below this. */
    tokens: count,
    digest,
  }),
  stream: z.object({
    rows: count,
    idBytes: z.union([z.literal(2), z.literal(4)]),
    /** Whether the data says where contexts and documents begin. */
    contexts: z.boolean(),
    documents: z.boolean(),
    digest,
  }),
  vocabulary: z.object({ tokens: count, digest }),
});

export type RunDescription = z.infer<typeof description>;

/** The text of a run.json: equal runs have equal bytes. It holds no time, no host and no resource. */
export function encodeRun(run: RunDescription): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(run, undefined, 2)}\n`);
}

/**
 * Reads a run.json. Fields that riffle does not know are ignored.
 * @param where its URI, for messages
 * @throws RunInvalid for another version, wrong types, or contents that contradict each other
 */
export function decodeRun(bytes: Uint8Array, where: string): RunDescription {
  const fault = (what: string): RunInvalid =>
    new RunInvalid(`${where} cannot be used: ${what}. Restore the right file, or run visualize again.`, { where });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw fault(`it is not JSON (${(error as Error).message})`);
  }
  const format: unknown = (value as { format?: unknown } | null)?.format;
  if (format !== runFormat) {
    throw fault(`its format is ${JSON.stringify(format)}, and this riffle reads "${runFormat}"`);
  }
  const parsed = description.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw fault(`${issue?.path.join('.') || 'the whole'} is not as it should be (${issue?.message})`);
  }
  const { features, stream, rows } = parsed.data;
  const ranges = features.set === '' ? [] : parseFeatures(features.set, `features.set of ${where}`);
  if ((ranges.at(-1)?.to ?? 0) > features.of || formatFeatures(ranges) !== features.set) {
    throw fault(`features.set is not an ascending list of features below ${features.of}`);
  }
  if (stream.rows !== rows) throw fault(`its token stream has ${stream.rows} rows, its dataset ${rows}`);
  return parsed.data;
}

/** The pack that holds the pages of features from n * featuresPerPack on. */
export function pagesFile(n: number): string {
  return `pages/${numbered(n)}`;
}

export function columnFile(name: string): string {
  return `table/${name}.bin`;
}

/** Labels of features, where there are any: a column of text. */
export const labelsFile = columnFile('label');

/** The pack that holds the features of token ids from n * tokensPerPack on. */
export function searchFile(n: number): string {
  return `search/${numbered(n)}`;
}

/** The file that holds the tokens of rows from n * rowsPerFile on. */
export function streamFile(n: number): string {
  return `tokens/${numbered(n)}`;
}

/** The pack that holds the bytes of all token ids. */
export const vocabularyFile = 'tokens/vocabulary.bin';

/** All files of a run but run.json. */
export function* filesOfRun({ features, pages, table, search, stream }: RunDescription): Generator<string, void> {
  const ranges = features.set === '' ? [] : parseFeatures(features.set, runFile);
  for (const pack of packsOf(ranges, pages.featuresPerPack)) yield pagesFile(pack);
  for (const { name } of table.columns) yield columnFile(name);
  if (table.labels !== null) yield labelsFile;
  for (let pack = 0; pack * tokensPerPack < search.tokens; pack++) yield searchFile(pack);
  for (let file = 0; file * rowsPerFile < stream.rows; file++) yield streamFile(file);
  yield vocabularyFile;
}

/** Whether a key, relative to a run's prefix, is one of the files above. */
export function ownsPageFile(key: string): boolean {
  return /^(?:run\.json|(?:pages|search|tokens)\/\d{5,}\.bin|tokens\/vocabulary\.bin|table\/\w+\.bin)$/.test(key);
}

function numbered(n: number): string {
  return `${String(n).padStart(5, '0')}.bin`;
}
