import { forEachConcurrently } from '../concurrently.js';
import { sumDigests } from '../digests.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { groupCount, tasksOf } from '../taskGroups.js';
import { decodeChecked, encodeChecked } from './checkedJson.js';
import { readReport } from './checkpoint.js';
import type { TaskReport } from './checkpoint.js';
import type { PlannedRun } from './plannedRun.js';
import type { Survey } from './survey.js';

/**
 * A group manifest holds the reports of all tasks of a group, so that one GET tells what up to 500 manifests would.
 *
 * It may be older than its tasks' objects: a task that is repaired writes its object and its own manifest again, and
 * nobody folds them anew. That is safe. What a task writes is a function of the plan, and so is its report, except for
 * ETags where the server does not derive them from the bytes (KMS keys). And no reader trusts the manifest alone: an
 * entry counts only while the objects that it names are there with the recorded length and ETag, that is, while they
 * are the objects that it was written for. Where they are not, the task's own manifest decides. Only damage that
 * leaves length and ETag unchanged gets past this, as it gets past a task's manifest: it is found when the bytes are
 * read, and then `forgetTasks` deletes both.
 */
export interface GroupManifest {
  readonly pass: number;
  readonly group: number;
  /** One for each task of the group, in order. */
  readonly reports: readonly TaskReport[];
}

const groupFormat = 'riffle.group/1';
const concurrentReads = 32;
/** Bytes, a little less than a string may hold; the entries of a million output shards take about 200 MB. */
const groupLimit = 500_000_000;

/**
 * Folds the manifests of a group whose tasks are all done into one.
 * @returns the key of the group manifest, or undefined (and writes nothing) where a task's manifest is gone or damaged
 */
export async function foldGroup(
  store: ObjectStore,
  run: PlannedRun,
  pass: number,
  group: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { first, end } = tasksOf(group, run.taskCount(pass));
  const found = new Map<number, TaskReport>();
  const tasks = Array.from({ length: end - first }, (_, index) => first + index);
  await forEachConcurrently(tasks, concurrentReads, signal, async (task, stop) => {
    const report = await readReport(store, run, pass, task, stop);
    if (report) found.set(task, report);
  });
  const reports = tasks.flatMap((task) => found.get(task) ?? []);
  if (reports.length < tasks.length) return undefined;
  const manifest = encodeChecked({
    format: groupFormat,
    layout: run.layoutDigest,
    plan: run.planDigest,
    pass,
    group,
    reports: reports.map(({ task, records, digest, bytesRead, wrote }) => ({
      task,
      records,
      digest,
      bytesRead,
      wrote,
    })),
  });
  signal.throwIfAborted();
  const location = run.groupManifest(pass, group);
  await store.put(location, [manifest], { signal });
  return location.key;
}

/** Reads a group manifest; undefined when there is none, or it is damaged. Says nothing about the objects that it names. */
export async function readGroup(
  store: ObjectStore,
  run: PlannedRun,
  pass: number,
  group: number,
  signal: AbortSignal,
): Promise<GroupManifest | undefined> {
  const found = await store.readWhole(run.groupManifest(pass, group), groupLimit, { signal });
  const manifest = found && decodeChecked<GroupManifest & { format: string; layout: string; plan: string }>(found.data);
  if (
    manifest?.format !== groupFormat ||
    manifest.layout !== run.layoutDigest ||
    manifest.plan !== run.planDigest ||
    manifest.pass !== pass ||
    manifest.group !== group
  ) {
    return undefined;
  }
  const { first, end } = tasksOf(group, run.taskCount(pass));
  const whole = manifest.reports.length === end - first && manifest.reports.every(({ task }, i) => task === first + i);
  if (!whole) return undefined;
  return { ...manifest, reports: manifest.reports.map((report) => ({ ...report, pass })) };
}

/** Groups of a pass that need no more work. */
export interface DoneGroups {
  readonly groups: ReadonlySet<number>;
  readonly tasks: number;
  readonly records: number;
  readonly digest: string;
}

/** Finds the groups of a pass that are done: one GET for each manifest that the survey lists, and no other request. */
export async function doneGroups(
  store: ObjectStore,
  run: PlannedRun,
  pass: number,
  { others }: Survey,
  signal: AbortSignal,
): Promise<DoneGroups> {
  const relative = (key: string): string => key.slice(run.output.prefix.length);
  const all = Array.from({ length: groupCount(run.taskCount(pass)) }, (_, group) => group);
  const listed = all.filter((group) => others.has(relative(run.groupManifest(pass, group).key)));
  const done = new Map<number, readonly TaskReport[]>();
  await forEachConcurrently(listed, concurrentReads, signal, async (group, stop) => {
    const manifest = await readGroup(store, run, pass, group, stop);
    const intact = manifest?.reports.every(({ wrote }) =>
      wrote.every(({ key, bytes, etag }) => others.get(key)?.bytes === bytes && others.get(key)?.etag === etag),
    );
    if (manifest && intact) done.set(group, manifest.reports);
  });
  const reports = [...done.values()].flat();
  return {
    groups: new Set(done.keys()),
    tasks: reports.length,
    records: reports.reduce((sum, { records }) => sum + records, 0),
    digest: sumDigests(reports.map(({ digest }) => digest)),
  };
}
