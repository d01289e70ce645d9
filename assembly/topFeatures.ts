/** The largest features of each token, collected block by block: what topk and groupmax encoders need before they scan. */

/**
 * The value of a column before anything is cut off: (product + bias) · norm.
 * @param line address of the product's row
 */
export function candidate(line: u32, bias: u32, norm: u32, column: u32): f32 {
  const place = column << 2;
  return (load<f32>(line + place) + load<f32>(bias + place)) * load<f32>(norm + place);
}

/**
 * Takes columns [0, width) of a product into the tokens' candidates. For each group of each token these are the `kept`
 * largest values > 0 by (value descending, index ascending), so features may come in any order, each once.
 *
 * @param product address of float32 [rows, stride]; `stride` in bytes
 * @param first the feature of the first column
 * @param excludedRows address of a byte for each row, not 0 where values that are not finite are passed over; or 0
 * @param bias address of float32 [width], like `norm`
 * @param groupSize features of a group
 * @param groups groups of a token
 * @param kept candidates of a group
 * @param sizes address of u32 [rows, groups]: how many candidates there are
 * @param heaps address of (float32 value, u32 index) [rows, groups, kept]: heaps with the least candidate at the root
 * @returns row · 2^32 + column of the first value that is not finite on a row that is not excluded, or −1
 */
export function offerTop(
  product: u32,
  stride: u32,
  width: u32,
  first: u32,
  rows: u32,
  excludedRows: u32,
  bias: u32,
  norm: u32,
  groupSize: u32,
  groups: u32,
  kept: u32,
  sizes: u32,
  heaps: u32,
): f64 {
  for (let row: u32 = 0; row < rows; row++) {
    const line = product + row * stride;
    const forgiving = excludedRows != 0 && load<u8>(excludedRows + row) != 0;
    for (let from: u32 = 0; from < width;) {
      const group = (first + from) / groupSize;
      const to = min(width, (group + 1) * groupSize - first);
      const list = row * groups + group;
      const broken = offerGroup(
        line,
        from,
        to,
        first,
        forgiving,
        bias,
        norm,
        kept,
        sizes + (list << 2),
        heaps + ((list * kept) << 3),
      );
      if (broken != to) return <f64>row * 4294967296.0 + <f64>broken;
      from = to;
    }
  }
  return -1;
}

/** @returns the first column whose value is not finite, or `to` */
function offerGroup(
  line: u32,
  f: u32,
  to: u32,
  first: u32,
  forgiving: bool,
  bias: u32,
  norm: u32,
  kept: u32,
  sizeAt: u32,
  heap: u32,
): u32 {
  let size = load<u32>(sizeAt);
  let least = leastWanted(heap, size, kept);
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
      if (!(abs(value) <= f32.MAX_VALUE)) {
        if (forgiving) continue;
        return lane;
      }
      if (value < least) continue;
      const index = first + lane;
      if (size < kept) {
        rise(heap, size++, value, index);
      } else {
        if (!isLess(load<f32>(heap), load<u32>(heap, 4), value, index)) continue;
        sink(heap, kept, value, index);
      }
      least = leastWanted(heap, size, kept);
    }
  }
  store<u32>(sizeAt, size);
  return to;
}

/** The least value that may still become a candidate. */
function leastWanted(heap: u32, size: u32, kept: u32): f32 {
  return size < kept ? f32.MIN_VALUE : load<f32>(heap);
}

/** Whether candidate a comes after candidate b in the order (value descending, index ascending). */
function isLess(a: f32, aIndex: u32, b: f32, bIndex: u32): bool {
  return a < b || (a == b && aIndex > bIndex);
}

/** Puts a candidate into a heap that has `place` of them. */
function rise(heap: u32, place: u32, value: f32, index: u32): void {
  while (place > 0) {
    const parent = (place - 1) >> 1;
    const at = heap + (parent << 3);
    if (!isLess(value, index, load<f32>(at), load<u32>(at, 4))) break;
    store<u64>(heap + (place << 3), load<u64>(at));
    place = parent;
  }
  store<f32>(heap + (place << 3), value);
  store<u32>(heap + (place << 3), index, 4);
}

/** Puts a candidate in the place of the root of a heap of `size`. */
function sink(heap: u32, size: u32, value: f32, index: u32): void {
  let place: u32 = 0;
  for (let child: u32 = 1; child < size; child = 2 * place + 1) {
    let at = heap + (child << 3);
    if (child + 1 < size && isLess(load<f32>(at, 8), load<u32>(at, 12), load<f32>(at), load<u32>(at, 4))) {
      child++;
      at += 8;
    }
    if (!isLess(load<f32>(at), load<u32>(at, 4), value, index)) break;
    store<u64>(heap + (place << 3), load<u64>(at));
    place = child;
  }
  store<f32>(heap + (place << 3), value);
  store<u32>(heap + (place << 3), index, 4);
}

/**
 * The cut-off of each list of candidates: its least candidate, or (0, 0) where there are fewer than `kept`, for then
 * all values > 0 are kept.
 *
 * @param lists rows · groups
 * @param cutoffs address of (float32 value, u32 index) [lists]
 */
export function cutoffsOfTop(lists: u32, kept: u32, sizes: u32, heaps: u32, cutoffs: u32): void {
  for (let list: u32 = 0; list < lists; list++) {
    const full = load<u32>(sizes + (list << 2)) == kept;
    store<u64>(cutoffs + (list << 3), full ? load<u64>(heaps + ((list * kept) << 3)) : 0);
  }
}
