/** Indexes of typed arrays: plain loops and sorts without callbacks, which are several times faster. */

/** So many numbers can be sorted at once: index and 32 bits fit into one float64. */
export const mostSorted = 2 ** 21;

/**
 * Indexes of numbers of 64 bits in ascending order; those of equal numbers ascend.
 * @param low halves of the numbers
 * @param high halves; none where all are 0
 * @throws RangeError where there are more than 2^21
 */
export function sortedIndexes(low: Uint32Array, high?: Uint32Array): Uint32Array {
  if (low.length > mostSorted)
    throw new RangeError(`${low.length} firing tokens of one feature cannot be sorted at once`);
  const keys = new Float64Array(low.length);
  for (let i = 0; i < keys.length; i++) keys[i] = low[i]! * mostSorted + i;
  keys.sort();
  const indexes = new Uint32Array(low.length);
  for (let i = 0; i < keys.length; i++) indexes[i] = keys[i]! % mostSorted;
  if (high === undefined) return indexes;
  const byHigh = sortedIndexes(pick(high, indexes, new Uint32Array(low.length)));
  return pick(indexes, byHigh, new Uint32Array(low.length));
}

/** Fills `target` with the numbers of `source` at these indexes. */
export function pick<T extends Float64Array | Uint32Array | Float32Array>(
  source: ArrayLike<number>,
  indexes: ArrayLike<number>,
  target: T,
): T {
  for (let i = 0; i < indexes.length; i++) target[i] = source[indexes[i]!]!;
  return target;
}
