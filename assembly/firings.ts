/**
 * One scan over the dense product of rows and encoder weights: which features fire on which rows. It adds the bias,
 * compares with the threshold and writes the list of firings, in row-major order.
 *
 * Four values are compared at once, sixteen are skipped at once. "Quiet" is what needs no look: a finite number that does
 * not fire. NaN fails every comparison and so is never quiet, nor is minus infinity, which hides a value just as well.
 */
import { candidate } from './topFeatures';

/** Where the next firing goes, and the bytes between its row, its feature and its value. */
let next: u32 = 0;
let apart: u32 = 0;
/** The first value that is not finite: its row and feature. The row is `nowhere` as long as there is none. */
let brokenRow: u32 = 0;
let brokenFeature: u32 = 0;
/** Address of a byte for each row of the batch, not 0 where what is not finite shall be left out; or 0. */
let excluded: u32 = 0;

const nowhere: u32 = 0xffff_ffff;

/** Adds an activation to the list. If it is not a finite number, its row had better be excluded. */
function push(row: u32, feature: u32, value: f32): void {
  if (!(abs(value) <= f32.MAX_VALUE)) {
    if (excluded != 0 && load<u8>(excluded + row) != 0) return;
    if (brokenRow == nowhere) {
      brokenRow = row;
      brokenFeature = feature;
    }
  }
  store<u32>(next, row);
  store<u32>(next + apart, feature);
  store<f32>(next + 2 * apart, value);
  next += 4;
}

/**
 * Standard and jumprelu encoders: value = product + bias, which fires iff value > bound.
 *
 * @param product the address of float32 [rows, stride], of which the first `width` columns are scanned
 * @param stride bytes from row to row
 * @param first the number that the first column's feature has in the list; the others follow
 * @param firstRow the number that the first row has in the list
 * @param excludedRows address of a byte for each row by its number in the list, not 0 where values that are not finite are
 *   left out in silence; 0 if there are none
 * @param bias address of float32 [width]
 * @param bound address of float32 [width], each ≥ 0
 * @param firings address of the list: `capacity` rows, then as many features (u32), then as many values (float32)
 * @param state address of u32 [4]: the row to begin at and the number of firings that the list holds already; on return
 *   the row that comes next (`rows`, or less where the list might not hold another row), the number of firings, row and
 *   feature of the first value that is not finite on a row that is not excluded (row 2^32 − 1: there is none)
 */
export function scanFirings(
  product: u32,
  stride: u32,
  width: u32,
  first: u32,
  firstRow: u32,
  rows: u32,
  excludedRows: u32,
  bias: u32,
  bound: u32,
  firings: u32,
  capacity: u32,
  state: u32,
): void {
  let row = begin(excludedRows, firings, capacity, state);
  for (; row < rows && holds(width, firings, capacity); row++) {
    const line = product + row * stride;
    let f: u32 = 0;
    for (; f + 16 <= width; f += 16) {
      const at = f << 2;
      const quiet0 = quietPlain(line + at, bias + at, bound + at);
      const quiet1 = quietPlain(line + at + 16, bias + at + 16, bound + at + 16);
      const quiet2 = quietPlain(line + at + 32, bias + at + 32, bound + at + 32);
      const quiet3 = quietPlain(line + at + 48, bias + at + 48, bound + at + 48);
      if (i32x4.all_true(v128.and(v128.and(quiet0, quiet1), v128.and(quiet2, quiet3)))) continue;
      let loud = loudLanes(quiet0, quiet1, quiet2, quiet3);
      for (; loud != 0; loud &= loud - 1) {
        const lane = f + ctz(loud);
        push(firstRow + row, first + lane, load<f32>(line + (lane << 2)) + load<f32>(bias + (lane << 2)));
      }
    }
    for (; f < width; f++) {
      const value = load<f32>(line + (f << 2)) + load<f32>(bias + (f << 2));
      if (!(value <= load<f32>(bound + (f << 2)) && value >= -f32.MAX_VALUE)) push(firstRow + row, first + f, value);
    }
  }
  end(row, firings, state);
}

function quietPlain(product: u32, bias: u32, bound: u32): v128 {
  const values = f32x4.add(v128.load(product), v128.load(bias));
  return v128.and(f32x4.le(values, v128.load(bound)), f32x4.ge(values, f32x4.splat(-f32.MAX_VALUE)));
}

/**
 * Gated encoders: value = product · scale + bias, which fires iff value > 0 and product + gateBias > 0.
 *
 * @param gateBias address of float32 [width], like `scale` (each ≥ 0) and `bias`; the rest as in `scanFirings`
 */
