import type { ObjectLocation } from '../storage/objectStore.js';
import type { Prefix } from '../storage/uri.js';

/** Key of a run's first plan, relative to its output prefix. */
export const planKey = '_riffle/plan.json';

/** Where an output keeps its plan. @param number 1, or more for plans that replaced it */
export function planLocation(output: Prefix, number = 1): ObjectLocation {
  return { bucket: output.bucket, key: output.prefix + (number === 1 ? planKey : `_riffle/plan-${number}.json`) };
}

/** The number of a plan by its key, relative to the output prefix; undefined for other keys. */
export function planNumber(key: string): number | undefined {
  if (key === planKey) return 1;
  const number = Number(/^_riffle\/plan-([2-9]|[1-9]\d{1,8})\.json$/.exec(key)?.[1]);
  return number > 1 ? number : undefined;
}
