import { WorkDamaged } from '../errors.js';
import type { FeatureSelection } from '../features/select.js';
import { Bitmap, bitmapBytes } from './bitmap.js';
import { shardRows } from './cut.js';
import { passes, type VisualizeRun } from './run.js';
import { readSection, sectionBytes } from './sections.js';
import type { StageContext } from './taskContext.js';

/**
 * What a select task writes: for each gather shard the set of focus rows whose windows may reach into it, then a line of
 * JSON for each feature.
 */
type Reading = Pick<StageContext, 'run' | 'store' | 'signal'>;

/** The rows in which a focus may lie whose window reaches into a gather shard. */
export function focusRange(run: VisualizeRun, shard: number): { first: number; end: number } {
  const { rows } = run.sources;
  const { before, after } = run.layout.settings.window;
  const { first, end } = shardRows(rows, run.plan.gatherShards, shard);
  return { first: Math.max(0, first - after), end: Math.min(rows, end + before) };
}

/** An empty set of focus rows for each gather shard. */
export function newFocusSets(run: VisualizeRun): Bitmap[] {
  return Array.from({ length: run.plan.gatherShards }, (_, shard) => {
    const { first, end } = focusRange(run, shard);
    return new Bitmap(first, end - first);
  });
}

/** The focus rows of a block whose windows may reach into a gather shard. @throws WorkDamaged */
export async function readFocusSet({ run, store, signal }: Reading, block: number, shard: number): Promise<Bitmap> {
  const { first, end } = focusRange(run, shard);
  const name = { pass: passes.select, task: block, section: shard };
  const bytes = await readSection(store, run, name, focusOffset(run, shard), bitmapBytes(end - first), signal);
  return new Bitmap(first, end - first, bytes);
}

/** The selection of each feature of a block that the run is about. @throws WorkDamaged */
export async function readSelections({ run, store, signal }: Reading, block: number): Promise<FeatureSelection[]> {
  const section = run.plan.gatherShards;
  const offset = focusOffset(run, section);
  const location = run.packedObject(passes.select, block);
  const head = await store.head(location, { signal });
  const bytes = (head?.bytes ?? 0) - sectionBytes(offset);
  if (bytes < 0) {
    const message = `What was selected of block ${block} (s3://${location.bucket}/${location.key}) is missing or cut off.`;
    throw new WorkDamaged(message, { pass: passes.select, tasks: [block], key: location.key });
  }
  const content = await readSection(store, run, { pass: passes.select, task: block, section }, offset, bytes, signal);
  return [...linesOf(content)].map((line) => JSON.parse(line) as FeatureSelection);
}

function focusOffset(run: VisualizeRun, shard: number): number {
  let offset = 0;
  for (let before = 0; before < shard; before++) {
    const { first, end } = focusRange(run, before);
    offset += sectionBytes(bitmapBytes(end - first));
  }
  return offset;
}

function* linesOf(content: Uint8Array): Generator<string, void> {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf('\n', at);
    yield bytes.toString('utf8', at, end);
    at = end + 1;
  }
}
