import { probePrefix } from '../storage/conditionalPutProbe.js';
import type { ObjectHead, ObjectStore } from '../storage/objectStore.js';
import type { Prefix } from '../storage/uri.js';
import { readPassRecord } from './checkpoint.js';
import type { PassRecord } from './checkpoint.js';
import { planNumber } from './planLocation.js';
import type { PlannedRun } from './plannedRun.js';

/** What stands below an output prefix; keys are relative. */
export interface Survey {
  /** How many plans there are, numbered from 1. */
  readonly plans: number;
  /** Whether the object that commits the output is there. */
  readonly committed: boolean;
  /** All other objects, by key. */
  readonly others: ReadonlyMap<string, ObjectHead>;
  /** Left behind by a probe that was killed, or made by one that runs now. */
  readonly probes: readonly string[];
}

/** Looks at an output by one LIST. @param commit key of the object that commits it, relative to the prefix */
export async function surveyOutput(
  store: ObjectStore,
  output: Prefix,
  commit: string,
  signal: AbortSignal,
): Promise<Survey> {
  let committed = false;
  const numbers = new Map<number, ObjectHead & { relative: string }>();
  const others = new Map<string, ObjectHead>();
  const probes: string[] = [];
  for await (const { key, bytes, etag } of store.list(output.bucket, output.prefix, { signal })) {
    const relative = key.slice(output.prefix.length);
    const number = planNumber(relative);
    if (number !== undefined) numbers.set(number, { relative, bytes, etag });
    else if (relative === commit) committed = true;
    else if (relative.startsWith(probePrefix)) probes.push(relative);
    // An empty name is the marker that some tools make for a folder.
    else if (relative !== '') others.set(relative, { bytes, etag });
  }
  let plans = 0;
  while (numbers.delete(plans + 1)) plans++;
  // Plans after a gap were not stored by riffle in this order.
  for (const { relative, bytes, etag } of numbers.values()) others.set(relative, { bytes, etag });
  return { plans, committed, others, probes };
}

/**
 * The last pass that need not be done again: its record is there, and so is everything that it wrote. What an earlier
 * pass wrote may be gone, for nobody needs it any more.
 */
export async function lastCompletePass(
  store: ObjectStore,
  run: PlannedRun,
  survey: Survey,
  signal: AbortSignal,
): Promise<PassRecord | undefined> {
  for (let pass = run.passes; pass >= 1; pass--) {
    if (!hasAllObjects(run, survey, pass)) continue;
    const record = await readPassRecord(store, run, pass, signal);
    if (record) return record;
  }
  return undefined;
}

function hasAllObjects(run: PlannedRun, { others }: Survey, pass: number): boolean {
  for (const key of run.writesPacked(pass) ? packedKeys(run, pass) : run.outputKeys(pass)) {
    if (!others.has(key)) return false;
  }
  return true;
}

function* packedKeys(run: PlannedRun, pass: number): Generator<string, void> {
  for (let task = 0; task < run.taskCount(pass); task++) {
    yield run.packedObject(pass, task).key.slice(run.output.prefix.length);
  }
}
