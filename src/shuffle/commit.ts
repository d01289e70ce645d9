import { DatasetConflict, RecordsUnaccounted, WorkDamaged } from '../errors.js';
import { datasetFormat } from '../formats/dataset.js';
import type { Dataset, Shard } from '../formats/dataset.js';
import { forEachConcurrently } from '../concurrently.js';
import { parseDataset, readDatasetText } from '../formats/readDataset.js';
import { formatDataset } from '../formats/writeDataset.js';
import type { ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import { formatPrefix } from '../storage/uri.js';
import { groupCount, tasksOf } from '../taskGroups.js';
import { objectsThere, readCheckpoint, readPassRecord, writePassRecord } from '../runs/checkpoint.js';
import type { PassRecord, TaskReport } from '../runs/checkpoint.js';
import { abortUploads, deletePass } from '../runs/cleanUp.js';
import { readGroup } from '../runs/groupManifest.js';
import type { ShuffleRun } from './run.js';
import { recordsBefore } from './shape.js';
import { rowsOf, splitDataset, withHeldOut } from './split.js';

/** What the workflow `shuffle` returns of one dataset. */
export interface ShuffleResult {
  readonly format: 'riffle.shuffle-result/1';
  readonly output: string;
  readonly rows: number;
  readonly shards: number;
  /** Bytes of all output shards. */
  readonly bytes: number;
  readonly layout: string;
  readonly plan: string;
  readonly scatterPasses: number;
  /** Whether the plan had been made for other resources than the input asked for. */
  readonly adoptedPlan: boolean;
  /** 128-bit multiset digest of the records, hex. */
  readonly digest: string;
  /** How many of the rows and shards are held out; only of a split output. */
  readonly heldOut?: { readonly rows: number; readonly shards: number };
}

/** What it returns of aligned datasets: their results, in the order of the input. */
export interface AlignedResult {
  readonly format: ShuffleResult['format'];
  readonly aligned: readonly ShuffleResult[];
}

const concurrentRequests = 32;

/**
 * Closes a pass: every record must be there, with the digest of the pass before. Then the pass is noted as complete,
 * and the objects of the pass before, which nobody needs any more, are deleted (not those of the last scatter pass:
 * they stay until the output is committed).
 * @throws RecordsUnaccounted
 */
export async function completePass(
  store: ObjectStore,
  run: ShuffleRun,
  record: PassRecord,
  keepIntermediates: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (record.records !== run.dataset.rows) {
    throw unaccounted(run, record.pass, `it handled ${record.records} records of ${run.dataset.rows}`);
  }
  const before = record.pass > 1 ? await readPassRecord(store, run, record.pass - 1, signal) : undefined;
  if (before && before.digest !== record.digest) {
    throw unaccounted(
      run,
      record.pass,
      `its multiset digest is ${record.digest}, that of the pass before ${before.digest}`,
    );
  }
  await writePassRecord(store, run, record, signal);
  if (!keepIntermediates && record.pass > 1 && !run.geometry.isGather(record.pass)) {
    await deletePass(store, run, record.pass - 1, signal);
  }
}

function unaccounted(run: ShuffleRun, pass: number, what: string): RecordsUnaccounted {
  return new RecordsUnaccounted(
    `Pass ${pass} of ${formatPrefix(run.output)} does not account for every record: ${what}. A checkpoint manifest was ` +
      `altered, or this is a fault of riffle. Delete _riffle/${run.planDigest}/ below the output and start again; no ` +
      'dataset.json was written.',
    { pass },
  );
}

/**
 * Commits a shuffle whose gather pass is complete: writes dataset.json, and deletes nothing. May be repeated. That of a
 * held-out part comes first: the one at the output prefix is the commit of both.
 * @throws WorkDamaged when checkpoints or shards of the gather pass are gone, DatasetConflict when another dataset.json
 *   stands there, RecordsUnaccounted when the gather pass was not closed
 */
export async function commitShuffle(
  store: ObjectStore,
  run: ShuffleRun,
  adoptedPlan: boolean,
  signal: AbortSignal,
): Promise<ShuffleResult> {
  // An attempt whose answer was lost, or another cluster, may have committed; the checkpoints are then gone.
  const committed = await readDatasetText(store, run.output, { signal });
  if (committed !== undefined) {
    const dataset = parseDataset(committed, `${formatPrefix(run.output)}/dataset.json`);
    if (dataset.shuffle?.layout !== run.layoutDigest) throw foreignDataset(run.outputDataset);
    return resultOf(run, await withHeldOut(store, run.output, dataset, { signal }), adoptedPlan);
  }
  const record = await readPassRecord(store, run, run.geometry.passes, signal);
  if (!record) {
    throw new RecordsUnaccounted(
      `s3://${run.output.bucket}/${run.passRecord(run.geometry.passes).key}, which notes that all records were counted, ` +
        'is gone. Start the workflow again: it does what is missing.',
    );
  }
  const dataset = outputDataset(run, await outputShards(store, run, signal), record.digest);
  await abortUploads(store, run, signal);
  await writeDatasets(store, run, dataset, signal);
  return resultOf(run, dataset, adoptedPlan);
}

/** @param dataset all shards, those of both parts of a split output */
export function resultOf(run: ShuffleRun, dataset: Dataset, adoptedPlan: boolean): ShuffleResult {
  const held = dataset.shards.slice(dataset.shards.length - run.heldOutShards);
  return {
    format: 'riffle.shuffle-result/1',
    output: formatPrefix(run.output),
    rows: dataset.rows,
    shards: dataset.shards.length,
    bytes: dataset.shards.reduce((sum, shard) => sum + shard.bytes, 0),
    layout: run.layoutDigest,
    plan: run.planDigest,
    scatterPasses: run.plan.scatter.length,
    adoptedPlan,
    digest: dataset.shuffle!.digest,
    ...(held.length > 0 ? { heldOut: { rows: rowsOf(held), shards: held.length } } : {}),
  };
}

/**
 * The shards that the gather tasks wrote, in order: from the group manifests, and from a task's own checkpoint where its
 * group has none or where the shards are not those that it names.
 */
async function outputShards(store: ObjectStore, run: ShuffleRun, signal: AbortSignal): Promise<Shard[]> {
  const pass = run.geometry.passes;
  const taskCount = run.geometry.taskCount(pass);
  const shards = new Map<string, Shard>();
  const lost: number[] = [];
  for (let group = 0; group < groupCount(taskCount); group++) {
    const { first, end } = tasksOf(group, taskCount);
    const folded = (await readGroup(store, run, pass, group, signal))?.reports;
    const tasks = Array.from({ length: end - first }, (_, index) => first + index);
    await forEachConcurrently(tasks, concurrentRequests, signal, async (task, stop) => {
      const known = folded?.[task - first];
      const named = known && reportedShards(run, task, known);
      const intact = named && (await objectsThere(store, run, known, stop));
      const report = intact ? undefined : await readCheckpoint(store, run, pass, task, stop);
      const wrote = intact ? named : report && reportedShards(run, task, report);
      if (!wrote) lost.push(task);
      for (const shard of wrote ?? []) shards.set(shard.key, shard);
    });
  }
  if (lost.length > 0) {
    throw new WorkDamaged(
      `${lost.length} tasks of the gather pass of ${formatPrefix(run.output)} must be done again: their checkpoints or ` +
        `shards are gone or damaged; the first is s3://${run.output.bucket}/${run.checkpoint(pass, lost[0]!).key}.`,
      { pass, tasks: lost },
    );
  }
  return Array.from({ length: run.shape.shards }, (_, shard) => shards.get(run.outputShardKey(shard))!);
}

/** The output shards of a gather task's report; undefined when they are not those that the plan gives the task. */
function reportedShards(run: ShuffleRun, task: number, report: TaskReport): Shard[] | undefined {
  const { first, end } = run.geometry.bucket(run.geometry.passes - 1, task);
  const shards = report.wrote.map(({ key, bytes, etag, shard }) => ({ key, bytes, etag, ...shard! }));
  const expected = Array.from({ length: end - first }, (_, index) => {
    const rows = recordsBefore(run.shape, first + index + 1) - recordsBefore(run.shape, first + index);
    const header = run.codec.encodeHeader(run.dataset.columns, rows, run.dataset.metadata).length;
    return `${run.outputShardKey(first + index)} ${rows} ${header} ${header + rows * run.recordBytes}`;
  });
  const found = shards.map(({ key, rows, header, bytes }) => `${key} ${rows} ${header} ${bytes}`);
  return String(found) === String(expected) ? shards : undefined;
}

function outputDataset(run: ShuffleRun, shards: readonly Shard[], digest: string): Dataset {
  const { dataset, layout } = run;
  return {
    format: datasetFormat,
    rows: dataset.rows,
    encoding: dataset.encoding,
    columns: dataset.columns,
    shards: shards.map(({ key, rows, bytes, header, etag, crc32 }) => ({ key, rows, bytes, header, etag, crc32 })),
    ...(dataset.recordBytes === undefined ? {} : { recordBytes: dataset.recordBytes }),
    ...(dataset.metadata === undefined ? {} : { metadata: dataset.metadata }),
    shuffle: {
      layout: run.layoutDigest,
      seed: layout.seed,
      blockRows: layout.blockRows,
      outputShardRows: layout.outputShardRows,
      digest,
    },
  };
}

async function writeDatasets(store: ObjectStore, run: ShuffleRun, whole: Dataset, signal: AbortSignal): Promise<void> {
  if (!run.layout.split) {
    await writeOnce(store, run.outputDataset, whole, signal);
    return;
  }
  const { training, heldOut } = splitDataset(whole, run.layout.split);
  await writeOnce(store, run.heldOutDataset, heldOut, signal);
  await writeOnce(store, run.outputDataset, training, signal);
}

async function writeOnce(
  store: ObjectStore,
  location: ObjectLocation,
  dataset: Dataset,
  signal: AbortSignal,
): Promise<void> {
  const data = Buffer.from(formatDataset(dataset));
  signal.throwIfAborted();
  const outcome = await store.putIfAbsent(location, [data], { signal });
  if (outcome.created) return;
  const there = await store.readWhole(location, data.length, { signal }).catch(() => undefined);
  if (there && data.equals(there.data)) return;
  throw foreignDataset(location);
}

function foreignDataset({ bucket, key }: ObjectLocation): DatasetConflict {
  return new DatasetConflict(
    `s3://${bucket}/${key} was written by somebody else while this shuffle ran. Move it away and start again; it was ` +
      'not touched.',
    { key },
  );
}
