import type { ColumnValues } from '../../../src/pages/table.js';

export type Direction = 'ascending' | 'descending';

/** Three digits of a 32-bit word; counts of one digit stay in the processor's first cache. */
const digitBits = 11;
const digits = 2 ** digitBits;

/**
 * All rows of a column in the order of its values; equal ones by ascending row, whatever the direction. A radix sort:
 * a million rows take a few passes over them.
 * @param values none is negative or NaN: so floats are in the order of their bits
 */
export function orderRows(values: ColumnValues, direction: Direction): Uint32Array {
  let order = new Uint32Array(values.length);
  for (let row = 0; row < order.length; row++) order[row] = row;
  let next = new Uint32Array(values.length);
  for (const words of wordsOf(values)) {
    for (let shift = 0; shift < 32; shift += digitBits) {
      const places = placesOf(words, shift, direction);
      if (places === undefined) continue;
      for (const row of order) next[places[(words[row]! >>> shift) & (digits - 1)]!++] = row;
      [order, next] = [next, order];
    }
  }
  return order;
}

/** Where the rows of each digit begin; undefined where all rows have the same digit, so that there is nothing to do. */
function placesOf(words: Uint32Array, shift: number, direction: Direction): Uint32Array | undefined {
  const counts = new Uint32Array(digits);
  for (const word of words) counts[(word >>> shift) & (digits - 1)]!++;
  if (counts.includes(words.length)) return undefined;
  const places = new Uint32Array(digits);
  for (let n = 0, place = 0; n < digits; n++) {
    const digit = direction === 'ascending' ? n : digits - 1 - n;
    places[digit] = place;
    place += counts[digit]!;
  }
  return places;
}

/** The bits of each value as 32-bit words, the least significant ones first. */
function wordsOf(values: ColumnValues): Uint32Array[] {
  if (values instanceof Uint8Array) return [new Uint32Array(values)];
  if (values instanceof Uint32Array) return [values];
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.byteLength / 4);
  if (values instanceof Float32Array) return [bits];
  const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
  return littleEndian ? [everyOther(bits, 0), everyOther(bits, 1)] : [everyOther(bits, 1), everyOther(bits, 0)];
}

function everyOther(words: Uint32Array, first: number): Uint32Array {
  const picked = new Uint32Array(words.length / 2);
  for (let n = 0; n < picked.length; n++) picked[n] = words[2 * n + first]!;
  return picked;
}
