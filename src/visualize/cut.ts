import type { FeatureRange } from '../pages/featureSet.js';

/** How features are cut into tasks. Pages do not depend on it. */
export interface FeatureCut {
  /** Packs of pages that a render task writes. */
  readonly packsPerRender: number;
  /** Feature blocks into which the features of a render task are cut; above 1 only where that is one pack. */
  readonly blocksPerRender: number;
}

/** How the work is cut into tasks. */
export interface Cut extends FeatureCut {
  /** Token shards of stage 1. */
  readonly tokenShards: number;
  /** Token shards of stage 3. */
  readonly gatherShards: number;
}

/** What a render task does: the features [from, to), whose blocks are [firstBlock, endBlock). */
export interface RenderRange extends FeatureRange {
  readonly firstBlock: number;
  readonly endBlock: number;
}

/** Features [from, to) of each render task, which are whole packs, and of each block, which never cross them. */
export function featureRanges(
  features: number,
  featuresPerPack: number,
  { packsPerRender, blocksPerRender }: FeatureCut,
): { blocks: FeatureRange[]; renders: RenderRange[] } {
  const blocks: FeatureRange[] = [];
  const renders: RenderRange[] = [];
  const width = packsPerRender * featuresPerPack;
  for (let from = 0; from < features; from += width) {
    const to = Math.min(from + width, features);
    const firstBlock = blocks.length;
    const count = Math.min(blocksPerRender, to - from);
    for (let block = 0; block < count; block++) {
      blocks.push({
        from: from + Math.floor((block * (to - from)) / count),
        to: from + Math.floor(((block + 1) * (to - from)) / count),
      });
    }
    renders.push({ from, to, firstBlock, endBlock: blocks.length });
  }
  return { blocks, renders };
}

/** The cut into about so many blocks: never more than `wanted` where packs suffice. */
export function cutIntoBlocks(features: number, featuresPerPack: number, wanted: number): FeatureCut {
  const packs = Math.ceil(features / featuresPerPack);
  if (wanted <= packs) return { packsPerRender: Math.ceil(packs / wanted), blocksPerRender: 1 };
  return { packsPerRender: 1, blocksPerRender: Math.ceil(wanted / packs) };
}

/** Rows [first, end) of a token shard. */
export function shardRows(rows: number, shards: number, shard: number): { first: number; end: number } {
  const at = (index: number): number => Number((BigInt(index) * BigInt(rows)) / BigInt(shards));
  return { first: at(shard), end: at(shard + 1) };
}
