import { rowTypeBytes } from './weights.js';
import type { RowType } from './weights.js';

/** Features whose product with rows is computed at once. */
export interface Tile {
  /** Features [from, to) of the SAE. */
  readonly from: number;
  readonly to: number;
  /** Columns of the product; those that belong to no feature are padding. */
  readonly width: number;
  /** Columns before that of feature `from`. */
  readonly skipped: number;
}

/**
 * How products are cut. `any`: each as large as it comes, since results have the same bits in any shape. `fixed`: all of
 * one shape, padded with zeros, each feature always in the same column; slower, for machines on which they have not.
 */
export type Shapes = 'any' | 'fixed';

/** Rows of a product. More are no faster, and the product of 256 stays small. */
export const rowsOfProduct = 256;

/**
 * Weights of a tile, in bytes. While ONNX Runtime takes weights in they exist several times over, so they are handed to it
 * in tiles; smaller ones would make more calls, and the C library would keep what they give back.
 */
const tileBytes = 64 * 1024 * 1024;

/** Together with `rowsOfProduct`: a product takes 16 MiB at most. */
const mostColumns = 16_384;

/** Columns of a product of fixed shape. */
export const fixedColumns = 1024;

/** Cuts the features [from, to) into tiles. */
export function cutTiles(inputWidth: number, from: number, to: number, shapes: Shapes): Tile[] {
  const columns = shapes === 'fixed' ? fixedColumns : anyColumns(inputWidth);
  const tiles: Tile[] = [];
  for (let start = from; start < to;) {
    const skipped = shapes === 'fixed' ? start % columns : 0;
    const end = Math.min(to, start - skipped + columns);
    tiles.push({ from: start, to: end, width: shapes === 'fixed' ? columns : end - start, skipped });
    start = end;
  }
  return tiles;
}

function anyColumns(inputWidth: number): number {
  return Math.max(1, Math.min(mostColumns, Math.floor(tileBytes / (4 * inputWidth))));
}

/** Bytes beside the weights: ONNX Runtime itself and results of the last runs that V8 has not yet freed. */
const besidesBytes = 96 * 1024 * 1024;

/**
 * Bytes that an encoder of `features` features takes at most, work memory included; measured (docs/architecture.md).
 * While it is opened a tile of weights exists up to four times: as read, as a model, parsed and packed.
 */
export function encoderBytes(inputWidth: number, features: number, rowType: RowType): number {
  const tile = Math.min(features, anyColumns(inputWidth));
  const weights = 4 * inputWidth * (features + 4 * tile);
  const rows = rowsOfProduct * inputWidth * (rowTypeBytes[rowType] + 8);
  return weights + rows + 4 * rowsOfProduct * tile + workBytesOfFeatures(features) + besidesBytes;
}

/** Bytes of biases, thresholds and the like. */
export function workBytesOfFeatures(columns: number): number {
  return 3 * 4 * columns;
}
