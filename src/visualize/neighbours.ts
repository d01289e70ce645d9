import { firingBytes } from '../encoder/firings.js';
import { Product } from '../encoder/product.js';
import { rowsOfProduct } from '../encoder/tiles.js';
import type { DecoderBlock } from './preparedBlock.js';
import { plain } from './logitEffects.js';
import { tileFeatures } from './memoryNeeds.js';
import type { StageContext } from './taskContext.js';

export interface Neighbour {
  readonly feature: number;
  /** Float32. */
  readonly cosine: number;
}

/** More than the rounding of a product of unit vectors in float32. */
const tolerance = 1e-4;
/** What is added to cosines, so that the scan, which lists values above zero, sees them all. */
const offset = 2;
const capacity = 65_536;
const stateBytes = 16;

/**
 * The features whose decoder rows point most nearly the same way. A product of unit vectors finds those that may be among
 * the nearest; their cosines are then computed in float64, so that they depend on nothing but the two rows.
 *
 * @param features rows of which neighbours are looked for: float32 [features, d]
 * @param numbers of these features in the SAE
 * @param candidates all decoder rows of the SAE, ascending
 * @param most neighbours a feature
 */
export async function findNeighbours(
  context: StageContext,
  features: Float32Array,
  numbers: readonly number[],
  candidates: () => AsyncIterable<DecoderBlock>,
  most: number,
): Promise<Neighbour[][]> {
  const d = context.run.layout.sae.outputWidth;
  const count = features.length / d;
  const found: Neighbour[][] = [];
  for (let from = 0; from < count; from += tileFeatures) {
    const to = Math.min(from + tileFeatures, count);
    const tile = new Tile(context, features.subarray(from * d, to * d), d, numbers.slice(from, to), most);
    found.push(...(await tile.find(candidates())));
  }
  return found;
}

class Tile {
  private readonly norms: Float64Array;
  private readonly nearest: Neighbour[][];
  private readonly width: number;

  constructor(
    private readonly context: StageContext,
    private readonly features: Float32Array,
    private readonly d: number,
    private readonly numbers: readonly number[],
    private readonly most: number,
  ) {
    this.norms = normsOf(features, d);
    this.width = this.norms.length;
    this.nearest = Array.from(this.norms, () => []);
  }

  async find(candidates: AsyncIterable<DecoderBlock>): Promise<Neighbour[][]> {
    const { context, width, d } = this;
    const { memory, compute, shapes, pause } = context;
    const mark = memory.mark();
    const sizes = [stateBytes, firingBytes(capacity), 4 * width, 4 * width, 4 * rowsOfProduct * width];
    let address = memory.take(sizes.reduce((sum, bytes) => sum + bytes, 0));
    const [state, firings, bias, bound, values] = sizes.map((bytes) => {
      address += bytes;
      return address - bytes;
    }) as [number, number, number, number, number];
    const floats = (at: number, length: number): Float32Array => {
      const view = memory.view(at, 4 * length);
      return new Float32Array(view.buffer, view.byteOffset, length);
    };
    floats(bias, width).fill(offset);
    floats(bound, width).fill(0);

    const product = await Product.open(plain(d), 'F32', unitRows(this.features, d), undefined, compute, shapes);
    try {
      for await (const { from, decoder } of candidates) {
        const unit = unitRows(decoder, d);
        const norms = normsOf(decoder, d);
        for (let start = 0; start < norms.length; start += rowsOfProduct) {
          const count = Math.min(rowsOfProduct, norms.length - start);
          const rows = new Uint8Array(unit.buffer, unit.byteOffset + 4 * start * d, 4 * count * d);
          await product.run(rows, count, floats(values, rowsOfProduct * width));
          const told = (): Uint32Array => {
            const view = memory.view(state, stateBytes);
            return new Uint32Array(view.buffer, view.byteOffset, 4);
          };
          told()[0] = 0;
          while (told()[0]! < count) {
            // The list is read after each scan: the next one begins with none.
            told()[1] = 0;
            memory
              .kernelsAt(state)
              .scanFirings(values, 4 * width, width, 0, 0, count, 0, bias, bound, firings, capacity, state);
            const listed = told()[1]!;
            const view = memory.view(firings, firingBytes(capacity));
            const list = new Uint32Array(view.buffer, view.byteOffset, 2 * capacity);
            for (let i = 0; i < listed; i++) {
              const row = start + list[i]!;
              this.offer(list[capacity + i]!, from + row, decoder.subarray(row * d, (row + 1) * d), norms[row]!);
            }
          }
          const bounds = floats(bound, width);
          this.nearest.forEach((list, feature) => {
            if (list.length === this.most) bounds[feature] = list[this.most - 1]!.cosine + offset - tolerance;
          });
          await pause();
        }
      }
    } finally {
      await product.close();
    }
    memory.rewind(mark);
    return this.nearest;
  }

  /** Takes a candidate into the nearest of a feature. Candidates come in ascending order: of equal ones the first stays. */
  private offer(index: number, candidate: number, row: Float32Array, norm: number): void {
    const own = this.norms[index]!;
    if (candidate === this.numbers[index] || norm === 0 || own === 0) return;
    const feature = this.features.subarray(index * this.d, (index + 1) * this.d);
    let dot = 0;
    for (let i = 0; i < row.length; i++) dot += row[i]! * feature[i]!;
    const cosine = Math.fround(dot / (norm * own)) + 0;
    const list = this.nearest[index]!;
    if (list.length === this.most && cosine <= list[this.most - 1]!.cosine) return;
    if (list.length === this.most) list.pop();
    let place = list.length;
    while (place > 0 && list[place - 1]!.cosine < cosine) place--;
    list.splice(place, 0, { feature: candidate, cosine });
  }
}

/** Euclidean norms of rows, in float64. */
function normsOf(rows: Float32Array, d: number): Float64Array {
  return Float64Array.from({ length: rows.length / d }, (_, row) => {
    let sum = 0;
    for (let i = row * d; i < (row + 1) * d; i++) sum += rows[i]! * rows[i]!;
    return Math.sqrt(sum);
  });
}

/** Rows of length 1; of zeros where the row is. */
function unitRows(rows: Float32Array, d: number): Float32Array {
  const norms = normsOf(rows, d);
  return rows.map((value, i) => {
    const norm = norms[Math.floor(i / d)]!;
    return norm === 0 ? 0 : value / norm;
  });
}
