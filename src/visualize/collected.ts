import { CollectedDamaged, ObjectChanged, ObjectMissing, WorkDamaged } from '../errors.js';
import { decodeBlock } from '../features/collectedFormat.js';
import type { FeatureState } from '../features/featureState.js';
import { hashSeed } from '../features/rowHash.js';
import { hullOf } from './blockEncoder.js';
import { Bitmap, bitmapBytes } from './bitmap.js';
import { BrokenRows, brokenRowsBytes } from './brokenRows.js';
import { shardRows } from './cut.js';
import { NormHistogram, normHistogramBytes } from './norms.js';
import { exampleSettings } from './exampleSettings.js';
import { passes, type VisualizeRun } from './run.js';
import { readSection, sectionBytes } from './sections.js';
import type { StageContext } from './taskContext.js';

/**
 * What a collect task writes: section 0 is the set of excluded rows of its token shard, section 1 the norms of the others
 * (only of the leading block; else it counts none), section 2 the rows that are not finite, where that is an error; the
 * statistics follow where there are none of those.
 */
type Reading = Pick<StageContext, 'run' | 'store' | 'signal'>;

/** Bytes of the statistics that are read at a time. */
const pieceBytes = 1024 * 1024;

/** The rows of a token shard that count for nothing. @throws WorkDamaged */
export async function readExcluded({ run, store, signal }: Reading, block: number, shard: number): Promise<Bitmap> {
  const { first, end } = shardRows(run.sources.rows, run.plan.tokenShards, shard);
  const name = { pass: passes.collect, task: run.collectTask(block, shard), section: 0 };
  const bytes = await readSection(store, run, name, 0, bitmapBytes(end - first), signal);
  return new Bitmap(first, end - first, bytes);
}

/** The norms of the rows of a token shard that count. @throws WorkDamaged */
export async function readNorms({ run, store, signal }: Reading, shard: number): Promise<NormHistogram> {
  const { first, end } = shardRows(run.sources.rows, run.plan.tokenShards, shard);
  const name = { pass: passes.collect, task: run.collectTask(run.leadingBlock, shard), section: 1 };
  const offset = sectionBytes(bitmapBytes(end - first));
  return NormHistogram.of(await readSection(store, run, name, offset, normHistogramBytes, signal));
}

/** The rows of a token shard because of which the run fails. @throws WorkDamaged */
export async function readBroken({ run, store, signal }: Reading, block: number, shard: number): Promise<BrokenRows> {
  const { first, end } = shardRows(run.sources.rows, run.plan.tokenShards, shard);
  const name = { pass: passes.collect, task: run.collectTask(block, shard), section: 2 };
  const offset = sectionBytes(bitmapBytes(end - first)) + sectionBytes(normHistogramBytes);
  return BrokenRows.of(await readSection(store, run, name, offset, brokenRowsBytes, signal));
}

/**
 * The statistics that a collect task wrote, feature after feature.
 * @throws WorkDamaged where the task must be done again; states before the damage may have been given already
 */
export async function* readCollected(
  reading: Reading,
  block: number,
  shard: number,
): AsyncGenerator<FeatureState, void> {
  const { run, store, signal } = reading;
  const { settings } = run.layout;
  const task = run.collectTask(block, shard);
  const location = run.packedObject(passes.collect, task);
  const head = await store.head(location, { signal });
  const { first, end } = shardRows(run.sources.rows, run.plan.tokenShards, shard);
  const sections = [bitmapBytes(end - first), normHistogramBytes, brokenRowsBytes];
  const start = sections.reduce((sum, bytes) => sum + sectionBytes(bytes), 0);
  if (!head || head.bytes < start) throw damaged(run, task, 'is missing or cut off');
  const { from, to } = hullOf(run.featuresIn(run.blocks[block]!));
  const name = `s3://${location.bucket}/${location.key}`;
  try {
    yield* decodeBlock(
      piecesOf(reading, location, head, start),
      { first: from, count: to - from },
      exampleSettings(settings),
      hashSeed(settings.seed),
      name,
    );
  } catch (error) {
    const gone = error instanceof ObjectMissing || error instanceof ObjectChanged;
    if (gone) throw damaged(run, task, 'has just been deleted or written anew');
    throw error instanceof CollectedDamaged ? damaged(run, task, `is damaged: ${error.message}`) : error;
  }
}

async function* piecesOf(
  { store, signal }: Reading,
  location: ReturnType<VisualizeRun['packedObject']>,
  { bytes, etag }: { bytes: number; etag: string },
  start: number,
): AsyncGenerator<Uint8Array, void> {
  for (let at = start; at < bytes; at += pieceBytes) {
    const piece = new Uint8Array(Math.min(pieceBytes, bytes - at));
    await store.readInto(location, { start: at, end: at + piece.length }, piece, { signal, ifMatch: etag });
    yield piece;
  }
}

function damaged(run: VisualizeRun, task: number, what: string): WorkDamaged {
  const { bucket, key } = run.packedObject(passes.collect, task);
  return new WorkDamaged(`What task ${task} collected (s3://${bucket}/${key}) ${what}. It is collected again.`, {
    pass: passes.collect,
    tasks: [task],
    key,
  });
}
