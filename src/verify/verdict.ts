import { sumDigests } from '../digests.js';
import { DatasetsDiffer } from '../errors.js';
import type { Dataset } from '../formats/dataset.js';
import { canonicalJson } from '../json.js';
import { testOrder } from './orderTests.js';
import type { OrderVerdict } from './orderTests.js';
import { sampleBytes } from './verifyTask.js';
import type { VerifyPart } from './verifyTask.js';

/** What `riffle verify` and the workflow `verify` return. */
export interface Verdict {
  readonly format: 'riffle.verify-result/1';
  /** A permutation, undamaged, in an order that looks random (or has too few records to tell). */
  readonly ok: boolean;
  /** Whether count and multiset digest agree. */
  readonly permutation: boolean;
  /** Records of the input. */
  readonly rows: number;
  readonly outputRows: number;
  readonly digest: { readonly input: string; readonly output: string };
  /** Shards of either dataset whose bytes are not those that dataset.json names. */
  readonly damaged: readonly string[];
  readonly order: OrderVerdict;
}

/** Records of different columns cannot be compared. @throws DatasetsDiffer */
export function checkComparable(input: Dataset, output: Dataset): void {
  const columns = (dataset: Dataset): string => canonicalJson(dataset.columns.map((column) => ({ ...column })));
  if (columns(input) === columns(output)) return;
  throw new DatasetsDiffer(
    `The datasets have different columns: ${columns(input)} in the input, ${columns(output)} in the output. Only ` +
      'datasets of equal columns can be permutations of each other.',
  );
}

/** Puts together what the tasks found. */
export function judge(input: readonly VerifyPart[], output: readonly VerifyPart[]): Verdict {
  const rows = count(input);
  const outputRows = count(output);
  const digest = {
    input: sumDigests(input.map((part) => part.digest)),
    output: sumDigests(output.map((part) => part.digest)),
  };
  const permutation = rows === outputRows && digest.input === digest.output;
  const damaged = [...input, ...output].flatMap((part) => part.damaged);
  const order = testOrder(
    joinedRanks(
      input.map((part) => part.sample),
      output.map((part) => part.sample),
    ),
  );
  const ok = permutation && damaged.length === 0 && order.shuffled !== false;
  return { format: 'riffle.verify-result/1', ok, permutation, rows, outputRows, digest, damaged, order };
}

function count(parts: readonly VerifyPart[]): number {
  return parts.reduce((sum, { records }) => sum + records, 0);
}

/**
 * Joins the samples by hash: for each output position (in order) the rank of its record in the input. Records whose
 * hash stands twice in a sample, or in one sample only, are left out.
 */
function joinedRanks(inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]): Uint32Array {
  const inputRows = uniqueRows(inputs);
  const pairs: { input: number; output: number }[] = [];
  for (const [hash, output] of uniqueRows(outputs)) {
    const input = inputRows.get(hash);
    if (input !== undefined && input >= 0 && output >= 0) pairs.push({ input, output });
  }
  pairs.sort((a, b) => a.input - b.input);
  const ranked = pairs.map(({ output }, rank) => ({ output, rank }));
  ranked.sort((a, b) => a.output - b.output);
  return Uint32Array.from(ranked, ({ rank }) => rank);
}

const seenTwice = -1;

function uniqueRows(samples: readonly Uint8Array[]): Map<string, number> {
  const rows = new Map<string, number>();
  for (const sample of samples) {
    const bytes = Buffer.from(sample.buffer, sample.byteOffset, sample.length);
    for (let at = 0; at < bytes.length; at += sampleBytes) {
      const hash = bytes.toString('latin1', at, at + 16);
      rows.set(hash, rows.has(hash) ? seenTwice : bytes.readDoubleLE(at + 16));
    }
  }
  return rows;
}
