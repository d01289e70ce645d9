import { sumDigests } from '../digests.js';
import { ObjectConflict, RecordsUnaccounted, WorkDamaged } from '../errors.js';
import type { ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import type { PartedBuffer } from '../storage/partedBuffer.js';
import { samePartedContent } from '../storage/sameContent.js';
import type { Prefix } from '../storage/uri.js';
import { Arranger } from './arrangement.js';
import type { NodeRun } from './arrangement.js';
import { readCheckpoint, writeCheckpoint } from './checkpoint.js';
import type { TaskReport, WrittenObject } from './checkpoint.js';
import { incoming } from './incoming.js';
import type { Incoming } from './incoming.js';
import type { ShuffleRun } from './run.js';
import { readRows } from './readRows.js';
import { readSegments } from './readSegments.js';
import { ColumnarFile } from './columnarFile.js';
import { finishWithPauses } from './steps.js';
import type { Pause, RecordTarget } from './recordTarget.js';
import { rowsBefore } from './shape.js';
import { PackedTarget, placement, ShardsTarget } from './target.js';

/** What a task works with besides its run. */
export interface TaskContext {
  readonly store: ObjectStore;
  /** Prefix of the input dataset. */
  readonly input: Prefix;
  readonly signal: AbortSignal;
  /** Called with the number of bytes read or written since the last call. */
  readonly onBytes: (bytes: number) => void;
  readonly pause: Pause;
}

/**
 * Does one task of a shuffle, unless its checkpoint says that it is done.
 *
 * @param pass from 1; the pass after the last scatter pass gathers
 * @param redo do it again although there is a checkpoint
 * @returns the report, and whether it was already there
 * @throws WorkDamaged when segments of the pass before must be written again first
 */
export async function runTask(
  run: ShuffleRun,
  pass: number,
  task: number,
  redo: boolean,
  context: TaskContext,
): Promise<{ report: TaskReport; skipped: boolean }> {
  const done = redo ? undefined : await readCheckpoint(context.store, run, pass, task, context.signal);
  if (done) return { report: done, skipped: true };
  const report = run.geometry.isGather(pass)
    ? await gather(run, task, context)
    : await scatter(run, pass, task, context);
  await writeCheckpoint(context.store, run, report, context.signal);
  return { report, skipped: false };
}

/** Reads one bucket of a row range, labels its records and writes them as one packed object, a segment per new bucket. */
async function scatter(run: ShuffleRun, pass: number, task: number, context: TaskContext): Promise<TaskReport> {
  const { geometry, table, layout, recordBytes } = run;
  const work = geometry.scatterTask(pass, task);
  const input = incoming(table, geometry, pass, work.incoming, work.firstBlock, work.endBlock, recordBytes);
  const order = identity(input.records);
  const arranger = new Arranger(table, layout.seed, input.records);
  const labelling = arranger.label(order, input.nodes, geometry.scatterPass(pass).depth);
  const runs = await finishWithPauses(labelling, context.pause);

  const starts = segmentStarts(runs, (bucket) => geometry.bucket(pass, work.firstBucket + bucket).first);
  const place = await finishWithPauses(
    placement(order, arranger.scratch, Float64Array.from([...starts, input.records])),
    context.pause,
  );
  const target = new PackedTarget(place, recordBytes);
  const read = await readIncoming(run, pass, work.firstBlock, input, target, context);
  const digests = await target.seal(
    (group, records) => ({
      layout: run.layoutDigest,
      plan: run.planDigest,
      pass,
      task,
      bucket: work.firstBucket + group,
      records,
    }),
    context.pause,
  );
  const digest = sumDigests(digests);
  checkDigest(read.digest, digest, `task ${task} of pass ${pass}`);

  context.signal.throwIfAborted();
  const location = run.packedObject(pass, task);
  const { etag } = await context.store.put(location, target.object.parts, { signal: context.signal });
  context.onBytes(target.object.length);
  const wrote = [{ key: relative(run, location), bytes: target.object.length, etag }];
  return { pass, task, records: input.records, digest, bytesRead: read.bytes, wrote };
}

/** Reads one final bucket, puts its records into their final order and writes its output shards. */
async function gather(run: ShuffleRun, task: number, context: TaskContext): Promise<TaskReport> {
  const { geometry, table, layout, recordBytes } = run;
  const pass = geometry.passes;
  const input = incoming(table, geometry, pass, task, 0, geometry.blockCount, recordBytes);
  const order = identity(input.records);
  const arranger = new Arranger(table, layout.seed, input.records);
  const shards = await finishWithPauses(arranger.label(order, input.nodes, Infinity), context.pause);
  for (const { node, first, records } of shards) {
    await finishWithPauses(arranger.shuffleShard(order.subarray(first, first + records), node), context.pause);
  }

  const starts = shards.map(({ first }) => first);
  const place = await finishWithPauses(
    placement(order, arranger.scratch, Float64Array.from([...starts, input.records])),
    context.pause,
  );
  const files = shards.map(({ records }) => ColumnarFile.shard(run.codec, run.dataset, records));
  const read = await readIncoming(run, pass, 0, input, new ShardsTarget(place, files), context);
  const digests: string[] = [];
  for (const file of files) digests.push(await file.digest(context.pause));
  const digest = sumDigests(digests);
  checkDigest(read.digest, digest, `task ${task} of pass ${pass}`);

  const wrote: WrittenObject[] = [];
  for (const [position, { node, records }] of shards.entries()) {
    const { bytes: file, headerBytes } = files[position]!;
    context.signal.throwIfAborted();
    const location = run.outputShard(node.first);
    wrote.push({
      key: relative(run, location),
      bytes: file.length,
      etag: await writeOnce(context, location, file),
      shard: {
        rows: records,
        header: headerBytes,
        crc32: file.crc32().toString(16).padStart(8, '0'),
      },
    });
    context.onBytes(file.length);
  }
  return { pass, task, records: input.records, digest, bytesRead: read.bytes, wrote };
}

/** Reads what a task needs, from the input dataset or from the segments of the pass before. */
async function readIncoming(
  run: ShuffleRun,
  pass: number,
  firstBlock: number,
  input: Incoming,
  target: RecordTarget,
  context: TaskContext,
): Promise<{ digest: string | undefined; bytes: number }> {
  let bytes = 0;
  const options = {
    signal: context.signal,
    onBytes: (count: number): void => {
      bytes += count;
      context.onBytes(count);
    },
  };
  if (pass === 1) {
    const firstRow = rowsBefore(run.shape, firstBlock);
    await readRows(context.store, context.input, run.dataset, firstRow, input.records, target, options);
    return { digest: undefined, bytes };
  }
  const { digests, faults } = await readSegments(
    context.store,
    input.segments,
    run.recordBytes,
    ({ writer, bucket, records }) => ({
      object: run.packedObject(pass - 1, writer),
      identity: { layout: run.layoutDigest, plan: run.planDigest, pass: pass - 1, task: writer, bucket, records },
    }),
    target,
    options,
  );
  const [first] = faults;
  if (first) {
    throw new WorkDamaged(
      `${faults.length} of ${input.segments.length} segments of pass ${pass - 1} must be written again; the first is in ` +
        `s3://${run.output.bucket}/${first.key} (task ${first.writer}): ${first.fault}.`,
      { pass: pass - 1, tasks: faults.map(({ writer }) => writer), key: first.key },
    );
  }
  return { digest: sumDigests(digests), bytes };
}

/** A task's records must have the digest that their segments' trailers add up to. */
function checkDigest(read: string | undefined, written: string, where: string): void {
  if (read === undefined || read === written) return;
  throw new RecordsUnaccounted(
    `In ${where} the records that were read have the multiset digest ${read}, those to be written ${written}. Nothing ` +
      'was written. This is a fault of the machine or of riffle: start the workflow again, and report it if it stays.',
    { read, written },
  );
}

/** Writes an output shard, which may be there already from an earlier attempt: then it must hold the same bytes. */
async function writeOnce(context: TaskContext, location: ObjectLocation, file: PartedBuffer): Promise<string> {
  const outcome = await context.store.putIfAbsent(location, file.parts, { signal: context.signal });
  if (outcome.created) return outcome.etag;
  const same = await samePartedContent(context.store, location, file, context.signal);
  if (same) return same.etag;
  throw new ObjectConflict(
    `s3://${location.bucket}/${location.key} holds other bytes than this shuffle writes there. Move that object away ` +
      '(or use another output prefix) and start again; it was not touched.',
    { key: location.key },
  );
}

/**
 * First entry of each segment.
 * @param runs all nodes in order; every bucket begins with one of them
 * @param firstShard first shard of a bucket, counted within the task
 */
function segmentStarts(runs: readonly NodeRun[], firstShard: (bucket: number) => number): number[] {
  const starts: number[] = [];
  for (const { node, first } of runs) if (node.first === firstShard(starts.length)) starts.push(first);
  return starts;
}

function identity(length: number): Uint32Array {
  const order = new Uint32Array(length);
  for (let i = 0; i < length; i++) order[i] = i;
  return order;
}

function relative(run: ShuffleRun, location: ObjectLocation): string {
  return location.key.slice(run.output.prefix.length);
}
