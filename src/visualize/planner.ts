import { InvalidInput, MemoryTooSmall } from '../errors.js';
import { largestBank } from '../memory/bank.js';
import { formatSize } from '../sizes.js';
import type { Prefix } from '../storage/uri.js';
import { cutIntoBlocks, type Cut, type FeatureCut } from './cut.js';
import type { VisualizeInput } from './input.js';
import { layoutDigest, type Layout } from './layout.js';
import {
  activationBytes,
  bankBytes,
  gatherBytes,
  mostBytes,
  renderBytes,
  shardPieceBytes,
  shardTaskBytes,
} from './memoryNeeds.js';
import { VisualizeRun, type SourceDatasets } from './run.js';

/** Tasks of stage 1 that keep the workers of most fleets busy. */
const wantedTasks = 32;
/** Rows that a token shard should have at least: less is not worth reading the weights. */
const leastShardRows = 8192;
/** Rows that a token shard may have: collected statistics count them in 32 bits. */
const mostShardRows = 2 ** 31;
/** Rows that a gather shard has at least: with fewer there would be more requests than rows. */
const leastGatherRows = 256;

type Wanted = Pick<VisualizeInput, 'memory' | 'tokenShards' | 'featureBlocks'>;

/**
 * Cuts a run: the largest feature blocks that memory allows, then the fewest token shards that keep workers busy.
 * @param compute kind of the machines that take part
 * @throws MemoryTooSmall; InvalidInput where the cut is forced and leaves more in a task than it can hold
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
  const digest = layoutDigest(layout);
  const runOf = (cut: Cut): VisualizeRun =>
    new VisualizeRun(output, layout, { layout: digest, ...cut, memory: wanted.memory, compute }, sources);
  const packs = Math.ceil(features / featuresPerPack);
  let least = Infinity;
  for (const blocks of wanted.featureBlocks ? [wanted.featureBlocks] : blockCounts(packs, featuresPerPack)) {
    const cut = cutIntoBlocks(features, featuresPerPack, blocks);
    const fewest = runOf({ ...cut, tokenShards: 1, gatherShards: 1 });
    const tokenShards = wanted.tokenShards ?? shardsFor(fewest, wanted.memory, runOf, cut);
    const run = withGatherShards({ ...cut, tokenShards }, wanted, runOf, sources.rows);
    if (bankBytes(run) > largestBank || shardRowsOf(run) > mostShardRows) continue;
    const needs = mostBytes(run);
    if (needs <= wanted.memory) return run;
    least = Math.min(least, needs);
  }
  if (least === Infinity) {
    throw new InvalidInput(
      `With tokenShards ${wanted.tokenShards ?? 'as planned'} and featureBlocks ${wanted.featureBlocks ?? 'as planned'} a ` +
        'task has more than 2^31 rows, or more than the 4 GiB at which its work memory ends: raise them or leave them out, ' +
        'or lower examples.',
      { fields: ['tokenShards', 'featureBlocks'] },
    );
  }
  throw new MemoryTooSmall(
    `A task of this run needs at least ${formatSize(least)}, and memory is ${formatSize(wanted.memory)}: raise memory ` +
      'to that, or lower examples, window or featuresPerPack.',
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
  const tried = (): VisualizeRun => runOf({ ...cut, tokenShards: shards, gatherShards: 1 });
  const holds = (of: VisualizeRun): boolean =>
    shardRowsOf(of) <= mostShardRows && (!of.needsCutOffs || bankBytes(of) <= largestBank);
  // A select task reads of all of them at once: more are no help where these alone fill the memory.
  const helps = (): boolean => 4 * shards * shardPieceBytes <= memory;
  while (shards < rows && (!holds(tried()) || (shardTaskBytes(tried()) > memory && helps()))) shards *= 2;
  return Math.min(shards, Math.max(1, rows));
}

/**
 * The fewest shards of stage 3, not fewer than those of stage 1, with which its tasks and those of stage 4 have room in memory.
 */
function withGatherShards(
  cut: Omit<Cut, 'gatherShards'>,
  { memory, tokenShards }: Wanted,
  runOf: (cut: Cut) => VisualizeRun,
  allRows: number,
): VisualizeRun {
  const most = Math.max(tokenShards ?? 1, Math.ceil(allRows / leastGatherRows));
  for (let gatherShards = Math.min(cut.tokenShards, most); ; gatherShards = Math.min(2 * gatherShards, most)) {
    const run = runOf({ ...cut, gatherShards });
    const rows = Math.ceil(allRows / gatherShards);
    const fits =
      rows * activationBytes(run) <= largestBank &&
      gatherBytes(run, rows) <= memory &&
      run.renders.every((range) => renderBytes(run, range) <= memory);
    if (fits || gatherShards === most) return run;
  }
}

function shardRowsOf({ sources, plan }: VisualizeRun): number {
  return Math.ceil(sources.rows / plan.tokenShards);
}
