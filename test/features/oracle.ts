/**
 * What a page must say, straight from the definitions: everything is kept, sorted and counted. It shares no code with
 * src/features.
 */
import { createHash } from 'node:crypto';

export interface OracleToken {
  readonly row: number;
  readonly key: number;
  readonly id: number;
  readonly activation: number;
  readonly excluded: boolean;
}

export interface OracleSettings {
  readonly top: number;
  readonly sample: number;
  readonly shownRandom: number;
  readonly intervals: number;
  readonly intervalEdges: 'equalWidth' | 'quantile';
  readonly perInterval: number;
  readonly distinct: 'context' | 'document' | 'none';
}

const mask = 2n ** 64n - 1n;

export function seedWord(seed: string): bigint {
  return createHash('sha256').update(`riffle-visualize/1\0${seed}`).digest().readBigUInt64LE(0);
}

/** XXH3_64bits of 12 bytes, in whole numbers. */
export function oracleHash(feature: number, row: number, seed: bigint): bigint {
  const first = BigInt(feature) | (BigInt(row % 2 ** 32) << 32n);
  const secret24 = 0x1f67b3b7a4a44072n;
  const secret32 = 0x78e5c0cc4ee679cbn;
  const secret40 = 0x2172ffcc7dd05a82n;
  const secret48 = 0x8e2443f7744608b8n;
  const a = first ^ (((secret24 ^ secret32) + seed) & mask);
  const b = BigInt(row) ^ (((secret40 ^ secret48) - seed) & mask);
  const product = a * b;
  let hash = (12n + swapBytes(a) + b + ((product & mask) ^ (product >> 64n))) & mask;
  hash ^= hash >> 37n;
  hash = (hash * 0x165667919e3779f9n) & mask;
  return hash ^ (hash >> 32n);
}

function swapBytes(word: bigint): bigint {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(word);
  return bytes.readBigUInt64BE();
}

export function oraclePage(
  feature: number,
  all: readonly OracleToken[],
  tokens: number,
  settings: OracleSettings,
  seed: bigint,
): object {
  const firing = all.filter(({ excluded }) => !excluded);
  const excludedFiring = all.length - firing.length;
  if (firing.length === 0) {
    const reason = excludedFiring > 0 ? 'fires only on excluded tokens' : 'never fires';
    return {
      feature,
      state: 'dead',
      reason,
      tokens,
      firing: 0,
      excludedFiring,
      density: 0,
      max: 0,
      mean: 0,
      histogram: null,
      topTokens: [],
      sample: { tokens: 0, ids: [] },
      groups: [],
    };
  }
  const keyOf = (token: OracleToken): number => (settings.distinct === 'none' ? token.row : token.key);
  const hashes = new Map(firing.map((token) => [token, oracleHash(feature, token.row, seed)]));
  const byHash = firing.toSorted((a, b) => compare(hashes.get(a)!, hashes.get(b)!) || a.row - b.row);
  const byActivation = firing.toSorted((a, b) => b.activation - a.activation || a.row - b.row);
  const pick = (ordered: readonly OracleToken[], most: number): object[] =>
    ordered
      .filter((token, i) => ordered.findIndex((other) => keyOf(other) === keyOf(token)) === i)
      .slice(0, most)
      .map((token) => ({ row: token.row, key: keyOf(token), activation: token.activation }));
  const sample = byHash.slice(0, settings.sample);
  const max = byActivation[0]!.activation;
  const edges = edgesBetween(firing, max, settings);
  const bounds = [0, ...edges, Infinity];
  const intervals = bounds.slice(1).map((end, i) => {
    const from = bounds[i]!;
    const inside = (token: OracleToken): boolean => token.activation >= from && token.activation < end;
    return {
      name: 'interval',
      from,
      to: end === Infinity ? max : end,
      share: firing.filter(inside).length / firing.length,
      examples: pick(byHash.filter(inside), settings.perInterval),
    };
  });
  const density = firing.length / tokens;
  return {
    feature,
    state: density > 0.1 ? 'dense' : 'alive',
    reason: null,
    tokens,
    firing: firing.length,
    excludedFiring,
    density,
    max,
    mean: mean(firing),
    histogram: histogram(firing),
    topTokens: commonest(sample)
      .slice(0, 5)
      .map(({ id, hits }) => ({ id, share: hits / sample.length })),
    sample: { tokens: sample.length, ids: commonest(sample) },
    groups: [
      { name: 'top', examples: pick(byActivation, settings.top) },
      ...intervals.reverse(),
      { name: 'random', examples: pick(sample, settings.shownRandom) },
    ],
  };
}

function bitsOf(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return view.getUint32(0);
}

const bin = (value: number): number => bitsOf(value) >>> 20;

/** Bin edges from their definition: an eighth of an octave each; below 2^-126 as wide as above it. */
function edge(index: number): number {
  const octave = Math.floor(index / 8);
  return octave === 0 ? index * 2 ** -129 : (8 + (index % 8)) * 2 ** (octave - 130);
}

function histogram(firing: readonly OracleToken[]): object {
  const bins = firing.map(({ activation }) => bin(activation));
  const first = Math.min(...bins);
  const length = Math.max(...bins) - first + 1;
  return {
    edges: Array.from({ length: length + 1 }, (_, i) => edge(first + i)),
    counts: Array.from({ length }, (_, i) => bins.filter((one) => one === first + i).length),
  };
}

function mean(firing: readonly OracleToken[]): number {
  const sums = new Map<number, bigint>();
  for (const { activation } of firing) {
    const exponent = bitsOf(activation) >>> 23;
    // A float32 is a whole multiple of 2^-149.
    const unit = 2 ** (Math.max(exponent, 1) - 150);
    sums.set(exponent, (sums.get(exponent) ?? 0n) + BigInt(activation / unit));
  }
  const octaves = [...sums].sort(([a], [b]) => b - a);
  let total = 0;
  for (const [exponent, sum] of octaves) total += Number(sum) * 2 ** (Math.max(exponent, 1) - 150);
  return total / firing.length;
}

function edgesBetween(firing: readonly OracleToken[], max: number, settings: OracleSettings): number[] {
  const found: number[] = [];
  const n = settings.intervals;
  for (let i = 1; i < n; i++) {
    if (settings.intervalEdges === 'equalWidth') {
      const target = (max * i) / n;
      let index = 0;
      while (edge(index + 1) <= target) index++;
      const [lower, upper] = [edge(index), edge(index + 1)];
      const nearer = target - lower <= upper - target ? lower : upper;
      if (nearer > 0 && nearer < edge(bin(max) + 1) && !found.includes(nearer)) found.push(nearer);
      continue;
    }
    const sorted = firing.map(({ activation }) => activation).sort((a, b) => a - b);
    // The activation of rank n·i/N, from 0.
    const index = bin(sorted[Math.floor((sorted.length * i) / n)]!);
    const below = (value: number): number => sorted.filter((one) => one < value).length;
    const distance = (value: number): number => Math.abs(below(value) * n - sorted.length * i);
    const nearer = distance(edge(index)) <= distance(edge(index + 1)) ? edge(index) : edge(index + 1);
    if (nearer > 0 && nearer < edge(bin(max) + 1) && !found.includes(nearer)) found.push(nearer);
  }
  return found;
}

function commonest(sample: readonly OracleToken[]): { id: number; hits: number }[] {
  const ids = [...new Set(sample.map(({ id }) => id))];
  return ids
    .map((id) => ({ id, hits: sample.filter((token) => token.id === id).length }))
    .sort((a, b) => b.hits - a.hits || a.id - b.id);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