export function scanGated(
  product: u32,
  stride: u32,
  width: u32,
  first: u32,
  firstRow: u32,
  rows: u32,
  excludedRows: u32,
  gateBias: u32,
  scale: u32,
  bias: u32,
  firings: u32,
  capacity: u32,
  state: u32,
): void {
  let row = begin(excludedRows, firings, capacity, state);
  for (; row < rows && holds(width, firings, capacity); row++) {
    const line = product + row * stride;
    let f: u32 = 0;
    for (; f + 16 <= width; f += 16) {
      const at = f << 2;
      const quiet0 = quietGated(line + at, gateBias + at, scale + at, bias + at);
      const quiet1 = quietGated(line + at + 16, gateBias + at + 16, scale + at + 16, bias + at + 16);
      const quiet2 = quietGated(line + at + 32, gateBias + at + 32, scale + at + 32, bias + at + 32);
      const quiet3 = quietGated(line + at + 48, gateBias + at + 48, scale + at + 48, bias + at + 48);
      if (i32x4.all_true(v128.and(v128.and(quiet0, quiet1), v128.and(quiet2, quiet3)))) continue;
      let loud = loudLanes(quiet0, quiet1, quiet2, quiet3);
      for (; loud != 0; loud &= loud - 1) {
        const lane = f + ctz(loud);
        const place = lane << 2;
        push(
          firstRow + row,
          first + lane,
          load<f32>(line + place) * load<f32>(scale + place) + load<f32>(bias + place),
        );
      }
    }
    for (; f < width; f++) {
      const place = f << 2;
      const dot = load<f32>(line + place);
      const gate = dot + load<f32>(gateBias + place);
      const value = dot * load<f32>(scale + place) + load<f32>(bias + place);
      if (!((gate <= 0 || value <= 0) && dot >= -f32.MAX_VALUE)) push(firstRow + row, first + f, value);
    }
  }
  end(row, firings, state);
}

function quietGated(product: u32, gateBias: u32, scale: u32, bias: u32): v128 {
  const zero = f32x4.splat(0);
  const dots = v128.load(product);
  const gates = f32x4.add(dots, v128.load(gateBias));
  const values = f32x4.add(f32x4.mul(dots, v128.load(scale)), v128.load(bias));
  const closed = v128.or(f32x4.le(gates, zero), f32x4.le(values, zero));
  return v128.and(closed, f32x4.ge(dots, f32x4.splat(-f32.MAX_VALUE)));
}

/**
 * Encoders of which only some features of a token may fire: value = (product + bias) · norm, which fires iff it is > 0
 * and > the token's cut-off, or equal to it and its feature's index is at most the stored one.
 *
 * @param first the feature of the first column
 * @param norm address of float32 [width]
 * @param base the feature that has the number 0 in the list
 * @param groupSize features of a group: each group of a token has a cut-off of its own
 * @param cutoffs address of (float32 value, u32 index) [rows, groups]; the rest as in `scanFirings`
 */
export function scanTop(
  product: u32,
  stride: u32,
  width: u32,
  first: u32,
  firstRow: u32,
  rows: u32,
  excludedRows: u32,
  bias: u32,
  norm: u32,
  base: u32,
  groupSize: u32,
  groups: u32,
  cutoffs: u32,
  firings: u32,
  capacity: u32,
  state: u32,
): void {
  let row = begin(excludedRows, firings, capacity, state);
  for (; row < rows && holds(width, firings, capacity); row++) {
    const line = product + row * stride;
    for (let from: u32 = 0; from < width;) {
      const group = (first + from) / groupSize;
      const to = min(width, (group + 1) * groupSize - first);
      const cutoff = cutoffs + ((row * groups + group) << 3);
      scanGroup(firstRow + row, line, from, to, first, base, bias, norm, load<f32>(cutoff), load<u32>(cutoff, 4));
      from = to;
    }
  }
  end(row, firings, state);
}

function scanGroup(
  row: u32,
  line: u32,
  f: u32,
  to: u32,
  first: u32,
  base: u32,
  bias: u32,
  norm: u32,
  cutoff: f32,
  last: u32,
): void {
  // The least value that may fire: what is > 0 is no smaller than the smallest number.
  const least = max<f32>(cutoff, f32.MIN_VALUE);
  for (; f < to; f += 4) {
    let loud: u32;
    if (f + 4 <= to) {
      const at = f << 2;
      const values = f32x4.mul(f32x4.add(v128.load(line + at), v128.load(bias + at)), v128.load(norm + at));
      const quiet = v128.and(f32x4.lt(values, f32x4.splat(least)), f32x4.ge(values, f32x4.splat(-f32.MAX_VALUE)));
      loud = i32x4.bitmask(quiet) ^ 15;
    } else {
      loud = (1 << (to - f)) - 1;
    }
    for (; loud != 0; loud &= loud - 1) {
      const lane = f + ctz(loud);
      const value = candidate(line, bias, norm, lane);
      if (value < least && value >= -f32.MAX_VALUE) continue;
      if (value == cutoff && first + lane > last) continue;
      push(row, first + lane - base, value);
    }
  }
}

/** @returns the row to begin at */
function begin(excludedRows: u32, firings: u32, capacity: u32, state: u32): u32 {
  excluded = excludedRows;
  next = firings + (load<u32>(state, 4) << 2);
  apart = capacity << 2;
  brokenRow = nowhere;
  return load<u32>(state);
}

/** Whether another row fits into the list even if all its features fire. */
function holds(width: u32, firings: u32, capacity: u32): bool {
  return ((next - firings) >> 2) + width <= capacity;
}

function end(row: u32, firings: u32, state: u32): void {
  store<u32>(state, row);
  store<u32>(state, (next - firings) >> 2, 4);
  store<u32>(state, brokenRow, 8);
  store<u32>(state, brokenFeature, 12);
}

/** The lanes that are not quiet, as bits. */
function loudLanes(quiet0: v128, quiet1: v128, quiet2: v128, quiet3: v128): u32 {
  const low = i16x8.narrow_i32x4_s(quiet0, quiet1);
  const high = i16x8.narrow_i32x4_s(quiet2, quiet3);
  return i8x16.bitmask(i8x16.narrow_i16x8_s(low, high)) ^ 0xffff;
}
