import { Collector } from '../src/features/collector.js';
import type { Firings, Tile } from '../src/features/collector.js';
import { bytesPerFeature } from '../src/features/collectorLayout.js';
import { hashSeed } from '../src/features/rowHash.js';
import type { ExampleSettings } from '../src/features/settings.js';
import { Bank, largestBank } from '../src/memory/bank.js';
import { Sfc32 } from '../test/support/sfc32.js';
import { report } from './report.js';

const features = 4608;
const firingPerRow = 44;
const contextRows = 128;
const vocabulary = 49_152;
/** Rows that are measured, and the tiles in which they come. */
const rows = 2 ** 20;
const tileRows = [256, 1024, 4096];
/** Tiles that are drawn; they come again and again, with new rows. */
const drawnTiles = 4;

export const settings: ExampleSettings = {
  top: 20,
  sample: 200,
  shownRandom: 10,
  intervals: 10,
  intervalEdges: 'equalWidth',
  perInterval: 5,
  distinct: 'context',
};

/** What issue 5 asks for, of one core. */
const bar = 15e6;

/** Measures how many firing tokens a collector takes in a second, from the scan's list to the statistics. */
export async function select(): Promise<void> {
  const figures = [];
  for (const intervalEdges of ['equalWidth', 'quantile'] as const) {
    for (const tile of tileRows) {
      const used = { ...settings, intervalEdges };
      const firingTokensPerSecond = Math.round(measure(used, tile));
      figures.push({ intervalEdges, tileRows: tile, firingTokensPerSecond, bytesPerFeature: bytesPerFeature(used) });
    }
  }
  await report(
    'select',
    {
      features,
      firingPerRow,
      rows,
      bar,
      met: figures.every((one) => one.firingTokensPerSecond >= bar),
      measured: figures,
    },
    figures.map((one) => ({
      'interval edges': one.intervalEdges,
      'rows of a tile': one.tileRows,
      'million firing tokens a second': (one.firingTokensPerSecond / 1e6).toFixed(1),
      'bytes a feature': one.bytesPerFeature,
    })),
  );
}

function measure(used: ExampleSettings, size: number): number {
  const bank = new Bank(largestBank);
  const tiles = Array.from({ length: drawnTiles }, (_, index) => drawTile(bank, size, index));
  const collector = new Collector(
    bank,
    { first: 0, count: features },
    0,
    used,
    hashSeed('bench'),
    2 * size * firingPerRow,
  );
  let tokens = 0;
  const start = performance.now();
  for (let row = 0, index = 0; row < rows; row += size, index++) {
    const { tile, firings } = tiles[index % drawnTiles]!;
    // Contexts must be new ones, too: keys are shifted with the rows.
    shiftKeys(bank, tile.keys, size, drawnTiles * (size / contextRows));
    collector.collect({ ...tile, firstRow: row }, firings);
    tokens += firings.count;
  }
  return tokens / ((performance.now() - start) / 1000);
}

export function shiftKeys(bank: Bank, keys: number, count: number, shift: number): void {
  const view = new Uint32Array(bank.view(keys, 4 * count).buffer, keys, count);
  for (let i = 0; i < count; i++) view[i]! += shift;
}

/** A tile as an encoder's scan would make it: row by row, features ascending; densities over three decades. */
export function drawTile(bank: Bank, size: number, index: number): { tile: Tile; firings: Firings } {
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
      keys: put(Uint32Array.from({ length: size }, (_, row) => Math.floor((index * size + row) / contextRows))),
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
