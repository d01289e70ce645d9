import { Encoder } from '../encoder/encoder.js';
import type { FeatureRange } from '../pages/featureSet.js';
import { partOfEncoder, readEncoderBlock } from './preparedBlock.js';
import type { StageContext } from './taskContext.js';

/** The encoder of the features [from, to) of a block. It takes work memory, and must be closed. */
export async function openBlockEncoder(context: StageContext, block: number, range: FeatureRange): Promise<Encoder> {
  const { run, dump, store, memory, compute, shapes, signal } = context;
  const { sae } = run.layout;
  const weights = await readEncoderBlock(store, run, block, signal);
  return Encoder.open(sae, (from, to) => Promise.resolve(partOfEncoder(weights, { from, to }, sae)), memory, {
    ...range,
    rowType: dump.dtype,
    compute,
    shapes,
  });
}

/** The least range that holds all of some ascending ranges. */
export function hullOf(ranges: readonly FeatureRange[]): FeatureRange {
  return { from: ranges[0]!.from, to: ranges.at(-1)!.to };
}
