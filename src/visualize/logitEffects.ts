import { Product } from '../encoder/product.js';
import { rowsOfProduct } from '../encoder/tiles.js';
import type { EncodedSae } from '../encoder/weights.js';
import type { StageContext } from './taskContext.js';
import type { Unembedding } from './unembedding.js';

/** A token and what a feature adds to its logit. */
export interface LogitEffect {
  readonly id: number;
  /** Float32. */
  readonly value: number;
}

export interface LogitEffects {
  readonly top: readonly LogitEffect[];
  readonly bottom: readonly LogitEffect[];
  readonly histogram: { readonly edges: readonly number[]; readonly counts: readonly number[] };
}

/** Equal bars between the lowest and the highest value. */
const bars = 50;
/** Columns of a product. */
const tileColumns = 16_384;
/** Bytes of the logits of the features that are worked on together. */
const batchBytes = 64 * 1024 * 1024;

/**
 * Makes the logit effects of features: (decoder row · weights of the final norm) · unembedding, without centring. Decoder
 * rows that write scaled activations are taken in the model's own scale.
 */
export class LogitLens {
  private constructor(
    private readonly context: StageContext,
    private readonly unembedding: Unembedding,
    /** Columns of tokens that the tokenizer knows. */
    private readonly columns: Uint32Array,
    private readonly tiles: readonly Product[],
  ) {}

  /** @param has whether a token id is in the tokenizer; other columns are padding */
  static async open(context: StageContext, unembedding: Unembedding, has: (id: number) => boolean): Promise<LogitLens> {
    const { compute, shapes, pause, run } = context;
    const width = run.layout.sae.outputWidth;
    const columns = Uint32Array.from(unembedding.ids.keys()).filter((column) => has(unembedding.ids[column]!));
    const tiles: Product[] = [];
    for (let from = 0; from < unembedding.columns; from += tileColumns) {
      const weights = await unembedding.read(from, Math.min(from + tileColumns, unembedding.columns));
      tiles.push(await Product.open(plain(width), 'F32', weights, undefined, compute, shapes));
      await pause();
    }
    return new LogitLens(context, unembedding, columns, tiles);
  }

  /**
   * @param decoder rows of features, float32 [features, d]
   * @param most tokens listed at the top and at the bottom
   */
  async *effects(decoder: Float32Array, most: number): AsyncGenerator<LogitEffects, void> {
    const { unembedding, tiles, columns, context } = this;
    const { outputScale } = context.run.layout.sae;
    const d = unembedding.normWeight.length;
    const normWeight = unembedding.normWeight.map((weight) => weight / outputScale);
    const features = decoder.length / d;
    const batch = Math.max(1, Math.min(rowsOfProduct, Math.floor(batchBytes / (4 * unembedding.columns))));
    const directions = new Float32Array(batch * d);
    const products = tiles.map(({ width }) => new Float32Array(rowsOfProduct * width));
    const logits = new Float32Array(columns.length);
    for (let first = 0; first < features; first += batch) {
      const count = Math.min(batch, features - first);
      for (let i = 0; i < count * d; i++) directions[i] = decoder[first * d + i]! * normWeight[i % d]!;
      const bytes = new Uint8Array(directions.buffer, 0, 4 * count * d);
      for (const [index, tile] of tiles.entries()) await tile.run(bytes, count, products[index]!);
      for (let row = 0; row < count; row++) {
        for (let i = 0; i < columns.length; i++) {
          const column = columns[i]!;
          const tile = Math.floor(column / tileColumns);
          logits[i] = products[tile]![row * tiles[tile]!.width + (column % tileColumns)]!;
        }
        yield this.describe(logits, most);
      }
      await context.pause();
    }
  }

  async close(): Promise<void> {
    for (const tile of this.tiles) await tile.close();
  }

  private describe(logits: Float32Array, most: number): LogitEffects {
    const { unembedding, columns } = this;
    const at = (index: number): LogitEffect => ({ id: unembedding.ids[columns[index]!]!, value: logits[index]! + 0 });
    const idOf = (index: number): number => unembedding.ids[columns[index]!]!;
    return {
      top: extremes(logits, most, 1, idOf).map(at),
      bottom: extremes(logits, most, -1, idOf).map(at),
      histogram: histogramOf(logits),
    };
  }
}

/** Indexes of the values that are largest (sign 1) or smallest (sign −1), in that order; of equal ones the lower id first. */
function extremes(values: Float32Array, most: number, sign: 1 | -1, idOf: (index: number) => number): number[] {
  const before = (a: number, b: number): boolean =>
    sign * (values[a]! - values[b]!) > 0 || (values[a] === values[b] && idOf(a) < idOf(b));
  const best: number[] = [];
  for (let index = 0; index < values.length; index++) {
    if (best.length === most && (most === 0 || !before(index, best[most - 1]!))) continue;
    let place = best.length === most ? most - 1 : best.length;
    for (; place > 0 && before(index, best[place - 1]!); place--) best[place] = best[place - 1]!;
    best[place] = index;
  }
  return best;
}

/** A value counts in the last bar whose lower edge it reaches. */
function histogramOf(values: Float32Array): LogitEffects['histogram'] {
  let [least, largest] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > largest) largest = value;
  }
  if (values.length === 0) return { edges: [0], counts: [] };
  const edges = Array.from({ length: bars + 1 }, (_, bar) =>
    bar === bars ? largest : Math.fround(least + ((largest - least) * bar) / bars),
  );
  const counts = new Array<number>(bars).fill(0);
  const scale = largest > least ? bars / (largest - least) : 0;
  for (const value of values) {
    let bar = Math.min(bars - 1, Math.floor((value - least) * scale));
    while (bar > 0 && value < edges[bar]!) bar--;
    while (bar < bars - 1 && value >= edges[bar + 1]!) bar++;
    counts[bar]!++;
  }
  return { edges: edges.map((edge) => edge + 0), counts };
}

/** A product of rows with columns, and nothing else. */
export function plain(inputWidth: number): EncodedSae {
  return { architecture: 'standard', inputWidth, features: 0, normalization: 'none', inputScale: 1 };
}
