import { decodeBlock, encodeBlock } from '../src/features/collectedFormat.js';
import { Collector } from '../src/features/collector.js';
import type { Firings, Tile } from '../src/features/collector.js';
import { bytesPerFeature } from '../src/features/collectorLayout.js';
import { mergeBlocks } from '../src/features/merge.js';
import { RowHash, hashSeed } from '../src/features/rowHash.js';
import { selectFeature } from '../src/features/select.js';
import type { ExampleSettings } from '../src/features/settings.js';
import { Bank, largestBank } from '../src/memory/bank.js';
import { Sfc32 } from '../test/support/sfc32.js';
import { report } from './report.js';

const features = 4608;
const firingPerRow = 44;
const contextRows = 128;
const vocabulary = 49_152;
/** Rows that are collected, and the tiles in which they come. */
const rows = 2 ** 19;
const tileRows = [256, 1024, 4096];
/** Tiles that are drawn; they come again and again, with new rows and contexts. */
const drawnTiles = 4;

/** Token shards that are merged, their rows, and the features of which that is measured. */
const shards = 4;
const shardRows = 2 ** 16;
const mergedFeatures = 600;

const settings: ExampleSettings = {
  top: 20,
  sample: 200,
  shownRandom: 10,
  intervals: 10,
  intervalEdges: 'equalWidth',
  perInterval: 5,
  distinct: 'context',
};
const seed = hashSeed('bench');

/** What issue 5 asks for, of one core. */
const bar = 15e6;

/**
 * Measures how many firing tokens a collector takes in a second, from the scan's list to the statistics; then what a
 * feature takes that is written, read, merged and selected.
 */
export async function select(): Promise<void> {
  const collecting = [];
  for (const intervalEdges of ['equalWidth', 'quantile'] as const) {
    for (const tile of tileRows) {
      const used = { ...settings, intervalEdges };
      const firingTokensPerSecond = Math.round(measureCollecting(used, tile));
      collecting.push({
        intervalEdges,
        tileRows: tile,
        firingTokensPerSecond,
        bytesPerFeature: bytesPerFeature(used),
        met: firingTokensPerSecond >= bar,
      });
    }
  }
  // Once before, so that the compiler has seen it all.
  await measureMerging();
  const merging = await measureMerging();
  await report('select', { features, firingPerRow, rows, bar, collecting, merging }, [
    ...collecting.map((one) => ({
      what: `collect, ${one.intervalEdges}, tiles of ${one.tileRows} rows`,
      figure: `${(one.firingTokensPerSecond / 1e6).toFixed(1)} million firing tokens a second`,
      met: one.met,
    })),
    { what: 'state of a feature in a token shard', figure: `${merging.stateBytes} bytes` },
    { what: 'read from memory and write, per state', figure: `${merging.writeMicroseconds} µs` },
    { what: `read and merge ${shards} states, per state`, figure: `${merging.mergeMicroseconds} µs` },
    { what: 'select, per feature', figure: `${merging.selectMicroseconds} µs` },
  ]);
}

function measureCollecting(used: ExampleSettings, size: number): number {
  const bank = new Bank(largestBank);
  const tiles = Array.from({ length: drawnTiles }, (_, index) => drawTile(bank, size, index));
  const collector = new Collector(bank, { first: 0, count: features }, 0, used, seed, 2 * size * firingPerRow);
  const start = cpuMilliseconds();
  const tokens = collectTiles(bank, collector, tiles, size, 0, rows);
  return tokens / ((cpuMilliseconds() - start) / 1000);
}

/** CPU time, not that of the clock: the figures are for one core, whatever else the machine does. */
function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** @returns firing tokens */
function collectTiles(
  bank: Bank,
  collector: Collector,
  tiles: readonly { tile: Tile; firings: Firings }[],
  size: number,
  first: number,
  count: number,
): number {
  let tokens = 0;
  for (let row = first, index = 0; row < first + count; row += size, index++) {
    const { tile, firings } = tiles[index % drawnTiles]!;
    const keys = new Uint32Array(bank.view(tile.keys, 4 * size).buffer, tile.keys, size);
    for (let i = 0; i < size; i++) keys[i] = Math.floor((row + i) / contextRows);
    collector.collect({ ...tile, firstRow: row }, firings);
    tokens += firings.count;
  }
  return tokens;
}

