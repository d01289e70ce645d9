import { countCells, type Plane } from './distribution.js';
import { placeOf } from './logAxis.js';
import type { Size } from './useSize.js';

/** Up to so many features are drawn as single points; more as cells, the denser the stronger. */
const mostPoints = 20_000;

const pointRadius = 2.5;
/** Pixels of a cell's side. */
const cellSide = 2;

/** Draws features into a canvas: those that are not shown faint, those that are over them. Colours are the canvas's in CSS. */
export function drawScatter(
  canvas: HTMLCanvasElement,
  plane: Plane,
  present: Uint8Array,
  matches: Uint8Array,
  size: Size,
): void {
  const scale = devicePixelRatio;
  canvas.width = Math.round(size.width * scale);
  canvas.height = Math.round(size.height * scale);
  const context = canvas.getContext('2d');
  if (!context) return;
  context.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const few = present.reduce((sum, each) => sum + each, 0) <= mostPoints;
  const draw = few ? drawPoints : drawCells;
  // A custom property would come as it is written, not as a colour.
  draw(context, plane, present, size, style.outlineColor);
  draw(context, plane, matches, size, style.color);
}

function drawPoints(
  context: CanvasRenderingContext2D,
  plane: Plane,
  matches: Uint8Array,
  size: Size,
  color: string,
): void {
  const { x, y, axisX, axisY } = plane;
  context.fillStyle = color;
  context.globalAlpha = 0.55;
  for (let feature = 0; feature < x.length; feature++) {
    if (matches[feature] !== 1 || x[feature] === -Infinity) continue;
    context.beginPath();
    const left = placeOf(axisX, x[feature]!) * size.width;
    const top = (1 - placeOf(axisY, y[feature]!)) * size.height;
    context.arc(left, top, pointRadius, 0, 2 * Math.PI);
    context.fill();
  }
}

function drawCells(
  context: CanvasRenderingContext2D,
  plane: Plane,
  matches: Uint8Array,
  size: Size,
  color: string,
): void {
  const width = Math.ceil(size.width / cellSide);
  const height = Math.ceil(size.height / cellSide);
  const cells = countCells(plane, matches, width, height);
  const most = Math.log(1 + cells.reduce((a, b) => Math.max(a, b), 1));
  context.fillStyle = color;
  cells.forEach((count, cell) => {
    if (count === 0) return;
    context.globalAlpha = 0.2 + (0.8 * Math.log(1 + count)) / most;
    context.fillRect((cell % width) * cellSide, Math.floor(cell / width) * cellSide, cellSide, cellSide);
  });
}
