import type { Steps } from './steps.js';

/** A place for every record: its slot in the task's output order and the group (bucket or shard) that it falls in. */
export interface Placement {
  readonly slots: Uint32Array;
  readonly groups: Uint32Array;
  /** First slot of each group, and the end. */
  readonly groupStarts: Float64Array;
}

/** Slots that are filled between two steps: tens of milliseconds. */
const slotsPerStep = 2 ** 21;

/**
 * Turns an output order into places.
 * @param order record numbers in output order; becomes part of the result
 * @param slots as long, with any content; becomes part of the result
 */
export function* placement(order: Uint32Array, slots: Uint32Array, groupStarts: Float64Array): Steps<Placement> {
  for (let slot = 0; slot < order.length; slot++) {
    slots[order[slot]!] = slot;
    if (slot % slotsPerStep === slotsPerStep - 1) yield;
  }
  const groups = order;
  for (let group = 0; group + 1 < groupStarts.length; group++) {
    groups.fill(group, groupStarts[group], groupStarts[group + 1]);
  }
  return { slots, groups, groupStarts };
}
