import type { ObjectStore } from '../storage/objectStore.js';
import type { PlannedRun } from './plannedRun.js';
import type { Survey } from './survey.js';
import { groupCount, groupOf } from '../taskGroups.js';

/** Tasks whose objects one call of the store deletes. */
export const batch = 10_000;

/** Deletes what a pass wrote: packed objects, checkpoints and group manifests; never output shards. */
export async function deletePass(
  store: ObjectStore,
  run: PlannedRun,
  pass: number,
  signal: AbortSignal,
): Promise<void> {
  const tasks = run.taskCount(pass);
  let keys = groupKeys(run, pass);
  for (let first = 0; first < tasks; first += batch) {
    for (let task = first; task < Math.min(first + batch, tasks); task++) {
      keys.push(run.checkpoint(pass, task).key);
      if (run.writesPacked(pass)) keys.push(run.packedObject(pass, task).key);
    }
    await store.delete(run.output.bucket, keys, { signal });
    keys = [];
  }
}

function groupKeys(run: PlannedRun, pass: number): string[] {
  const groups = groupCount(run.taskCount(pass));
  return Array.from({ length: groups }, (_, group) => run.groupManifest(pass, group).key);
}

/**
 * Deletes the checkpoints of damaged tasks, the manifests of their groups and the record of their pass, so that the next
 * start does them again.
 */
export async function forgetTasks(
  store: ObjectStore,
  run: PlannedRun,
  pass: number,
  tasks: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  const groups = [...new Set(tasks.map(groupOf))];
  const keys = [
    run.passRecord(pass).key,
    ...groups.map((group) => run.groupManifest(pass, group).key),
    ...tasks.map((task) => run.checkpoint(pass, task).key),
  ];
  await store.delete(run.output.bucket, keys, { signal });
}

/** Deletes all that the plans of a committed shuffle name besides its output. May be repeated. */
export async function cleanUp(store: ObjectStore, run: PlannedRun, signal: AbortSignal): Promise<void> {
  // A plan that came back after another one is among the superseded, too: deleting twice does no harm.
  for (const planned of [...run.superseded, run]) {
    const passes = Array.from({ length: planned.passes }, (_, index) => index + 1);
    for (const pass of passes) await deletePass(store, planned, pass, signal);
    const records = passes.map((pass) => planned.passRecord(pass).key);
    await store.delete(run.output.bucket, records, { signal });
  }
}

/**
 * Deletes what late attempts and interrupted clean-ups left behind below a committed output: only keys that the plans
 * name, probes, and unfinished uploads of such keys.
 */
export async function removeLeftovers(
  store: ObjectStore,
  run: PlannedRun,
  survey: Survey,
  signal: AbortSignal,
): Promise<void> {
  const { bucket, prefix } = run.output;
  const named = [...survey.others.keys()].filter((key) => run.owns(key) === 'intermediate');
  const keys = [...named, ...survey.probes].map((key) => prefix + key);
  if (keys.length > 0) await store.delete(bucket, keys, { signal });
  await abortUploads(store, run, signal);
}

/** Aborts unfinished uploads of keys that the plan names. */
export async function abortUploads(store: ObjectStore, run: PlannedRun, signal: AbortSignal): Promise<void> {
  const { bucket, prefix } = run.output;
  await store.abortUploads(bucket, prefix, (key) => run.owns(key.slice(prefix.length)) !== undefined, { signal });
}
