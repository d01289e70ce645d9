import { ActivationNotFinite } from '../errors.js';
import type { WorkMemory } from '../memory/workMemory.js';
import { Firings, firingBytes } from './firings.js';
import { rowsOfProduct } from './tiles.js';
import type { Tile } from './tiles.js';
import { groupsOf } from './topFeatures.js';
import type { TopFeatures } from './topFeatures.js';
import type { EncodedSae, EncoderWeights } from './weights.js';

/** A list holds at least so many firings: the more come at once, the less often the collector reaches for each feature. */
const leastCapacity = 65_536;

/** What the kernels tell when they return; four numbers (u32). */
const stateBytes = 16;

/** The row of the kernels that says: all values are finite. */
const noRow = 0xffff_ffff;

/** Rows of a product, as they are numbered outside. */
export interface ScannedRows {
  readonly count: number;
  /** The first one's number in the batch. */
  readonly first: number;
  /** The batch's first row in the dataset; for messages. */
  readonly batchStart: number;
  /** Address of a byte for each row of the batch, not 0 where the row is excluded. */
  readonly excluded: number | undefined;
}

/**
 * The scan over dense products (step 4 in weights.ts; the loops are assembly/firings.ts) and the work memory that it
 * needs: a product, biases and thresholds of all tiles, the list.
 */
export class Scan {
  private readonly state: number;
  private readonly product: number;
  private readonly firings: Firings;
  /** Where the three numbers of each column stand, tile by tile. */
  private readonly parameters: ReadonlyMap<Tile, readonly [number, number, number]>;

  constructor(
    private readonly memory: WorkMemory,
    private readonly sae: EncodedSae,
    private readonly tiles: readonly Tile[],
  ) {
    const widest = Math.max(...tiles.map(({ width }) => width));
    const capacity = Math.max(leastCapacity, widest);
    const productBytes = 4 * rowsOfProduct * widest;
    const parameterBytes = 4 * tiles.reduce((sum, tile) => sum + columnsOf(tile), 0);
    // Taken at once, so that all lies in one bank.
    this.state = memory.take(stateBytes + productBytes + firingBytes(capacity) + 3 * parameterBytes);
    this.product = this.state + stateBytes;
    this.firings = new Firings(memory, this.product + productBytes, capacity);
    const parameters = new Map<Tile, readonly [number, number, number]>();
    let place = this.firings.rows + firingBytes(capacity);
    for (const tile of tiles) {
      parameters.set(tile, [place, place + parameterBytes, place + 2 * parameterBytes]);
      place += 4 * columnsOf(tile);
    }
    this.parameters = parameters;
  }

  /** Room for a tile's product, float32 [rowsOfProduct, width]. */
  productView(tile: Tile): Float32Array {
    return this.floats(this.product, rowsOfProduct * tile.width);
  }

  /** Keeps the weights of a tile that the scan needs. */
  setWeights(tile: Tile, weights: EncoderWeights): void {
    const [first, second, third] = this.parameters.get(tile)!;
    const n = columnsOf(tile);
    const { encoderBias, threshold, magnitudeScale, magnitudeBias, decoderNorms } = weights;
    this.floats(first, n).set(encoderBias);
    switch (this.sae.architecture) {
      case 'standard':
        this.floats(second, n).fill(0);
        break;
      case 'jumprelu':
        this.floats(second, n).set(required(threshold, 'threshold').map((value) => Math.max(value, 0)));
        break;
      case 'gated':
        this.floats(second, n).set(required(magnitudeScale, 'magnitudeScale'));
        this.floats(third, n).set(required(magnitudeBias, 'magnitudeBias'));
        break;
      case 'topk':
      case 'groupmax':
        if (this.sae.rescaleByDecoderNorm) this.floats(second, n).set(required(decoderNorms, 'decoderNorms'));
        else this.floats(second, n).fill(1);
        break;
    }
  }

  /** Begins a list. */
  begin(): void {
    this.firings.count = 0;
  }

