/** How a collector and the statistics of its features lie in memory. src/features/collectorLayout.ts reads them. */
import { tokenBytes } from './tokenList';

@unmanaged
export class Collector {
  seed: u64;
  firstRow: u64;
  firstFeature: u32;
  features: u32;
  /** Capacities of the lists: best tokens, sample, tokens of a bin. */
  top: u32;
  sample: u32;
  perInterval: u32;
  /** Octaves, from that of the maximum down, whose bins have lists of their own. */
  separateOctaves: u32;
  /** Address of the features' records. */
  records: u32;
  recordBytes: u32;
  /** Address of a number (u32) for each feature: where its tokens end in `sorted`. */
  ends: u32;
  /** Address of the tile's tokens (Firing), by feature. */
  sorted: u32;
  /** Room for octaves beyond a record's slots: [room, roomEnd). */
  room: u32;
  roomEnd: u32;
}

/**
 * What is known of a feature. In its record follow: the list of tokens below the separate octaves, that of the best tokens,
 * the sample, the slots of octaves, and the bin lists of octaves in slots. All of it lies together, because reaching for
 * memory takes more time than computing.
 */
@unmanaged
export class Feature {
  excludedFiring: u32;
  /** Exponent bits of the greatest activation. */
  highest: u32;
}

/**
 * Tokens whose activations have one exponent. An octave lies in the slot that the exponent's lowest bits name; where
 * another one has taken it, behind that one in a chain.
 */
@unmanaged
export class Octave {
  /** Sum of 24-bit significands; 0 in a free slot. */
  significands: u64;
  /** Address of the next octave of this slot, or 0. */
  next: u32;
  /** The exponent's bits. */
  exponent: u32;
  /** Address of the lists of its eight bins, or 0: its tokens belong to the list below the separate octaves. */
  lists: u32;
  unused: u32;
  // Eight counts (u32) follow, then for each bin the high half of the greatest hash that its list has room for (or more).
}

@unmanaged
export class Firing {
  /** In the tile. */
  row: u32;
  activation: u32;
}

export const binsPerOctave: u32 = 8;
export const countsAt: u32 = offsetof<Octave>();
export const limitsAt: u32 = countsAt + 4 * binsPerOctave;
export const octaveBytes: u32 = limitsAt + 4 * binsPerOctave;
/** Octaves that a record has room for. */
export const slots: u32 = 16;
/** No feature has more: so many exponents do floats have. */
export const mostOctaves: u32 = 256;

export function belowList(record: u32): u32 {
  return record + offsetof<Feature>();
}

/** Whether the bins of all octaves have lists of their own, not only those of the highest few. */
export function allSeparate(collector: Collector): bool {
  return collector.separateOctaves > slots;
}

/** The bytes of an octave's bin lists. */
export function listBytes(collector: Collector): u32 {
  return binsPerOctave * collector.perInterval * tokenBytes;
}

/** The bytes of an octave that found its slot taken; bin lists of its own follow where all octaves have some. */
export function chainedBytes(collector: Collector): u32 {
  return octaveBytes + (allSeparate(collector) ? listBytes(collector) : 0);
}
