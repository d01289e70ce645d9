import { encoderModel } from './graph.js';
import { Session } from './session.js';
import type { Compute } from './session.js';
import { rowsOfProduct } from './tiles.js';
import type { Shapes } from './tiles.js';
import { rowTypeBytes } from './weights.js';
import type { EncodedSae, RowType } from './weights.js';

/** The dense product of rows with the encoder weights of some features (steps 1 to 3 in weights.ts). */
export class Product {
  private constructor(
    private readonly session: Session,
    /** Columns. */
    readonly width: number,
    /** Room for rows and padding, where all products have one shape. */
    private readonly padded: Uint8Array | undefined,
  ) {}

  /**
   * @param encoder [width, d]; it is no longer needed when this returns
   * @throws ComputeUnavailable when this machine has no CUDA that can be used
   */
  static async open(
    this: void,
    sae: EncodedSae,
    rowType: RowType,
    encoder: Float32Array,
    inputBias: Float32Array | undefined,
    compute: Compute,
    shapes: Shapes,
  ): Promise<Product> {
    // With several threads the place where work is cut would be another shape.
    const used = shapes === 'fixed' ? { ...compute, threads: 1 } : compute;
    const session = await Session.open(encoderModel(sae, rowType, encoder, inputBias), rowType, used);
    const rowBytes = sae.inputWidth * rowTypeBytes[rowType];
    const padded = shapes === 'fixed' ? new Uint8Array(rowsOfProduct * rowBytes) : undefined;
    return new Product(session, encoder.length / sae.inputWidth, padded);
  }

  /**
   * @param rows bytes of `count` ≤ `rowsOfProduct` rows, aligned to their type
   * @param product float32 [rowsOfProduct, width], of which the first `count` rows are written; it may lie in a WebAssembly
   *   memory
   */
  async run(rows: Uint8Array, count: number, product: Float32Array): Promise<void> {
    if (!this.padded) return this.session.run(rows, count, product.subarray(0, count * this.width));
    // What stands behind them is of no account: rows do not touch each other.
    this.padded.set(rows);
    await this.session.run(this.padded, rowsOfProduct, product);
  }

  async close(): Promise<void> {
    await this.session.close();
  }
}
