import { NothingCounted } from '../../errors.js';
import { mergeBlocks } from '../../features/merge.js';
import { hashSeed, RowHash } from '../../features/rowHash.js';
import { selectFeature } from '../../features/select.js';
import { hasFeature } from '../../pages/featureSet.js';
import { isCommon } from '../../pages/search.js';
import { formatPrefix } from '../../storage/uri.js';
import { BrokenRows } from '../brokenRows.js';
import { readBroken, readCollected, readExcluded } from '../collected.js';
import { shardRows } from '../cut.js';
import { exampleSettings } from '../exampleSettings.js';
import { selectBytes } from '../memoryNeeds.js';
import { passes } from '../run.js';
import { writeSections } from '../sections.js';
import { newFocusSets } from '../selection.js';
import type { StageContext } from '../taskContext.js';
import { reportOf, type StageReport } from './report.js';

/** Features between two pauses. */
const featuresPerPause = 64;

/** Stage 2: merges what was collected of a feature block in all token shards, and chooses the examples. */
export async function select(context: StageContext, task: number): Promise<StageReport> {
  const { run, signal, store, pause } = context;
  const wanted = run.featuresIn(run.blocks[task]!);
  if (wanted.length === 0) return reportOf(passes.select, task, 0, []);
  await context.reserve(selectBytes(run, task));
  const { settings } = run.layout;
  const examples = exampleSettings(settings);
  const rowHash = new RowHash(hashSeed(settings.seed));
  const shards = Array.from({ length: run.plan.tokenShards }, (_, shard) => shard).filter((shard) => {
    const { first, end } = shardRows(run.sources.rows, run.plan.tokenShards, shard);
    return first < end;
  });
  await checkFinite(context, task, shards);
  const tokens = await countTokens(context, task, shards);

  const focusSets = newFocusSets(run);
  const lines: Uint8Array[] = [];
  const collected = shards.map((shard) => readCollected(context, task, shard));
  for await (const state of mergeBlocks(collected, examples, rowHash)) {
    if (!hasFeature(wanted, state.feature)) continue;
    const { sample, ...selection } = selectFeature(state, tokens, examples, rowHash);
    const ids = sample.ids.filter(({ hits }) => isCommon(hits, sample.tokens));
    lines.push(Buffer.from(`${JSON.stringify({ ...selection, sample: { ...sample, ids } })}\n`));
    for (const { examples: chosen } of selection.groups) {
      for (const { row } of chosen) for (const rows of focusSets) rows.add(row);
    }
    if (lines.length % featuresPerPause === 0) await pause();
  }
  const sections = [...focusSets.map(({ bytes }) => [bytes]), lines];
  const wrote = await writeSections(store, run, passes.select, task, sections, signal);
  return reportOf(passes.select, task, lines.length, [wrote]);
}

/** @throws RowsNotFinite of the whole dump, where such rows are an error */
async function checkFinite(context: StageContext, block: number, shards: readonly number[]): Promise<void> {
  const broken = new BrokenRows();
  for (const shard of shards) broken.append(await readBroken(context, block, shard));
  if (broken.any) throw broken.error(context.run.sources.rows, formatPrefix(context.dump.activations.place));
}

/** Tokens that count. */
async function countTokens(context: StageContext, block: number, shards: readonly number[]): Promise<number> {
  const { rows } = context.run.sources;
  let excluded = 0;
  for (const shard of shards) excluded += (await readExcluded(context, block, shard)).count();
  if (excluded < rows) return rows - excluded;
  throw new NothingCounted(
    `All ${rows} tokens of ${context.dump.where} are excluded: nothing is left to show. Look at exclude and nonFinite.`,
    { rows },
  );
}
