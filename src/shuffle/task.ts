import { sumDigests } from '../digests.js';
import { ObjectConflict, RecordsUnaccounted, WorkDamaged } from '../errors.js';
import { largestRead, planReads } from '../formats/planReads.js';
import type { Read } from '../formats/planReads.js';
import type { WorkMemory } from '../memory/workMemory.js';
import type { SettledPart, ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import { sameContent } from '../storage/sameContent.js';
import type { Prefix } from '../storage/uri.js';
import { Arranger } from './arrangement.js';
import type { NodeRun } from './arrangement.js';
import { readCheckpoint, writeCheckpoint } from '../runs/checkpoint.js';
import type { TaskReport, WrittenObject } from '../runs/checkpoint.js';
import { incoming } from './incoming.js';
import type { Incoming } from './incoming.js';
import type { ShuffleRun } from './run.js';
import { readRows } from './readRows.js';
import { largestSegmentRead, readSegments } from './readSegments.js';
import { takeReadWindows } from './reading.js';
import type { ReadWindow } from './reading.js';
import { ColumnarFile, takeAssembly } from './columnarFile.js';
import { PackedTarget } from './packedTarget.js';
import { placement } from './placement.js';
import type { Pause, RecordTarget } from './recordTarget.js';
import { labelBytes } from './planner.js';
import { trailerBytes } from '../runs/segment.js';
import { rowsBefore } from './shape.js';
import { ShardsTarget } from './shardsTarget.js';
import { finishWithPauses } from './steps.js';

/** What a task works with besides its run. */
export interface TaskContext {
  readonly store: ObjectStore;
  /** Where the task may spread out; nobody else uses it meanwhile. */
  readonly memory: WorkMemory;
  /** Waits until the task may hold so many bytes; asked once, before the memory is used. */
  readonly reserve: (bytes: number) => Promise<void>;
  /** Prefixes of the input datasets, in their order. */
  readonly inputs: readonly Prefix[];
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
  const { memory, pause } = context;
  const work = geometry.scatterTask(pass, task);
  const input = incoming(table, geometry, pass, work.incoming, work.firstBlock, work.endBlock, recordBytes);
  await context.reserve(
    input.records * (recordBytes + labelBytes) + (work.endBucket - work.firstBucket) * trailerBytes,
  );
  const [order, scratch] = takeOrder(memory, input.records);
  const arranger = new Arranger(table, layout.seed, scratch);
  const labelling = arranger.label(order, input.nodes, geometry.scatterPass(pass).depth);
  const runs = await finishWithPauses(labelling, pause);

  const starts = segmentStarts(runs, (bucket) => geometry.bucket(pass, work.firstBucket + bucket).first);
  const places = placement(order, scratch, Float64Array.from([...starts, input.records]));
  const place = await finishWithPauses(places, pause);
  const reading = planReading(run, pass, work.firstBlock, input, context);
  const target = new PackedTarget(memory, place, recordBytes);
  const readAll = (hashed: boolean): Promise<Arrived> =>
    readIncoming(run, pass, input, reading, target, context, hashed);
  const read = await readAll(false);
  const { parts, digests } = await target.seal(
    (segment, records) => ({
      layout: run.layoutDigest,
      plan: run.planDigest,
      pass,
      task,
      bucket: work.firstBucket + segment,
      records,
    }),
    pause,
  );
  const digest = sumDigests(digests);
  await checkDigest(read.digest, digest, `task ${task} of pass ${pass}`, readAll);

  context.signal.throwIfAborted();
  const location = run.packedObject(pass, task);
  const { etag } = await context.store.put(location, parts, { signal: context.signal });
  context.onBytes(target.length);
  const wrote = [{ key: relative(run, location), bytes: target.length, etag }];
  return { pass, task, records: input.records, digest, bytesRead: read.bytes, wrote };
}

/** Reads one final bucket, puts its records into their final order and writes its output shards. */
async function gather(run: ShuffleRun, task: number, context: TaskContext): Promise<TaskReport> {
  const { geometry, table, layout, recordBytes } = run;
  const { memory, pause } = context;
  const pass = geometry.passes;
  const input = incoming(table, geometry, pass, task, 0, geometry.blockCount, recordBytes);
  await context.reserve(input.records * (recordBytes + labelBytes));
  const [order, scratch] = takeOrder(memory, input.records);
  const arranger = new Arranger(table, layout.seed, scratch);
  const shards = await finishWithPauses(arranger.label(order, input.nodes, Infinity), pause);
  for (const { node, first, records } of shards) {
    await finishWithPauses(arranger.shuffleShard(order.subarray(first, first + records), node), pause);
  }

  const starts = shards.map(({ first }) => first);
  const places = placement(order, scratch, Float64Array.from([...starts, input.records]));
  const place = await finishWithPauses(places, pause);
  const reading = planReading(run, pass, 0, input, context);
  const assembly = takeAssembly(memory, recordBytes);
  const files = shards.map(({ records }) => ColumnarFile.shard(memory, assembly, run.codec, run.dataset, records));
  const target = new ShardsTarget(memory, place, files);
  const readAll = (hashed: boolean): Promise<Arrived> =>
    readIncoming(run, pass, input, reading, target, context, hashed);
  const read = await readAll(false);
  const sealed = [];
  for (const file of files) sealed.push(await file.seal(pause));
  const digest = sumDigests(sealed.map((file) => file.digest));
  await checkDigest(read.digest, digest, `task ${task} of pass ${pass}`, readAll);

  const wrote: WrittenObject[] = [];
  for (const [position, { node, records }] of shards.entries()) {
    const { headerBytes, length } = files[position]!;
    const { parts, crc32 } = sealed[position]!;
    context.signal.throwIfAborted();
    const location = run.outputShard(node.first);
    wrote.push({
      key: relative(run, location),
      bytes: length,
      etag: await writeOnce(context, location, parts, { bytes: length, crc32 }),
      shard: { rows: records, header: headerBytes, crc32: crc32.toString(16).padStart(8, '0') },
    });
    context.onBytes(length);
    await pause();
  }
  return { pass, task, records: input.records, digest, bytesRead: read.bytes, wrote };
}

/** What a task will read, and the memory for it. */
interface Reading {
  /** GETs of the input datasets; none from the second pass on. */
  readonly reads: readonly Read[];
  readonly windows: readonly ReadWindow[];
}

/** Takes the memory for reading: before all other memory, so that records are copied from the first bank. */
function planReading(
  run: ShuffleRun,
  pass: number,
  firstBlock: number,
  input: Incoming,
  { memory, inputs }: TaskContext,
): Reading {
  const { recordBytes } = run;
  const taskBytes = input.records * recordBytes;
  if (pass > 1) {
    const largest = largestSegmentRead(input.segments, recordBytes);
    return { reads: [], windows: takeReadWindows(memory, taskBytes, largest, recordBytes) };
  }
  const reads = planReads(inputs, run.dataset, rowsBefore(run.shape, firstBlock), input.records);
  return { reads, windows: takeReadWindows(memory, taskBytes, largestRead(reads)) };
}

/** What a task has read. */
interface Arrived {
  /** Multiset digest of the records, hex; known from the second pass on. */
  readonly digest: string | undefined;
  readonly bytes: number;
}

/** Reads what a task needs, from the input dataset or from the segments of the pass before. */
async function readIncoming(
  run: ShuffleRun,
  pass: number,
  input: Incoming,
  { reads, windows }: Reading,
  target: RecordTarget,
  context: TaskContext,
  hashed: boolean,
): Promise<Arrived> {
  const { store, memory } = context;
  let bytes = 0;
  const options = {
    signal: context.signal,
    hashed,
    onBytes: (count: number): void => {
      bytes += count;
      context.onBytes(count);
    },
  };
  if (pass === 1) {
    await readRows(store, reads, windows, target, options);
    return { digest: undefined, bytes };
  }
  const { digests, faults } = await readSegments(
    store,
    input.segments,
    run.recordBytes,
    memory,
    windows,
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

/**
 * A task's records must have the digest that their segments' trailers add up to.
 * @param readAll reads them again, hashed: where a segment is damaged in a way that its CRC-32 missed, it is named then
 */
async function checkDigest(
  read: string | undefined,
  written: string,
  where: string,
  readAll: (hashed: boolean) => Promise<unknown>,
): Promise<void> {
  if (read === undefined || read === written) return;
  await readAll(true);
  throw new RecordsUnaccounted(
    `In ${where} the records that were read have the multiset digest ${read}, those to be written ${written}. Nothing ` +
      'was written. This is a fault of the machine or of riffle: start the workflow again, and report it if it stays.',
    { read, written },
  );
}

/** Writes an output shard, which may be there already from an earlier attempt: then it must hold the same bytes. */
async function writeOnce(
  { store, signal }: TaskContext,
  location: ObjectLocation,
  parts: readonly SettledPart[],
  content: { bytes: number; crc32: number },
): Promise<string> {
  const outcome = await store.putIfAbsent(location, parts, { signal });
  if (outcome.created) return outcome.etag;
  const same = await sameContent(store, location, content, signal);
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

/** The records in the order in which they are read, and scratch of the same length. */
function takeOrder(memory: WorkMemory, records: number): [order: Uint32Array, scratch: Uint32Array] {
  memory.reset();
  const [order, scratch] = memory.takeLabels(records);
  for (let record = 0; record < records; record++) order[record] = record;
  return [order, scratch];
}

function relative(run: ShuffleRun, location: ObjectLocation): string {
  return location.key.slice(run.output.prefix.length);
}
