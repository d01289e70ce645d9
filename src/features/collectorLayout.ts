/** How statistics lie in the collector's memory: what assembly/collector.ts and assembly/tokenList.ts write. */
import type { Bank } from '../memory/bank.js';
import { binsPerOctave } from './bins.js';
import type { FeatureState, FiringTokens, OctaveCounts } from './featureState.js';
import { pick, sortedIndexes } from './indexes.js';
import { octaveSlots, separateOctaves } from './settings.js';
import type { ExampleSettings } from './settings.js';

export const collectorBytes = 80;
/** A place in the sorted list of a tile. */
export const firingBytes = 8;
const featureBytes = 8;
const tokenBytes = 24;
const octaveBytes = 24 + 8 * binsPerOctave;

/** Words of a token in a list; two words of rank come first. */
const tokenWords = { row: 2, key: 3, id: 4, activation: 5, all: tokenBytes / 4 } as const;
/** Words of an octave. */
const octaveWords = { significands: 0, next: 2, exponent: 3, lists: 4, counts: 6 } as const;

/** Other octaves that there is room for from the start, for each feature on average. */
const expectedOthers = 4;
/** Exponents of floats. */
const allOctaves = 256;

/**
 * Bytes of a collector's memory for each feature of its block, whatever the number of tokens. Where features have more
 * than 20 octaves on average it grows: by 88 bytes for each more, with quantile edges by 192 · perInterval in addition.
 */
export function bytesPerFeature(settings: ExampleSettings): number {
  return recordBytes(settings) + roomBytes(settings) + 4;
}

/** Bytes that lie together for each feature: lists, octaves and their bin lists. */
export function recordBytes(settings: ExampleSettings): number {
  const { top, sample, perInterval } = settings;
  const withLists = Math.min(separateOctaves(settings), octaveSlots);
  return (
    featureBytes +
    (perInterval + top + sample) * tokenBytes +
    octaveSlots * octaveBytes +
    withLists * listBytes(settings)
  );
}

/** Bytes for octaves outside the record, on average. */
export function roomBytes(settings: ExampleSettings): number {
  return expectedOthers * chainedBytes(settings);
}

/** Bytes that the kernel wants to find free, beyond those: for a feature that fires in all octaves at once. */
export function reserveBytes(settings: ExampleSettings): number {
  return allOctaves * chainedBytes(settings);
}

function chainedBytes(settings: ExampleSettings): number {
  return octaveBytes + (separateOctaves(settings) > octaveSlots ? listBytes(settings) : 0);
}

/** Bytes of the bin lists of an octave. */
function listBytes({ perInterval }: ExampleSettings): number {
  return binsPerOctave * perInterval * tokenBytes;
}

/** What the memory holds of a feature. @param record address of its record */
export function readFeature(
  bank: Bank,
  record: number,
  feature: number,
  firstRow: number,
  settings: ExampleSettings,
): FeatureState {
  const { top, sample, perInterval } = settings;
  const octaves: OctaveCounts[] = [];
  const listsAt = record + featureBytes;
  const slotsAt = listsAt + (perInterval + top + sample) * tokenBytes;
  const lists = [wordsAt(bank, listsAt, slotsAt - listsAt)];
  for (let slot = slotsAt; slot < slotsAt + octaveSlots * octaveBytes; slot += octaveBytes) {
    for (let address = slot; address !== 0;) {
      const words = wordsAt(bank, address, octaveBytes);
      const significands =
        BigInt(words[octaveWords.significands]!) + (BigInt(words[octaveWords.significands + 1]!) << 32n);
      if (significands === 0n) break;
      const counts = Array.from(words.subarray(octaveWords.counts, octaveWords.counts + binsPerOctave));
      octaves.push({ exponent: words[octaveWords.exponent]!, significands, counts });
      const bins = words[octaveWords.lists]!;
      if (bins !== 0) lists.push(wordsAt(bank, bins, listBytes(settings)));
      address = words[octaveWords.next]!;
    }
  }
  return {
    feature,
    excludedFiring: wordsAt(bank, record, featureBytes)[0]!,
    octaves: octaves.sort((a, b) => b.exponent - a.exponent),
    tokens: uniteLists(lists, firstRow, settings.distinct === 'none'),
  };
}

/** The tokens of several lists by row, each once. */
function uniteLists(lists: readonly Uint32Array[], firstRow: number, ownKeys: boolean): FiringTokens {
  const words = new Uint32Array(lists.reduce((sum, list) => sum + list.length, 0));
  let filled = 0;
  for (const list of lists) {
    for (let at = 0; at < list.length; at += tokenWords.all) {
      if (list[at + tokenWords.activation] === 0) continue;
      for (let word = 0; word < tokenWords.all; word++) words[filled++] = list[at + word]!;
    }
  }
  const field = (word: number): Uint32Array => {
    const values = new Uint32Array(filled / tokenWords.all);
    for (let i = 0; i < values.length; i++) values[i] = words[i * tokenWords.all + word]!;
    return values;
  };
  const rows = field(tokenWords.row);
  const byRow = sortedIndexes(rows);
  const once = byRow.filter((index, i) => i === 0 || rows[index] !== rows[byRow[i - 1]!]);
  const count = once.length;
  const globalRows = pick(rows, once, new Float64Array(count)).map((row) => firstRow + row);
  return {
    rows: globalRows,
    keys: ownKeys ? globalRows : pick(field(tokenWords.key), once, new Float64Array(count)),
    ids: pick(field(tokenWords.id), once, new Uint32Array(count)),
    activations: new Float32Array(pick(field(tokenWords.activation), once, new Uint32Array(count)).buffer),
  };
}

function wordsAt(bank: Bank, address: number, bytes: number): Uint32Array {
  return new Uint32Array(bank.view(address, bytes).buffer, address, bytes / 4);
}
