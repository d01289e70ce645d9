import { MemoryTooSmall } from '../errors.js';
import { formatSize } from '../sizes.js';
import type { Prefix } from '../storage/uri.js';
import { cutIntoBlocks, type Cut, type FeatureCut } from './cut.js';
import type { VisualizeInput } from './input.js';
import { layoutDigest, type Layout } from './layout.js';
import { cutOffBytes, gatherBytes, mostBytes } from './memoryNeeds.js';
import { VisualizeRun, type SourceDatasets } from './run.js';

/** Tasks of stage 1 that keep the workers of most fleets busy. */
const wantedTasks = 32;
/** Rows that a token shard should have at least: less is not worth reading the weights. */
const leastShardRows = 8192;

type Wanted = Pick<VisualizeInput, 'memory' | 'tokenShards' | 'featureBlocks'>;

/**
 * Cuts a run: the largest feature blocks that memory allows, then the fewest token shards that keep workers busy.
 * @param compute kind of the machines that take part
 * @throws MemoryTooSmall
 */
export function planRun(
  output: Prefix,
  layout: Layout,
  sources: SourceDatasets,
  wanted: Wanted,
  compute: string,
): VisualizeRun {
  const { features } = layout.sae;
  const { featuresPerPack } = layout.settings;
  const runOf = (cut: Cut): VisualizeRun =>
    new VisualizeRun(output, layout, { layout: layoutDigest(layout), ...cut, memory: wanted.memory, compute }, sources);
  const packs = Math.ceil(features / featuresPerPack);
  let least = Infinity;
  for (const blocks of wanted.featureBlocks ? [wanted.featureBlocks] : blockCounts(packs, featuresPerPack)) {
    const cut = cutIntoBlocks(features, featuresPerPack, blocks);
    const fewest = runOf({ ...cut, tokenShards: 1, gatherShards: 1 });
    const tokenShards = wanted.tokenShards ?? shardsFor(fewest, wanted.memory, runOf, cut);
    const gatherShards = gatherShardsFor({ ...cut, tokenShards, gatherShards: tokenShards }, wanted.memory, runOf);
    const run = runOf({ ...cut, tokenShards, gatherShards });
    const needs = mostBytes(run);
    if (needs <= wanted.memory) return run;
    least = Math.min(least, needs);
  }
  throw new MemoryTooSmall(
    `A task of this run needs at least ${formatSize(least)}, and memory is ${formatSize(wanted.memory)}: raise memory ` +
      'to that, or lower examples or featuresPerPack.',
    { leastMemory: least, memory: wanted.memory },
  );
}

/** Numbers of blocks to try, the fewest first. */
function* blockCounts(packs: number, featuresPerPack: number): Generator<number, void> {
  for (let perRender = packs; perRender > 1; perRender = Math.ceil(perRender / 2)) yield Math.ceil(packs / perRender);
  for (let parts = 1; parts <= featuresPerPack; parts *= 2) yield packs * parts;
}

/** The fewest token shards with enough tasks, each of which has room in memory. */
function shardsFor(run: VisualizeRun, memory: number, runOf: (cut: Cut) => VisualizeRun, cut: FeatureCut): number {
  const { rows } = run.sources;
  const busy = Math.ceil(wantedTasks / run.blocks.length);
  let shards = Math.max(1, Math.min(busy, Math.floor(rows / leastShardRows)));
  const fits = (count: number): boolean => {
    const tried = runOf({ ...cut, tokenShards: count, gatherShards: 1 });
    return !run.needsCutOffs || cutOffBytes(tried, Math.ceil(rows / count)) <= memory;
  };
  while (!fits(shards) && shards < rows) shards *= 2;
  return Math.min(shards, Math.max(1, rows));
}

function gatherShardsFor(cut: Cut, memory: number, runOf: (cut: Cut) => VisualizeRun): number {
  let shards = cut.gatherShards;
  for (; ; shards *= 2) {
    const run = runOf({ ...cut, gatherShards: shards });
    const rows = Math.ceil(run.sources.rows / shards);
    if (gatherBytes(run, rows) <= memory || rows <= 1) return shards;
  }
}
