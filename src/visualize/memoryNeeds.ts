import { encoderBytes } from '../encoder/tiles.js';
import { Collector } from '../features/collector.js';
import { exampleSettings } from './exampleSettings.js';
import { rowCutOffBytes } from './cutOffs.js';
import type { VisualizeRun } from './run.js';

const mebibyte = 1024 * 1024;

/** Rows that are read and encoded together: about 8 MiB of them. */
export function batchRows(rowBytes: number): number {
  return Math.max(256, Math.min(16_384, Math.floor((8 * mebibyte) / rowBytes)));
}

/** Firing tokens that the collector sorts at once. */
export const tileFirings = 65_536;

/** Bytes that a tokenizer takes in memory, as strings, and small things. */
const besidesBytes = 64 * mebibyte;

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
  const features = Math.max(...run.blocks.map(({ from, to }) => to - from));
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
