import type { WorkMemory } from '../memory/workMemory.js';
import type { Firings } from './firings.js';
import { Product } from './product.js';
import { Scan } from './scan.js';
import type { ScannedRows } from './scan.js';
import type { Compute } from './session.js';
import { cutTiles, rowsOfProduct } from './tiles.js';
import type { Shapes, Tile } from './tiles.js';
import type { TopFeatures } from './topFeatures.js';
import { rowTypeBytes } from './weights.js';
import type { EncodedSae, EncoderWeights, RowType } from './weights.js';

export interface EncoderOptions {
  /** The features [from, to). */
  readonly from: number;
  readonly to: number;
  readonly rowType: RowType;
  readonly compute: Compute;
  /** What `checkEncoder` found. */
  readonly shapes: Shapes;
}

/** Rows in work memory. */
export interface RowBatch {
  /** Where they begin: [count, d] of the encoder's row type, aligned to it. */
  readonly address: number;
  readonly count: number;
  /** The first one's number in the dataset; for messages. */
  readonly firstRow: number;
  /**
   * Address of a byte for each row in the encoder's bank of work memory, not 0 where the row is excluded: there, what is
   * not finite is left out and is no error [none are excluded].
   */
  readonly excluded?: number;
}

/**
 * The encoder of a block of features: from rows to the list of firings. The dense product comes from ONNX Runtime and is
 * written straight into work memory; one scan reads it there.
 *
 * What a feature's activation on a row is depends on nothing but the two: same bits whatever the batch, the place in it,
 * the block of features and the number of threads (`checkEncoder` tells whether this machine keeps that).
 */
export class Encoder {
  private constructor(
    private readonly products: ReadonlyMap<Tile, Product>,
    private readonly scan: Scan,
    private readonly memory: WorkMemory,
    private readonly rowBytes: number,
  ) {}

  /**
   * Takes work memory; `WorkMemory.reset` ends the encoder's life, and `close` must be called as well.
   *
   * @param read reads the weights of the features [from, to); called once a tile, so that a block larger than its tiles
   *   never exists in memory twice
   * @throws ComputeUnavailable when CUDA is asked for and cannot be used
   */
  static async open(
    sae: EncodedSae,
    read: (from: number, to: number) => Promise<EncoderWeights>,
    memory: WorkMemory,
    { from, to, rowType, compute, shapes }: EncoderOptions,
  ): Promise<Encoder> {
    const tiles = cutTiles(sae.inputWidth, from, to, shapes);
    const scan = new Scan(memory, sae, tiles);
    const products = new Map<Tile, Product>();
    const encoder = new Encoder(products, scan, memory, sae.inputWidth * rowTypeBytes[rowType]);
    try {
      for (const tile of tiles) {
        const weights = await read(tile.from, tile.to);
        scan.setWeights(tile, weights);
        const columns = padded(weights.encoder, tile, sae.inputWidth);
        products.set(tile, await Product.open(sae, rowType, columns, weights.inputBias, compute, shapes));
      }
    } catch (error) {
      await encoder.close();
      throw error;
    }
    return encoder;
  }

  /**
   * Tells which features fire on the rows of a batch, and how strongly. The list comes in pieces, in which all products are
   * listed by row, then by feature; so rows of one feature come in ascending order. Until it is done nobody but
   * `onFirings` may take work memory, for ONNX Runtime has addresses in it.
   *
   * @param top the cut-offs of the batch's rows; topk and groupmax only
   * @throws ActivationNotFinite
   */
  async encode(batch: RowBatch, onFirings: (firings: Firings) => void, top?: TopFeatures): Promise<void> {
    this.scan.begin();
    await this.eachProduct(batch, (tile, rows) => {
      this.scan.list(tile, rows, onFirings, top);
    });
    this.scan.handOver(onFirings);
  }

  /**
   * Takes the encoder's features into the largest ones of the batch's rows.
   * @throws ActivationNotFinite
   */
  async offer(batch: RowBatch, top: TopFeatures): Promise<void> {
    await this.eachProduct(batch, (tile, rows) => {
      this.scan.offer(tile, rows, top);
    });
  }

  async close(): Promise<void> {
    for (const product of this.products.values()) await product.close();
  }

  private async eachProduct(
    { address, count, firstRow, excluded }: RowBatch,
    use: (tile: Tile, rows: ScannedRows) => void,
  ): Promise<void> {
    const { rowBytes, scan, memory } = this;
    for (let first = 0; first < count; first += rowsOfProduct) {
      const rows = { count: Math.min(rowsOfProduct, count - first), first, batchStart: firstRow, excluded };
      for (const [tile, product] of this.products) {
        const bytes = memory.view(address + first * rowBytes, rows.count * rowBytes);
        await product.run(bytes, rows.count, scan.productView(tile));
        use(tile, rows);
      }
    }
  }
}

/** A tile's weights with rows of zeros for the columns that belong to no feature. */
function padded(encoder: Float32Array, { from, to, width, skipped }: Tile, inputWidth: number): Float32Array {
  if (width === to - from) return encoder;
  const columns = new Float32Array(width * inputWidth);
  columns.set(encoder, skipped * inputWidth);
  return columns;
}
