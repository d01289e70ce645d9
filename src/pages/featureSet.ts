import { InvalidInput } from '../errors.js';

/** Whole numbers [from, to), ascending and without overlap. */
export interface FeatureRange {
  readonly from: number;
  readonly to: number;
}

/** Features are numbered in 32 bits. */
const maxFeature = 2 ** 32 - 2;

/**
 * Reads `"0-1023,2048"`: both ends are included. Ranges may come in any order and overlap.
 * @param where the option or field, for the message
 * @throws InvalidInput
 */
export function parseFeatures(text: string, where: string): FeatureRange[] {
  const ranges = listFeatures(text, where).sort((a, b) => a.from - b.from);
  const joined: FeatureRange[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    if (last && range.from <= last.to) joined[joined.length - 1] = { from: last.from, to: Math.max(last.to, range.to) };
    else joined.push(range);
  }
  return joined;
}

/** The same in the order of the text, whatever is named twice. @throws InvalidInput */
export function listFeatures(text: string, where: string): FeatureRange[] {
  return text.split(',').map((part) => {
    const [, first, last] = /^\s*(\d{1,10})(?:-(\d{1,10}))?\s*$/.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last ?? first) + 1];
    if (first === undefined || from >= to || to > maxFeature) {
      throw new InvalidInput(`${where} holds ${JSON.stringify(part)}: write numbers and ranges such as 0-1023,2048.`);
    }
    return { from, to };
  });
}

/** The canonical text of ascending ranges: equal sets have equal texts. */
export function formatFeatures(ranges: readonly FeatureRange[]): string {
  return ranges.map(({ from, to }) => (to - from === 1 ? `${from}` : `${from}-${to - 1}`)).join(',');
}

export function countFeatures(ranges: readonly FeatureRange[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from, 0);
}

/** @param ranges ascending, without overlap */
export function hasFeature(ranges: readonly FeatureRange[], feature: number): boolean {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.to <= feature) low = middle + 1;
    else high = middle;
  }
  const range = ranges[low];
  return range !== undefined && range.from <= feature;
}

/** Numbers of the packs that hold at least one feature of the set. @param ranges ascending, without overlap */
export function packsOf(ranges: readonly FeatureRange[], featuresPerPack: number): number[] {
  const packs: number[] = [];
  for (const { from, to } of ranges) {
    const last = Math.floor((to - 1) / featuresPerPack);
    for (let pack = Math.max(Math.floor(from / featuresPerPack), (packs.at(-1) ?? -1) + 1); pack <= last; pack++) {
      packs.push(pack);
    }
  }
  return packs;
}
