import type { Bank } from '../memory/bank.js';
import {
  bytesPerFeature,
  collectorBytes,
  firingBytes,
  readFeature,
  recordBytes,
  reserveBytes,
  roomBytes,
} from './collectorLayout.js';
import type { FeatureState } from './featureState.js';
import { mostSorted } from './indexes.js';
import { mostTokens, separateOctaves } from './settings.js';
import type { ExampleSettings } from './settings.js';

/** Consecutive rows of the dataset. All addresses are in the collector's bank. */
export interface Tile {
  readonly firstRow: number;
  /** Address of each row's context or document (32 bits); 0 where rows are their own keys. */
  readonly keys: number;
  /** Address of each row's token id (32 bits). */
  readonly ids: number;
  /** Address of a byte for each row, not 0 where the row is excluded; 0 where none is. */
  readonly excluded: number;
}

/** Tokens of a tile that fire, in any order: addresses of arrays of `count` numbers of 32 bits. */
export interface Firings {
  readonly count: number;
  /** Rows in the tile. */
  readonly rows: number;
  /** Features in the block. */
  readonly features: number;
  /** Float32, finite and above zero. */
  readonly activations: number;
}

/** Consecutive features of an SAE. */
export interface FeatureBlock {
  readonly first: number;
  readonly count: number;
}

/** Bytes by which a collector grows, at least. */
const growth = 2 ** 20;

/**
 * Collects the statistics of a block of features over the rows of a token shard, in any order and any cut into tiles. They
 * lie in one WebAssembly memory; assembly/collector.ts does the work.
 */
export class Collector {
  private readonly address: number;
  private readonly records: number;

  /**
   * Takes its memory from the bank, which makes earlier views void.
   * @param firstRow of the shard, which has fewer than 2^32 − 1 rows
   * @param seed of the row hash, as `hashSeed` gives it
   * @param tileFirings firing tokens that are sorted at once, 8 bytes each: as many as a tile has. With more it takes longer
   * @throws RangeError when the settings ask for no tokens, or the bank has no room
   */
  constructor(
    private readonly bank: Bank,
    private readonly block: FeatureBlock,
    private readonly firstRow: number,
    private readonly settings: ExampleSettings,
    seed: bigint,
    private readonly tileFirings: number,
  ) {
    const { top, sample, perInterval, intervals } = settings;
    if (top < 1 || sample < 1 || intervals < 1) {
      throw new RangeError(`top ${top}, sample ${sample} and intervals ${intervals} must be at least 1`);
    }
    if (mostTokens(settings) > mostSorted) throw new RangeError('Of a feature at most 2^21 tokens can be kept');
    this.address = this.take(collectorBytes);
    this.records = this.take(block.count * recordBytes(settings));
    const ends = this.take(block.count * 4);
    const sorted = this.take(tileFirings * firingBytes);
    bank.kernels.prepareCollector(
      this.address,
      seed,
      BigInt(firstRow),
      block.first,
      block.count,
      top,
      sample,
      perInterval,
      separateOctaves(settings),
      this.records,
      recordBytes(settings),
      ends,
      sorted,
    );
    this.addRoom(block.count * roomBytes(settings));
  }

  /** Bytes of memory for a block, with room for `tileFirings`, while it need not grow. */
  static bytes(settings: ExampleSettings, features: number, tileFirings: number): number {
    return features * bytesPerFeature(settings) + tileFirings * firingBytes + reserveBytes(settings);
  }

  /**
   * Takes the firing tokens of a tile into the statistics; each token once. Tiles of 1,024 rows and more are fastest, because
   * every feature is then reached for less often. The memory may grow, which makes earlier views of the bank void.
   * @throws RangeError when the tile lies outside the shard, or the bank has no room
   */
  collect(tile: Tile, firings: Firings): void {
    const tileRow = tile.firstRow - this.firstRow;
    if (!(tileRow >= 0 && tileRow < 2 ** 32 - 1)) {
      throw new RangeError(`Row ${tile.firstRow} does not belong to a shard that begins at row ${this.firstRow}`);
    }
    const { kernels } = this.bank;
    const { count, rows, features, activations } = firings;
    for (let from = 0; from < count; from += this.tileFirings) {
      const some = Math.min(this.tileFirings, count - from);
      const skip = 4 * from;
      kernels.sortFirings(this.address, rows + skip, features + skip, activations + skip, some, tile.excluded);
      let done = 0;
      while ((done = kernels.collectFirings(this.address, done, tileRow, tile.keys, tile.ids)) < this.block.count) {
        this.addRoom(growth);
      }
    }
  }

  /** What is known so far of each feature of the block. */
  *states(): Generator<FeatureState, void> {
    const { bank, block, firstRow, settings } = this;
    for (let index = 0; index < block.count; index++) {
      const record = this.records + index * recordBytes(settings);
      yield readFeature(bank, record, block.first + index, firstRow, settings);
    }
  }

  private addRoom(bytes: number): void {
    const room = bytes + reserveBytes(this.settings);
    const start = this.take(room);
    this.bank.kernels.addRoom(this.address, start, start + room);
  }

  private take(bytes: number): number {
    const address = this.bank.take(bytes);
    if (address === undefined) throw new RangeError(`A bank has no room for ${bytes} bytes of features' statistics`);
    return address;
  }
}