async function measureMerging() {
  const size = 1024;
  const block = { first: 0, count: mergedFeatures };
  const written: Uint8Array[][] = [];
  let writing = 0;
  for (let shard = 0; shard < shards; shard++) {
    const bank = new Bank(largestBank);
    const tiles = Array.from({ length: drawnTiles }, (_, index) => drawTile(bank, size, drawnTiles * shard + index));
    const first = shard * shardRows;
    const collector = new Collector(
      bank,
      { first: 0, count: features },
      first,
      settings,
      seed,
      2 * size * firingPerRow,
    );
    collectTiles(bank, collector, tiles, size, first, shardRows);
    const start = cpuMilliseconds();
    const pieces: Uint8Array[] = [];
    const states = collector.states();
    const some = Array.from({ length: mergedFeatures }, () => states.next().value!);
    for await (const piece of encodeBlock(block, some, settings, seed)) pieces.push(piece);
    writing += cpuMilliseconds() - start;
    written.push(pieces);
  }
  const rowHash = new RowHash(seed);
  const begin = cpuMilliseconds();
  const merged = [];
  const blocks = written.map((pieces) => decodeBlock(arriving(pieces), block, settings, seed, 'bench'));
  for await (const state of mergeBlocks(blocks, settings, rowHash)) merged.push(state);
  const middle = cpuMilliseconds();
  for (const state of merged) selectFeature(state, shards * shardRows, settings, rowHash);
  const end = cpuMilliseconds();
  const states = shards * mergedFeatures;
  const bytes = written.flat().reduce((sum, piece) => sum + piece.length, 0);
  const micros = (milliseconds: number, count: number): number => Math.round((1000 * milliseconds) / count);
  return {
    shards,
    shardRows,
    stateBytes: Math.round(bytes / states),
    writeMicroseconds: micros(writing, states),
    mergeMicroseconds: micros(middle - begin, states),
    selectMicroseconds: micros(end - middle, mergedFeatures),
  };
}

// eslint-disable-next-line @typescript-eslint/require-await -- bytes arrive asynchronously
async function* arriving(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* pieces;
}

/** A tile as an encoder's scan would make it: row by row, features ascending; densities over three decades. */
function drawTile(bank: Bank, size: number, index: number): { tile: Tile; firings: Firings } {
  const random = new Sfc32(index);
  const weights = Array.from(
    { length: features },
    (_, feature) => 10 ** ((-3 * ((feature * 1597) % features)) / features),
  );
  const scale = firingPerRow / weights.reduce((sum, weight) => sum + weight, 0);
  const drawn: number[] = [];
  for (let row = 0; row < size; row++) {
    for (let feature = 0; feature < features; feature++) {
      if (random.uniform() >= weights[feature]! * scale) continue;
      // About exponential, as activations are.
      drawn.push(row, feature, -Math.log(1 - random.uniform()) * (1 + (feature % 7)));
    }
  }
  const count = drawn.length / 3;
  const put = (values: Uint32Array | Float32Array): number => {
    const address = bank.take(values.byteLength)!;
    bank.view(address, values.byteLength).set(new Uint8Array(values.buffer));
    return address;
  };
  const every = (field: number) => Array.from({ length: count }, (_, i) => drawn[3 * i + field]!);
  return {
    tile: {
      firstRow: 0,
      keys: put(new Uint32Array(size)),
      ids: put(Uint32Array.from({ length: size }, () => Math.floor(random.uniform() ** 3 * vocabulary))),
      excluded: 0,
    },
    firings: {
      count,
      rows: put(Uint32Array.from(every(0))),
      features: put(Uint32Array.from(every(1))),
      activations: put(Float32Array.from(every(2))),
    },
  };
}
