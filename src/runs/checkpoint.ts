import { forEachConcurrently } from '../concurrently.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { decodeChecked, encodeChecked } from './checkedJson.js';
import type { PlannedRun } from './plannedRun.js';

/** An object that a task wrote. */
export interface WrittenObject {
  /** Relative to the output prefix. */
  readonly key: string;
  readonly bytes: number;
  readonly etag: string;
  /** Only for output shards. */
  readonly shard?: { readonly rows: number; readonly header: number; readonly crc32: string };
}

/** What a task read, wrote, counted and hashed; stored as its checkpoint manifest when all is written. */
export interface TaskReport {
  readonly pass: number;
  readonly task: number;
  readonly records: number;
  /** Multiset digest of the records, hex. */
  readonly digest: string;
  readonly bytesRead: number;
  readonly wrote: readonly WrittenObject[];
}

const checkpointFormat = 'riffle.checkpoint/1';
/** Looks at the objects of a task at a time. */
const concurrentHeads = 16;
const checkpointLimit = 64 * 1024 * 1024;

/** Writes the checkpoint manifest of a task: the last thing that it does. */
export async function writeCheckpoint(
  store: ObjectStore,
  run: PlannedRun,
  report: TaskReport,
  signal: AbortSignal,
): Promise<void> {
  const data = encodeChecked({
    format: checkpointFormat,
    layout: run.layoutDigest,
    plan: run.planDigest,
    ...report,
  });
  await store.put(run.checkpoint(report.pass, report.task), [data], { signal });
}

/**
 * The report of a task that is done. A manifest that is damaged, or whose objects are missing or of another length or
 * content, is no checkpoint.
 */
export async function readCheckpoint(
  store: ObjectStore,
  run: PlannedRun,
  pass: number,
  task: number,
  signal: AbortSignal,
): Promise<TaskReport | undefined> {
  const report = await readReport(store, run, pass, task, signal);
  return report && (await objectsThere(store, run, report, signal)) ? report : undefined;
}

/** Whether all that a task wrote is there as it was written. */
export async function objectsThere(
  store: ObjectStore,
  run: PlannedRun,
  { wrote }: Pick<TaskReport, 'wrote'>,
  signal: AbortSignal,
): Promise<boolean> {
  let intact = true;
  await forEachConcurrently(wrote, concurrentHeads, signal, async ({ key, bytes, etag }, stop) => {
    const head = await store.head({ bucket: run.output.bucket, key: run.output.prefix + key }, { signal: stop });
    if (head?.bytes !== bytes || head.etag !== etag) intact = false;
  });
  return intact;
}

/** The report alone, without a look at the objects that it names. */
export async function readReport(
  store: ObjectStore,
  run: PlannedRun,
  pass: number,
  task: number,
  signal: AbortSignal,
): Promise<TaskReport | undefined> {
  const found = await store.readWhole(run.checkpoint(pass, task), checkpointLimit, { signal });
  const manifest = found && decodeChecked<TaskReport & { format: string; layout: string; plan: string }>(found.data);
  if (!manifest) return undefined;
  const same =
    manifest.format === checkpointFormat &&
    manifest.layout === run.layoutDigest &&
    manifest.plan === run.planDigest &&
    manifest.pass === pass &&
    manifest.task === task;
  return same ? manifest : undefined;
}

/** What all tasks of a pass did together. */
export interface PassRecord {
  readonly pass: number;
  readonly records: number;
  /** Multiset digest of the records, hex. */
  readonly digest: string;
}

const passFormat = 'riffle.pass/1';

/** Notes that a pass is complete. */
export async function writePassRecord(
  store: ObjectStore,
  run: PlannedRun,
  record: PassRecord,
  signal: AbortSignal,
): Promise<void> {
  const data = encodeChecked({ format: passFormat, layout: run.layoutDigest, plan: run.planDigest, ...record });
  await store.put(run.passRecord(record.pass), [data], { signal });
}

export async function readPassRecord(
  store: ObjectStore,
  run: PlannedRun,
  pass: number,
  signal: AbortSignal,
): Promise<PassRecord | undefined> {
  const found = await store.readWhole(run.passRecord(pass), checkpointLimit, { signal });
  const record = found && decodeChecked<PassRecord & { format: string; layout: string; plan: string }>(found.data);
  const same =
    record?.format === passFormat &&
    record.layout === run.layoutDigest &&
    record.plan === run.planDigest &&
    record.pass === pass;
  return same ? record : undefined;
}
