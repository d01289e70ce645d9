import { sumDigests } from '../digests.js';
import { DatasetsDiffer } from '../errors.js';
import type { Dataset } from '../formats/dataset.js';
import { canonicalJson } from '../json.js';
import type { Pause } from '../shuffle/recordTarget.js';
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
  /** URIs of shards, of either dataset, whose bytes are not those that dataset.json names. */
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
export async function judge(
  input: readonly VerifyPart[],
  output: readonly VerifyPart[],
  pause: Pause,
): Promise<Verdict> {
  const rows = count(input);
  const outputRows = count(output);
  const digest = {
    input: sumDigests(input.map((part) => part.digest)),
    output: sumDigests(output.map((part) => part.digest)),
  };
  const permutation = rows === outputRows && digest.input === digest.output;
  const damaged = [...input, ...output].flatMap((part) => part.damaged);
  const ranks = await joinedRanks(
    input.map((part) => part.sample),
    output.map((part) => part.sample),
    pause,
  );
  await pause();
  const order = testOrder(ranks);
  const ok = permutation && damaged.length === 0 && order.shuffled !== false;
  return { format: 'riffle.verify-result/1', ok, permutation, rows, outputRows, digest, damaged, order };
}

function count(parts: readonly VerifyPart[]): number {
  return parts.reduce((sum, { records }) => sum + records, 0);
}

/** Marks a record without a partner, or with several. */
const none = -1;
const several = -2;

/** Entries of a sample between two pauses. */
const entriesPerPause = 2 ** 18;

/**
 * Joins the samples by hash: for each output position (in order) the rank of its record in the input. Records whose
 * hash stands twice in a sample, or in one sample only, are left out.
 * @param inputs samples in row order, as the tasks give them; likewise `outputs`
 */
async function joinedRanks(
  inputs: readonly Uint8Array[],
  outputs: readonly Uint8Array[],
  pause: Pause,
): Promise<Uint32Array> {
  const indexOf = new Map<number, number>();
  const inputCount = await eachHash(inputs, pause, (hash, index) => {
    indexOf.set(hash, indexOf.has(hash) ? several : index);
  });
  const partners = new Float64Array(inputCount).fill(none);
  const outputCount = await eachHash(outputs, pause, (hash, position) => {
    const index = indexOf.get(hash) ?? none;
    if (index >= 0) partners[index] = partners[index] === none ? position : several;
  });
  const rankAt = new Float64Array(outputCount).fill(none);
  let rank = 0;
  for (const position of partners) if (position >= 0) rankAt[position] = rank++;
  return Uint32Array.from(rankAt.filter((value) => value >= 0));
}

/** Calls `visit` with 53 bits of each hash: enough to tell a million records apart. @returns the number of entries */
async function eachHash(
  samples: readonly Uint8Array[],
  pause: Pause,
  visit: (hash: number, index: number) => void,
): Promise<number> {
  let index = 0;
  for (const sample of samples) {
    const view = new DataView(sample.buffer, sample.byteOffset, sample.length);
    for (let at = 0; at < sample.length; at += sampleBytes) {
      visit((view.getUint32(at + 4, true) % 2 ** 21) * 2 ** 32 + view.getUint32(at + 8, true), index++);
      if (index % entriesPerPause === 0) await pause();
    }
  }
  return index;
}
