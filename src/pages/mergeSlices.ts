import { forEachConcurrently } from '../concurrently.js';
import type { ObjectStore } from '../storage/objectStore.js';
import type { Prefix } from '../storage/uri.js';
import { countFeatures, type FeatureRange, packsOf } from './featureSet.js';
import { joinColumn, joinPostings, type SliceItem, unpackSync } from './mergedFiles.js';
import type { PackEntry } from './pack.js';
import { sliceItems } from './packPages.js';
import { readEntries, readStored } from './packReader.js';
import { digestOfPacks, type PackedFile } from './packWriter.js';
import { columnFile, labelsFile, type RunDescription, searchFile } from './run.js';
import { storedRunFiles } from './storedRunFiles.js';
import { type Column, states } from './table.js';

/** Slices read at a time. */
const concurrentSlices = 16;

export interface MergeOptions {
  readonly store: ObjectStore;
  /** The run's prefix. */
  readonly place: Prefix;
  /** Key of a pack's slice, relative to the prefix. */
  readonly slice: (pack: number) => string;
  /** Features in the run. */
  readonly features: readonly FeatureRange[];
  /** Features of the SAE. */
  readonly of: number;
  readonly featuresPerPack: number;
  /** Token ids are below this. */
  readonly vocabulary: number;
  readonly columns: readonly Column[];
  /** Packed bytes of slices to hold at a time [32 MiB]; more where one item of all slices takes more. */
  readonly memory?: number;
  readonly signal?: AbortSignal | undefined;
}

/** The parts of run.json that the slices decide. */
export type Merged = Pick<RunDescription, 'pages' | 'table' | 'search'> & {
  readonly counts: Omit<RunDescription['features'], 'of' | 'set'>;
};

/**
 * Writes the feature table and the search index out of the slices of all packs. It may be repeated: what it writes
 * follows from the slices.
 *
 * In memory are the indexes of all slices, and up to `memory` of their items (one column of 10 million features takes
 * up to 40 MB); the file that is being made; at most 8,192 features of each of 1,024 tokens.
 * @throws RunDamaged that names a slice that is missing or corrupt
 */
export async function mergeSlices(options: MergeOptions): Promise<Merged> {
  const { store, place, columns, vocabulary, featuresPerPack, signal } = options;
  const slices = await openSlices(options);
  const outputs = outputsOf(options);
  const digests: (Uint8Array | undefined)[] = [];
  const counts = { count: countFeatures(options.features), alive: 0, dense: 0, dead: 0 };
  let pages = '';

  for (const { from, to } of groupItems(slices, outputs.length + 1, options.memory ?? 32 * 1024 * 1024)) {
    const items = await readGroup(options, slices, from, to);
    for (let item = from; item < to; item++) {
      const parts = items.map((ofSlice) => ofSlice[item - from]);
      if (item === sliceItems.digest) {
        pages = digestOfPacks(parts.filter((part) => part !== undefined).map(unpackSync));
        continue;
      }
      const { file, make, name } = outputs[item - 1]!;
      if (name === 'state') countStates(parts, counts);
      const made = make(parts);
      digests.push(made?.digest);
      if (made) await store.put({ bucket: place.bucket, key: place.prefix + file }, made.parts, { signal });
    }
  }

  const ofColumns = digests.slice(0, columns.length);
  const labels = digests[columns.length];
  const ofSearch = digests.slice(columns.length + 1).filter((digest) => digest !== undefined);
  return {
    pages: { featuresPerPack, digest: pages },
    table: {
      columns: columns.map((column, n) => ({ ...column, digest: hex(ofColumns[n]!) })),
      labels: labels ? hex(labels) : null,
    },
    search: { tokens: vocabulary, digest: digestOfPacks(ofSearch) },
    counts,
  };
}

/** A file that is made of one item of each slice: of item n + 1 the n-th. */
interface Output {
  readonly file: string;
  readonly name?: Column['name'];
  /** @param items by the number of their pack @returns undefined when there is nothing to write */
  readonly make: (items: readonly SliceItem[]) => PackedFile | undefined;
}

function outputsOf({ columns, vocabulary }: MergeOptions): Output[] {
  const searchPacks = sliceItems.count(columns.length, vocabulary) - sliceItems.postings(columns.length, 0);
  return [
    ...columns.map(({ name }) => ({ file: columnFile(name), name, make: joinColumn })),
    {
      file: labelsFile,
      make: (items) => (items.every((item) => item === undefined) ? undefined : joinColumn(items)),
    },
    ...Array.from({ length: searchPacks }, (_, pack) => {
      const file = searchFile(pack);
      return { file, make: (items: readonly SliceItem[]) => joinPostings(items, pack, vocabulary, file) };
    }),
  ];
}

/** The slice of each pack, by its number; undefined where the run has no feature in the pack. */
type Slices = readonly ({ readonly file: string; readonly entries: readonly PackEntry[] } | undefined)[];

async function openSlices(options: MergeOptions): Promise<Slices> {
  const { store, place, slice, features, of, featuresPerPack, columns, vocabulary, signal } = options;
  const files = storedRunFiles(store, place);
  const slices = Array.from<Slices[number]>({ length: Math.ceil(of / featuresPerPack) });
  const items = sliceItems.count(columns.length, vocabulary);
  await forEachConcurrently(packsOf(features, featuresPerPack), concurrentSlices, signal, async (pack, linked) => {
    const file = slice(pack);
    slices[pack] = { file, entries: await readEntries(files, { file, first: 0 }, 0, items, linked) };
  });
  return slices;
}

/** Cuts the items [0, count) into ranges of which all slices together hold at most `memory`. */
function* groupItems(slices: Slices, count: number, memory: number): Generator<{ from: number; to: number }> {
  let [from, bytes] = [0, 0];
  for (let item = 0; item < count; item++) {
    const more = slices.reduce((sum, slice) => sum + (slice?.entries[item]!.length ?? 0), 0);
    if (item > from && bytes + more > memory) {
      yield { from, to: item };
      [from, bytes] = [item, 0];
    }
    bytes += more;
  }
  yield { from, to: count };
}

/** Items [from, to) of every slice, packed. */
async function readGroup(options: MergeOptions, slices: Slices, from: number, to: number): Promise<SliceItem[][]> {
  const files = storedRunFiles(options.store, options.place);
  const items: SliceItem[][] = slices.map(() => []);
  await forEachConcurrently(slices.entries(), concurrentSlices, options.signal, async ([pack, slice], linked) => {
    if (slice === undefined) return;
    items[pack] = await readStored(files, { file: slice.file, first: 0 }, slice.entries.slice(from, to), linked);
  });
  return items;
}

function countStates(items: readonly SliceItem[], counts: { alive: number; dense: number; dead: number }): void {
  for (const item of items) {
    for (const state of item ? unpackSync(item) : []) {
      const name = states[state];
      if (name === 'alive' || name === 'dense') counts[name]++;
      else if (name !== 'not in the run') counts.dead++;
    }
  }
}

function hex(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex');
}
