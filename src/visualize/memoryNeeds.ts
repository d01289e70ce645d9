import { firingBytes } from '../encoder/firings.js';
import { encoderBytes, rowsOfProduct, workBytesOfFeatures } from '../encoder/tiles.js';
import { topFeatureBytes } from '../encoder/topFeatures.js';
import { Collector } from '../features/collector.js';
import { rowsPerFile } from '../pages/tokenStream.js';
import type { SaeDescription } from '../sae/sae.js';
import { partBytes } from '../storage/objectStore.js';
import { exampleSettings } from './exampleSettings.js';
import { rowCutOffBytes } from './cutOffs.js';
import type { RenderRange } from './cut.js';
import type { VisualizeRun } from './run.js';
import { WindowSlots } from './windowSlots.js';

const mebibyte = 1024 * 1024;

/** Rows that are read and encoded together: about 8 MiB of them. */
export function batchRows(rowBytes: number): number {
  return Math.max(256, Math.min(16_384, Math.floor((8 * mebibyte) / rowBytes)));
}

/** Features whose neighbours are looked for together: columns of a product. */
export const tileFeatures = 4096;

/** Firing tokens that the collector sorts at once. */
export const tileFirings = 65_536;

/** Bytes that a tokenizer takes in memory, as strings, and small things. */
const besidesBytes = 64 * mebibyte;

/** Bytes that a task of stage 0 takes: the weights as they are read and as they are sent. */
export function prepareBytes(
  features: number,
  { inputWidth, outputWidth }: Pick<SaeDescription, 'inputWidth' | 'outputWidth'>,
): number {
  return 2 * features * (inputWidth + outputWidth + 6) * 4 + 40 * mebibyte;
}

/** Bytes that a collect task takes at most, besides statistics that grow. @param rows of its token shard */
export function collectBytes(run: VisualizeRun, features: number, rows: number): number {
  const { sae, settings } = run.layout;
  const rowBytes = activationBytes(run);
  const batch = batchRows(rowBytes);
  const statistics = Collector.bytes(exampleSettings(settings), features, tileFirings);
  const cutOffs = run.needsCutOffs ? (rows + 2 * batch) * rowCutOffBytes(run) : 0;
  const weights = 4 * features * (sae.inputWidth + 4);
  // What was collected stands in memory twice when it is written.
  return (
    encoderBytes(sae.inputWidth, features, 'F32') +
    weights +
    2 * statistics +
    batch * (rowBytes + 64) +
    cutOffs +
    rows / 8 +
    besidesBytes
  );
}

/** Bytes that a task that finds cut-offs takes. @param rows of its token shard */
export function cutOffBytes(run: VisualizeRun, rows: number): number {
  const { sae } = run.layout;
  const features = widestBlock(run);
  const kept = 8 * (sae.k ?? 1) + 2 * rowCutOffBytes(run) + 4;
  return (
    encoderBytes(sae.inputWidth, features, 'F32') +
    4 * features * (sae.inputWidth + 4) +
    rows * (activationBytes(run) + kept + 64) +
    besidesBytes
  );
}

/** Bytes of an activation vector of the dump. */
export function activationBytes({ sources, layout }: VisualizeRun): number {
  const name = layout.settings.columns.activations ?? 'activations';
  const dtype = sources.activations.columns.find((column) => column.name === name)?.dtype;
  return layout.sae.inputWidth * (dtype === 'F32' ? 4 : 2);
}

/** Bytes that a select task holds of each token shard. */
export const shardPieceBytes = 4 * mebibyte;

/** Bytes that a select task takes: its lines of JSON, twice, and a state of each token shard. */
export function selectBytes(run: VisualizeRun, block: number): number {
  const { from, to } = run.blocks[block]!;
  const windows = mostExamples(run);
  const pieces = run.plan.tokenShards * shardPieceBytes;
  return 2 * (to - from) * (2048 + 64 * windows) + pieces + run.sources.rows / 4 + besidesBytes;
}

/** Bytes that a gather task takes: its rows, those of one render task, and the parts that are being sent. */
export function gatherBytes(run: VisualizeRun, rows: number): number {
  const renders = run.renders.length;
  const sent = Math.min(5 * partBytes, rows * gatheredBytes(run) * renders);
  // Cut-offs are read by token shards, which are no smaller.
  const cutOffs = run.needsCutOffs ? Math.ceil(run.sources.rows / run.plan.tokenShards) * rowCutOffBytes(run) : 0;
  return rows * (2 * gatheredBytes(run) + 96 + renders / 8) + cutOffs + sent + besidesBytes;
}

