import type { Sfc32 } from './sfc32.js';

/** Gives the record at each output position, from `rows` records and random bits. */
export type Shuffle = (rows: number, random: Sfc32) => number[];

/** An integer in [0, bound), as good as uniform. */
function below(bound: number, random: Sfc32): number {
  return Math.floor(random.uniform() * bound);
}

/** Fisher–Yates, in place: the right way. */
export function shuffled<T>(items: T[], random: Sfc32): T[] {
  for (let last = items.length - 1; last > 0; last--) swap(items, last, below(last + 1, random));
  return items;
}

function swap<T>(items: T[], a: number, b: number): void {
  [items[a], items[b]] = [items[b]!, items[a]!];
}

function identity(rows: number): number[] {
  return Array.from({ length: rows }, (_, record) => record);
}

/** Records first + 0, 1, … of `count` files of nearly equal size. */
function files(rows: number, count: number): number[][] {
  return Array.from({ length: count }, (_, file) => {
    const start = Math.floor((file * rows) / count);
    return Array.from({ length: Math.floor(((file + 1) * rows) / count) - start }, (_, i) => start + i);
  });
}

/** The control of the controls: exactly uniform. */
export const fisherYates: Shuffle = (rows, random) => shuffled(identity(rows), random);

export const untouched: Shuffle = (rows) => identity(rows);

export const reversed: Shuffle = (rows) => identity(rows).reverse();

/** Permutes whole files. */
export const shardOrderOnly =
  (count: number): Shuffle =>
  (rows, random) =>
    shuffled(files(rows, count), random).flat();

/** A reader's shuffle buffer: each record that leaves is a random one of the `share` of all records that it holds. */
export const buffer =
  (share: number): Shuffle =>
  (rows, random) => {
    const size = Math.ceil(rows * share);
    const held = identity(size);
    const output: number[] = [];
    for (let next = size; next < rows; next++) {
      const place = below(size, random);
      output.push(held[place]!);
      held[place] = next;
    }
    return [...output, ...shuffled(held, random)];
  };

/** Shuffles random pairs of files together, each pair once. */
export const pairwiseFiles =
  (count: number): Shuffle =>
  (rows, random) => {
    const order = shuffled(files(rows, count), random);
    const output: number[] = [];
    for (let pair = 0; pair < order.length; pair += 2)
      output.push(...shuffled(order.slice(pair, pair + 2).flat(), random));
    return output;
  };

/** Tosses a coin for each record, moves the last ones of the larger bucket over and shuffles both. */
export const trimToEqual: Shuffle = (rows, random) => {
  const buckets: [number[], number[]] = [[], []];
  for (let record = 0; record < rows; record++) buckets[below(2, random)]!.push(record);
  const [left, right] = buckets;
  const half = Math.floor(rows / 2);
  while (left.length > half) right.push(left.pop()!);
  while (left.length < half) left.push(right.pop()!);
  return [...shuffled(left, random), ...shuffled(right, random)];
};

/** Shuffles each block, deals its records to two buckets in turn and shuffles those: stratified. */
export const roundRobinDeal =
  (blocks: number, count = 2): Shuffle =>
  (rows, random) => {
    const buckets = Array.from({ length: count }, (): number[] => []);
    let turn = 0;
    for (const block of files(rows, blocks)) {
      for (const record of shuffled(block, random)) buckets[turn++ % count]!.push(record);
    }
    return buckets.flatMap((bucket) => shuffled(bucket, random));
  };

/** Sattolo's algorithm, the slip `below(last)` for `below(last + 1)`: single cycles only. */
export const sattolo: Shuffle = (rows, random) => {
  const items = identity(rows);
  for (let last = rows - 1; last > 0; last--) swap(items, last, below(last, random));
  return items;
};

/** Fisher–Yates with indices from a remainder of few bits. */
export const moduloBiased: Shuffle = (rows, random) => {
  const items = identity(rows);
  for (let last = rows - 1; last > 0; last--) swap(items, last, (random.uint32() >>> 28) % (last + 1));
  return items;
};

/** Two blocks, two buckets: the first cell from a binomial law, cut to the margins, instead of the hypergeometric one. */
export const multinomialCounts: Shuffle = (rows, random) => {
  const half = Math.floor(rows / 2);
  const [upper, lower] = files(rows, 2) as [number[], number[]];
  let count = 0;
  for (let i = 0; i < upper.length; i++) count += below(2, random);
  count = Math.min(upper.length, half, Math.max(0, half - lower.length, count));
  shuffled(upper, random);
  shuffled(lower, random);
  const left = [...upper.slice(0, count), ...lower.slice(0, half - count)];
  const right = [...upper.slice(count), ...lower.slice(half - count)];
  return [...shuffled(left, random), ...shuffled(right, random)];
};
