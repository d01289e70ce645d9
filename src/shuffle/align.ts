import { DatasetsDiffer } from '../errors.js';
import { concatenate, readDatasets } from '../formats/concatenation.js';
import type { Dataset } from '../formats/dataset.js';
import { recordBytes } from '../formats/encoding.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { parsePrefix } from '../storage/uri.js';
import type { AlignedInput, ShuffleInput } from './input.js';
import { defaultBlockRows, defaultOutputShardRows } from './layout.js';
import type { LayoutOptions } from './layout.js';
import { checkApart, checkShuffle } from './prepare.js';

/** A dataset that is shuffled by the same permutation as others. */
export interface Member {
  /** For messages. */
  readonly name: string;
  readonly dataset: Dataset;
}

/**
 * The blocks and output shards that make one permutation of several datasets: as asked, or else those that the widest
 * records get.
 * @throws DatasetsDiffer when they have different numbers of rows
 */
export function alignedCut(
  members: readonly Member[],
  asked: LayoutOptions,
): { readonly blockRows: number; readonly outputShardRows: number } {
  const [first, ...others] = members;
  if (!first) throw new RangeError('No datasets to align');
  const { rows } = first.dataset;
  const odd = others.find(({ dataset }) => dataset.rows !== rows);
  if (odd) {
    throw new DatasetsDiffer(
      `${first.name} has ${rows} rows and ${odd.name} has ${odd.dataset.rows}: only datasets of equal rows can be ` +
        'shuffled by one permutation.',
      { datasets: [first.name, odd.name], difference: 'rows' },
    );
  }
  const widest = Math.max(...members.map(({ dataset }) => recordBytes(dataset)));
  return {
    blockRows: asked.blockRows ?? defaultBlockRows(widest),
    outputShardRows: asked.outputShardRows ?? defaultOutputShardRows(widest, rows),
  };
}

/** Aligned datasets as shuffles of their own, and the rows that each of them has. */
export interface AlignedShuffles {
  readonly rows: number;
  readonly shuffles: readonly ShuffleInput[];
}

/**
 * Turns aligned datasets into shuffles of their own, with equal seed, blocks and output shards, and checks them all:
 * nothing is written.
 * @throws DatasetsDiffer, and every refusal of `prepareShuffle`
 */
export async function alignShuffles(
  store: ObjectStore,
  { aligned, input: _input, output: _output, ...options }: AlignedInput,
  signal: AbortSignal,
): Promise<AlignedShuffles> {
  const placesOf = ({ input }: { readonly input: string | readonly string[] }) => [input].flat().map(parsePrefix);
  for (const place of aligned.flatMap(placesOf)) {
    for (const { output } of aligned) checkApart(place, parsePrefix(output));
  }
  const members: Member[] = [];
  for (const member of aligned) {
    const dataset = concatenate(await readDatasets(store, placesOf(member), { signal }));
    members.push({ name: [member.input].flat().join(' + '), dataset });
  }
  const cut = alignedCut(members, options);
  const shuffles = aligned.map(({ input, output }) => ({ ...options, ...cut, input, output }));
  for (const shuffle of shuffles) await checkShuffle(store, shuffle, signal);
  return { rows: members[0]!.dataset.rows, shuffles };
}
