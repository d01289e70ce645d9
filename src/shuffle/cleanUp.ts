import type { ObjectStore } from '../storage/objectStore.js';
import type { ShuffleRun } from './run.js';
import type { Survey } from './survey.js';

/** Tasks whose objects one call of the store deletes. */
export const batch = 10_000;

/** Deletes what a pass wrote: packed objects and checkpoints; never output shards. */
export async function deletePass(
  store: ObjectStore,
  run: ShuffleRun,
  pass: number,
  signal: AbortSignal,
): Promise<void> {
  const tasks = run.geometry.taskCount(pass);
  for (let first = 0; first < tasks; first += batch) {
    const keys: string[] = [];
    for (let task = first; task < Math.min(first + batch, tasks); task++) {
      keys.push(run.checkpoint(pass, task).key);
      if (!run.geometry.isGather(pass)) keys.push(run.packedObject(pass, task).key);
    }
    await store.delete(run.output.bucket, keys, { signal });
  }
}

/** Deletes the checkpoints of damaged tasks and the record of their pass, so that the next start does them again. */
export async function forgetTasks(
  store: ObjectStore,
  run: ShuffleRun,
  pass: number,
  tasks: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  const keys = [run.passRecord(pass).key, ...tasks.map((task) => run.checkpoint(pass, task).key)];
  await store.delete(run.output.bucket, keys, { signal });
}

/** Deletes all that the plan of a committed shuffle names besides its output. May be repeated. */
export async function cleanUp(store: ObjectStore, run: ShuffleRun, signal: AbortSignal): Promise<void> {
  const passes = Array.from({ length: run.geometry.passes }, (_, index) => index + 1);
  for (const pass of passes) await deletePass(store, run, pass, signal);
  const records = passes.map((pass) => run.passRecord(pass).key);
  await store.delete(run.output.bucket, records, { signal });
}

/**
 * Deletes what late attempts and interrupted clean-ups left behind below a committed output: only keys that the plan
 * names, probes, and unfinished uploads of such keys.
 */
export async function removeLeftovers(
  store: ObjectStore,
  run: ShuffleRun,
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
export async function abortUploads(store: ObjectStore, run: ShuffleRun, signal: AbortSignal): Promise<void> {
  const { bucket, prefix } = run.output;
  await store.abortUploads(bucket, prefix, (key) => run.owns(key.slice(prefix.length)) !== undefined, { signal });
}
