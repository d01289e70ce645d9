/**
 * Lists of a fixed number of firing tokens, the first under a total order: rank ascending, then row ascending. Places
 * that nothing has taken yet hold a token that is behind all others, so no list has a length to look at.
 */

@unmanaged
export class Token {
  /** A hash, or the complement of an activation's bits. */
  rank: u64;
  /** Counted from the collector's first row. */
  row: u32;
  /** Context or document, or the row. */
  key: u32;
  /** The token's number in the vocabulary. */
  id: u32;
  /** Bits of a float32 above zero; 0 in a free place. */
  activation: u32;
}

export const tokenBytes: u32 = offsetof<Token>();

/** Whether a token belongs into a full list whose last place is `last`. */
export function belongs(rank: u64, row: u32, last: u32): bool {
  const token = changetype<Token>(last);
  return rank < token.rank || (rank == token.rank && row < token.row);
}

/** Frees all places of a list. */
export function clearList(list: u32, capacity: u32): void {
  for (const end = list + capacity * tokenBytes; list < end; list += tokenBytes) {
    put(list, u64.MAX_VALUE, u32.MAX_VALUE, 0, 0, 0);
  }
}

/** Puts a token, which belongs there, into a list; the last one falls out. */
export function insert(list: u32, capacity: u32, rank: u64, row: u32, key: u32, id: u32, activation: u32): void {
  let low: u32 = 0;
  let high: u32 = capacity - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (belongs(rank, row, list + middle * tokenBytes)) high = middle;
    else low = middle + 1;
  }
  const place = list + low * tokenBytes;
  memory.copy(place + tokenBytes, place, (capacity - 1 - low) * tokenBytes);
  put(place, rank, row, key, id, activation);
}

/**
 * The same for a list that holds the first token of each key only: nothing changes where an earlier token of the same key
 * stands there, and a later one falls out instead of the last.
 */
export function insertDistinct(
  list: u32,
  capacity: u32,
  rank: u64,
  row: u32,
  key: u32,
  id: u32,
  activation: u32,
): void {
  const last = list + (capacity - 1) * tokenBytes;
  let place = list;
  for (; !belongs(rank, row, place); place += tokenBytes) {
    if (changetype<Token>(place).key == key) return;
  }
  let end = place;
  while (end < last && changetype<Token>(end).key != key) end += tokenBytes;
  // The lists are short: a loop takes less time than a call of memory.copy.
  for (; end > place; end -= tokenBytes) {
    store<u64>(end, load<u64>(end - tokenBytes));
    store<u64>(end, load<u64>(end - tokenBytes, 8), 8);
    store<u64>(end, load<u64>(end - tokenBytes, 16), 16);
  }
  put(place, rank, row, key, id, activation);
}

function put(place: u32, rank: u64, row: u32, key: u32, id: u32, activation: u32): void {
  const token = changetype<Token>(place);
  token.rank = rank;
  token.row = row;
  token.key = key;
  token.id = id;
  token.activation = activation;
}
