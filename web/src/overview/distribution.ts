import type { ColumnValues } from '../../../src/pages/table.js';
import { type LogAxis, placeOf } from './logAxis.js';

/** log10 of a column's values over `unit`, as float32: what plots place features by. -Infinity for 0. */
export function logsOf(column: ColumnValues, unit = 1): Float32Array {
  const logs = new Float32Array(column.length);
  for (let row = 0; row < logs.length; row++) logs[row] = Math.log10(column[row]! / unit);
  return logs;
}

/** The least and the largest finite log of the matching features; undefined when there is none. */
export function extentOf(logs: Float32Array, matches: Uint8Array): { least: number; most: number } | undefined {
  let [least, most] = [Infinity, -Infinity];
  for (let row = 0; row < logs.length; row++) {
    const log = logs[row]!;
    if (matches[row] !== 1 || log === -Infinity) continue;
    if (log < least) least = log;
    if (log > most) most = log;
  }
  return least <= most ? { least, most } : undefined;
}

/** How many matching features stand in each of `bins` equal parts of the axis. Those beyond its ends count in the last part there. */
export function countBins(logs: Float32Array, matches: Uint8Array, axis: LogAxis, bins: number): Uint32Array {
  const counts = new Uint32Array(bins);
  const perLog = bins / (axis.to - axis.from);
  for (let row = 0; row < logs.length; row++) {
    const log = logs[row]!;
    if (matches[row] === 1 && log !== -Infinity) counts[clamp(Math.floor((log - axis.from) * perLog), bins)]!++;
  }
  return counts;
}

/** Two logs of every feature, and the axes that they are placed on. */
export interface Plane {
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly axisX: LogAxis;
  readonly axisY: LogAxis;
}

/** Matching features in each cell of a grid, row by row from the top. */
export function countCells(plane: Plane, matches: Uint8Array, width: number, height: number): Uint32Array {
  const { x, y, axisX, axisY } = plane;
  const cells = new Uint32Array(width * height);
  const perX = width / (axisX.to - axisX.from);
  const perY = height / (axisY.to - axisY.from);
  for (let row = 0; row < x.length; row++) {
    if (matches[row] !== 1 || x[row] === -Infinity || y[row] === -Infinity) continue;
    const column = clamp(Math.floor((x[row]! - axisX.from) * perX), width);
    const line = clamp(Math.floor((axisY.to - y[row]!) * perY), height);
    cells[line * width + column]!++;
  }
  return cells;
}

/**
 * The matching feature nearest to a point.
 * @param point pixels from the left and from the top
 * @param size of the plane in pixels
 * @param reach pixels within which it must be
 */
export function nearestFeature(
  { x, y, axisX, axisY }: Plane,
  matches: Uint8Array,
  point: { readonly x: number; readonly y: number },
  size: { readonly width: number; readonly height: number },
  reach: number,
): number | undefined {
  let [nearest, best] = [-1, reach * reach];
  for (let row = 0; row < x.length; row++) {
    if (matches[row] !== 1) continue;
    const dx = placeOf(axisX, x[row]!) * size.width - point.x;
    const dy = (1 - placeOf(axisY, y[row]!)) * size.height - point.y;
    const distance = dx * dx + dy * dy;
    if (distance <= best && (distance < best || nearest < 0)) [nearest, best] = [row, distance];
  }
  return nearest < 0 ? undefined : nearest;
}

function clamp(place: number, count: number): number {
  return place < 0 ? 0 : place >= count ? count - 1 : place;
}