  /**
   * Adds what fires in the product that lies in `productView` to the list, which is handed over when it is full.
   * @param top the cut-offs of the batch's rows; topk and groupmax only
   * @throws ActivationNotFinite
   */
  list(tile: Tile, rows: ScannedRows, onFirings: (firings: Firings) => void, top?: TopFeatures): void {
    // A view is made anew each time, for `onFirings` may take memory.
    for (let row = 0; row < rows.count;) {
      this.stateView().set([row, this.firings.count]);
      this.call(tile, rows, top);
      const [next, count, brokenRow, brokenFeature] = this.stateView() as unknown as [number, number, number, number];
      if (brokenRow !== noRow) throw this.notFinite(rows, brokenRow, brokenFeature + this.tiles[0]!.from);
      row = next;
      this.firings.count = count;
      if (row < rows.count) this.handOver(onFirings);
    }
  }

  /** Hands over what the list holds. */
  handOver(onFirings: (firings: Firings) => void): void {
    if (this.firings.count > 0) onFirings(this.firings);
    this.firings.count = 0;
  }

  /**
   * Takes the product that lies in `productView` into the rows' largest features.
   * @throws ActivationNotFinite
   */
  offer(tile: Tile, rows: ScannedRows, top: TopFeatures): void {
    const [bias, norm] = this.parameters.get(tile)!;
    const product = this.product + 4 * tile.skipped;
    const place = top.offer(product, 4 * tile.width, columnsOf(tile), tile.from, rows, bias, norm);
    if (place) throw this.notFinite(rows, rows.first + place.row, tile.from + place.column);
  }

  /** Runs the kernel of the architecture from the row on that the state names. */
  private call(tile: Tile, rows: ScannedRows, top: TopFeatures | undefined): void {
    const { memory, state, firings, sae } = this;
    const product = this.product + 4 * tile.skipped;
    const start = this.tiles[0]!.from;
    const [first, second, third] = this.parameters.get(tile)!.map(inBank) as [number, number, number];
    const kernels = memory.kernelsAt(state, ...(rows.excluded === undefined ? [] : [rows.excluded]));
    const where = [inBank(product), 4 * tile.width, columnsOf(tile)] as const;
    const which = [rows.first, rows.count, inBank(rows.excluded ?? 0)] as const;
    const list = [inBank(firings.rows), firings.capacity, inBank(state)] as const;
    switch (sae.architecture) {
      case 'standard':
      case 'jumprelu':
        kernels.scanFirings(...where, tile.from - start, ...which, first, second, ...list);
        break;
      case 'gated':
        kernels.scanGated(...where, tile.from - start, ...which, first, second, third, ...list);
        break;
      case 'topk':
      case 'groupmax': {
        if (!top) throw new RangeError(`${sae.architecture} needs the cut-offs of the rows`);
        const { groups, groupSize } = groupsOf(sae);
        const cutoffs = top.cutoffsAt(rows.first, this.state);
        kernels.scanTop(
          ...where,
          tile.from,
          ...which,
          first,
          second,
          start,
          groupSize,
          groups,
          inBank(cutoffs),
          ...list,
        );
        break;
      }
    }
  }

  private stateView(): Uint32Array {
    const view = this.memory.view(this.state, stateBytes);
    return new Uint32Array(view.buffer, view.byteOffset, stateBytes / 4);
  }

  private notFinite(rows: ScannedRows, rowInBatch: number, feature: number): ActivationNotFinite {
    const row = rows.batchStart + rowInBatch;
    return new ActivationNotFinite(
      `The activation of feature ${feature} on row ${row} is too large for float32, or not a number. ` +
        'Check that the SAE was made for these activations, or exclude rows of extreme norm (exclude.normAbove).',
      { row, feature },
    );
  }

  private floats(address: number, length: number): Float32Array {
    const bytes = this.memory.view(address, 4 * length);
    return new Float32Array(bytes.buffer, bytes.byteOffset, length);
  }
}

function columnsOf(tile: Tile): number {
  return tile.to - tile.from;
}

function inBank(address: number): number {
  return address % 2 ** 32;
}

function required(values: Float32Array | undefined, name: string): Float32Array {
  if (!values) throw new RangeError(`the encoder needs ${name}`);
  return values;
}