/** Rows of the token stream that are read together. */
export const streamBatchRows = 262_144;

/** Bytes that a task takes that writes a file of the token stream: its tokens, the file, and the exclusions of a token shard. */
export function streamBytes(run: VisualizeRun): number {
  const { rows } = run.sources;
  const excluded = Math.ceil(rows / run.plan.tokenShards) / 8;
  return Math.min(rows, rowsPerFile) * 16 + Math.min(rows, streamBatchRows) * 160 + excluded + besidesBytes;
}

/** Bytes that a render task takes. */
export function renderBytes(run: VisualizeRun, { from, to, firstBlock, endBlock }: RenderRange): number {
  const { sae, settings } = run.layout;
  const features = largest(run.blocks.slice(firstBlock, endBlock), (block) => block.to - block.from);
  const windows = (to - from) * mostExamples(run) * WindowSlots.bytes(settings.window);
  const selections = (to - from) * (4096 + 128 * mostExamples(run));
  const shard = Math.ceil(run.sources.rows / run.plan.gatherShards) * 2 * gatheredBytes(run);
  const pack = Math.min(to - from, settings.featuresPerPack);
  const weights = 4 * (sae.inputWidth + sae.outputWidth) * features + 3 * 4 * sae.outputWidth * pack;
  // As float32 and packed; the logits of a batch of features.
  const unembedding = run.layout.unembedding?.bytes ?? 0;
  const logits = unembedding * (6 + 512 / sae.outputWidth) + (unembedding > 0 ? 64 * mebibyte : 0);
  return (
    encoderBytes(sae.inputWidth, features, 'F32') +
    windows +
    selections +
    shard +
    weights +
    logits +
    pack * 24_576 +
    besidesBytes
  );
}

/** Examples of a feature, at most. */
export function mostExamples({ layout }: VisualizeRun): number {
  const { top, shownRandom, perInterval, intervals } = exampleSettings(layout.settings);
  return top + shownRandom + perInterval * intervals;
}

/** Bytes of a gathered row. */
export function gatheredBytes(run: VisualizeRun): number {
  return activationBytes(run) + 32 + (run.needsCutOffs ? rowCutOffBytes(run) : 0);
}

/** Bytes of the largest of the tasks that take less where there are more token shards. */
export function shardTaskBytes(run: VisualizeRun): number {
  const rows = Math.ceil(run.sources.rows / run.plan.tokenShards);
  return Math.max(
    collectBytes(run, widestBlock(run), rows),
    run.needsCutOffs ? cutOffBytes(run, rows) : 0,
    streamBytes(run),
  );
}

/** Bytes of the largest task. */
export function mostBytes(run: VisualizeRun): number {
  const { blocks, renders, layout, plan, sources } = run;
  const widest = widestBlock(run);
  return Math.ceil(
    Math.max(
      prepareBytes(widest, layout.sae),
      shardTaskBytes(run),
      selectBytes(
        run,
        blocks.findIndex(({ from, to }) => to - from === widest),
      ),
      gatherBytes(run, Math.ceil(sources.rows / plan.gatherShards)),
      largest(renders, (range) => renderBytes(run, range)),
    ),
  );
}

/**
 * Bytes of work memory that a task takes at most, besides statistics that grow. All of it must lie in one bank, for kernels
 * see one.
 */
export function bankBytes(run: VisualizeRun): number {
  const { sae, settings } = run.layout;
  const features = widestBlock(run);
  const rowBytes = activationBytes(run);
  const batch = batchRows(rowBytes);
  const scan = 4 * rowsOfProduct * 16_384 + firingBytes(65_536) + workBytesOfFeatures(features) + mebibyte;
  const rows = Math.ceil(run.sources.rows / run.plan.tokenShards);
  const ofRows = (count: number): number =>
    count * (rowBytes + 16) + (run.needsCutOffs ? topFeatureBytes(sae, count) : 0);
  const collecting = ofRows(batch) + Collector.bytes(exampleSettings(settings), features, tileFirings);
  return scan + Math.max(collecting, run.needsCutOffs ? ofRows(rows) : 0);
}

function widestBlock({ blocks }: VisualizeRun): number {
  return largest(blocks, ({ from, to }) => to - from);
}

/** There may be too many for arguments of one call. */
function largest<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((most, item) => Math.max(most, of(item)), 0);
}
