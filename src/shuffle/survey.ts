import { datasetLocation } from '../formats/readDataset.js';
import { probePrefix } from '../storage/conditionalPutProbe.js';
import type { ObjectHead, ObjectStore } from '../storage/objectStore.js';
import type { Prefix } from '../storage/uri.js';
import { readPassRecord } from './checkpoint.js';
import type { PassRecord } from './checkpoint.js';
import { planNumber } from './run.js';
import type { ShuffleRun } from './run.js';

/** What stands below an output prefix; keys are relative. */
export interface Survey {
  /** How many plans there are, numbered from 1. */
  readonly plans: number;
  readonly dataset: boolean;
  /** All other objects, by key. */
  readonly others: ReadonlyMap<string, ObjectHead>;
  /** Left behind by a probe that was killed, or made by one that runs now. */
  readonly probes: readonly string[];
}

/** Looks at an output by one LIST. */
export async function surveyOutput(store: ObjectStore, output: Prefix, signal: AbortSignal): Promise<Survey> {
  let dataset = false;
  const numbers = new Map<number, ObjectHead & { relative: string }>();
  const others = new Map<string, ObjectHead>();
  const probes: string[] = [];
  for await (const { key, bytes, etag } of store.list(output.bucket, output.prefix, { signal })) {
    const relative = key.slice(output.prefix.length);
    const number = planNumber(relative);
    if (number !== undefined) numbers.set(number, { relative, bytes, etag });
    else if (key === datasetLocation(output).key) dataset = true;
    else if (relative.startsWith(probePrefix)) probes.push(relative);
    // An empty name is the marker that some tools make for a folder.
    else if (relative !== '') others.set(relative, { bytes, etag });
  }
  let plans = 0;
  while (numbers.delete(plans + 1)) plans++;
  // Plans after a gap were not stored by riffle in this order.
  for (const { relative, bytes, etag } of numbers.values()) others.set(relative, { bytes, etag });
  return { plans, dataset, others, probes };
}

/**
 * The last pass that need not be done again: its record is there, and so is everything that it wrote. What an earlier
 * pass wrote may be gone, for nobody needs it any more.
 */
export async function lastCompletePass(
  store: ObjectStore,
  run: ShuffleRun,
  survey: Survey,
  signal: AbortSignal,
): Promise<PassRecord | undefined> {
  for (let pass = run.geometry.passes; pass >= 1; pass--) {
    if (!hasAllObjects(run, survey, pass)) continue;
    const record = await readPassRecord(store, run, pass, signal);
    if (record) return record;
  }
  return undefined;
}

function hasAllObjects(run: ShuffleRun, { others }: Survey, pass: number): boolean {
  const gather = run.geometry.isGather(pass);
  const count = gather ? run.shape.shards : run.geometry.taskCount(pass);
  for (let index = 0; index < count; index++) {
    const { key } = gather ? run.outputShard(index) : run.packedObject(pass, index);
    if (!others.has(key.slice(run.output.prefix.length))) return false;
  }
  return true;
}
