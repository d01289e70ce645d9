import { DatasetInvalid, OutputForeign, OutputOverlapsInput, PlanDamaged, SelfShuffle } from '../errors.js';
import { checkDatasetAgainstFiles } from '../formats/checkDataset.js';
import type { Dataset } from '../formats/dataset.js';
import { codecOf, recordBytes } from '../formats/encoding.js';
import { readDataset } from '../formats/readDataset.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { formatPrefix, parsePrefix } from '../storage/uri.js';
import type { Prefix } from '../storage/uri.js';
import type { PassRecord } from './checkpoint.js';
import { removeLeftovers } from './cleanUp.js';
import { resultOf } from './commit.js';
import type { ShuffleResult } from './commit.js';
import { doneGroups } from './groupManifest.js';
import type { DoneGroups } from './groupManifest.js';
import type { ShuffleInput } from './input.js';
import { layoutDigest, layoutOf, shapeOf } from './layout.js';
import type { Layout } from './layout.js';
import { planDigest } from './plan.js';
import { makePlan } from './planner.js';
import type { Planned } from './planner.js';
import type { Shape } from './shape.js';
import { checkSameLayout, encodePlanFile, loadRun, planCount, planLocation, ShuffleRun } from './run.js';
import { lastCompletePass, surveyOutput } from './survey.js';
import type { Survey } from './survey.js';
import { probeConditionalPut } from '../storage/conditionalPutProbe.js';

/** What a shuffle has still to do. */
export interface Prepared {
  readonly run: ShuffleRun;
  /** The plan was there already, made for other resources than this input asks for. */
  readonly adoptedPlan: boolean;
  readonly warnings: readonly string[];
  /** The last pass that is complete, if any. */
  readonly completed: PassRecord | undefined;
  /** What is done already of the passes after it. */
  readonly done: ReadonlyMap<number, DoneGroups>;
  /** The result, when the output is committed. */
  readonly result: ShuffleResult | undefined;
}

/**
 * Checks input and output of a shuffle and fixes its plan: the newest stored one where there is one, unless a new plan is
 * asked for.
 * @throws every refusal: DatasetMissing, DatasetInvalid, ShardInvalid, ObjectChanged, OutputOverlapsInput, OutputForeign,
 *   LayoutMismatch, PlanDamaged, SelfShuffle, MemoryTooSmall, ConditionalPutBroken …
 */
export async function prepareShuffle(store: ObjectStore, input: ShuffleInput, signal: AbortSignal): Promise<Prepared> {
  const source = parsePrefix(input.input);
  const output = parsePrefix(input.output);
  checkApart(source, output);
  const dataset = await readDataset(store, source, { signal });
  const layout = layoutOf(dataset, input);
  checkNotOwnOutput(dataset, layout, source);

  const found = await surveyOutput(store, output, signal);
  const stored = found.plans > 0 ? await loadRun(store, output, found.plans, signal) : undefined;
  if (!stored) {
    const strangers = [...found.others.keys(), ...(found.dataset ? ['dataset.json'] : [])];
    if (strangers.length > 0) throw foreign(output, strangers);
    await checkDatasetAgainstFiles(store, source, dataset, undefined, { headers: true, signal });
    const planned = planShuffle(dataset, layout, input);
    await probeConditionalPut(store, output, { signal });
    const run = await storePlan(store, new ShuffleRun(output, dataset, layout, planned.plan), signal);
    checkSameLayout(run, layout);
    return { ...fresh(run, input), warnings: planned.warnings };
  }

  checkSameLayout(stored, layout);
  const committed = found.dataset ? await readDataset(store, output, { signal }) : undefined;
  if (committed) {
    if (committed.shuffle?.layout !== stored.layoutDigest) throw foreign(output, ['dataset.json']);
    checkShardsThere(output, committed, found.others);
    if (!input.keepIntermediates) await removeLeftovers(store, stored, found, signal);
    const result = resultOf(stored, committed, adopted(stored, input));
    return { ...fresh(stored, input), result };
  }
  const strangers = [...found.others.keys()].filter((key) => !belongs(stored, key));
  if (strangers.length > 0) throw foreign(output, strangers);
  await checkDatasetAgainstFiles(store, source, dataset, undefined, { signal });
  const { run, warnings } = input.replan ? await replan(store, stored, input, signal) : { run: stored, warnings: [] };
  const completed = await lastCompletePass(store, run, found, signal);
  const done = new Map<number, DoneGroups>();
  for (let pass = (completed?.pass ?? 0) + 1; pass <= run.geometry.passes; pass++) {
    done.set(pass, await doneGroups(store, run, pass, found, signal));
  }
  return { ...fresh(run, input), warnings, completed, done };
}

/** A run of which nothing is done. */
function fresh(run: ShuffleRun, input: ShuffleInput): Prepared {
  const adoptedPlan = adopted(run, input);
  return { run, adoptedPlan, warnings: [], completed: undefined, done: new Map(), result: undefined };
}

/**
 * The plan for this input's resources, stored beside the plans that it replaces; the newest one where that is equal.
 * Finished output shards are kept: their tasks find them in place and compare.
 */
async function replan(
  store: ObjectStore,
  newest: ShuffleRun,
  input: ShuffleInput,
  signal: AbortSignal,
): Promise<{ run: ShuffleRun; warnings: readonly string[] }> {
  const { plan, warnings } = planShuffle(newest.dataset, newest.layout, input);
  if (planDigest(plan) === newest.planDigest) return { run: newest, warnings: [] };
  const superseded = [...newest.superseded, newest];
  const wanted = new ShuffleRun(newest.output, newest.dataset, newest.layout, plan, superseded);
  return { run: await storePlan(store, wanted, signal), warnings };
}

/** The plan that a new run of this input gets. @throws MemoryTooSmall, InvalidInput */
export function planShuffle(
  dataset: Pick<Dataset, 'rows' | 'columns' | 'encoding' | 'recordBytes' | 'metadata'>,
  layout: Layout,
  resources: { readonly memory: number; readonly minSegment: number },
): Planned {
  const shape = shapeOf(dataset.rows, layout);
  const largestShard = Math.ceil(shape.rows / shape.shards);
  return makePlan({
    layout: layoutDigest(layout),
    shape,
    recordBytes: recordBytes(dataset),
    headerBytes: codecOf(dataset).encodeHeader(dataset.columns, largestShard, dataset.metadata).length,
    ...resources,
  });
}

function adopted(run: ShuffleRun, input: ShuffleInput): boolean {
  return run.plan.memory !== input.memory || run.plan.minSegment !== input.minSegment;
}

function checkApart(source: Prefix, output: Prefix): void {
  const overlap =
    source.bucket === output.bucket &&
    (source.prefix.startsWith(output.prefix) || output.prefix.startsWith(source.prefix));
  if (!overlap) return;
  throw new OutputOverlapsInput(
    `The output ${formatPrefix(output)} and the input ${formatPrefix(source)} are the same, or one lies inside the ` +
      'other: use an output prefix beside the input.',
    { input: formatPrefix(source), output: formatPrefix(output) },
  );
}

function checkNotOwnOutput(dataset: Dataset, layout: Layout, source: Prefix): void {
  const before = dataset.shuffle;
  if (!before) return;
  // The permutation follows from the seed and the shape; other numbers may well give the same shape.
  const [there, here] = [shapeOf(dataset.rows, before), shapeOf(dataset.rows, layout)];
  const again = before.seed === layout.seed && blockOf(there) === blockOf(here) && there.shards === here.shards;
  if (!again) return;
  throw new SelfShuffle(
    `${formatPrefix(source)} was itself shuffled with seed ${JSON.stringify(layout.seed)} and the same blocks and ` +
      'output shards: the same permutation once more is not an independent shuffle. Use another seed.',
    { seed: layout.seed },
  );
}

/** Records of a whole block; larger ones than the data are all alike. */
function blockOf(shape: Shape): number {
  return Math.min(shape.blockRows, shape.rows);
}

/** A committed output of which something was deleted or replaced later is not reported as done. */
function checkShardsThere(output: Prefix, committed: Dataset, found: Survey['others']): void {
  const faulty = committed.shards.filter(({ key, etag }) => found.get(key)?.etag !== etag);
  const [first] = faulty;
  if (!first) return;
  const place = formatPrefix(output);
  throw new DatasetInvalid(
    `${place}/dataset.json says that this shuffle is done, but ${faulty.length} of its ${committed.shards.length} shards ` +
      `are gone or replaced; the first is ${first.key}. Restore them, or delete ${place}/dataset.json and what replaced ` +
      'them, and start again: it writes what is missing.',
    { output: place, keys: faulty.slice(0, 10).map(({ key }) => key) },
  );
}

/** Whether a key is one that this run (or a verification of it) writes. */
function belongs(run: ShuffleRun, key: string): boolean {
  return run.owns(key) !== undefined || key.startsWith('_riffle/verify/');
}

function foreign(output: Prefix, keys: readonly string[]): OutputForeign {
  const shown = keys.slice(0, 3).map((key) => JSON.stringify(key));
  const more = keys.length > shown.length ? ` and ${keys.length - shown.length} more` : '';
  return new OutputForeign(
    `${formatPrefix(output)} holds objects that are not this shuffle's: ${shown.join(', ')}${more}. Use an empty ` +
      'output prefix; nothing was touched.',
    { output: formatPrefix(output), keys: keys.slice(0, 10) },
  );
}

/** Stores a plan after those that it replaces; of two executions that start at once, the first to store wins. */
async function storePlan(store: ObjectStore, run: ShuffleRun, signal: AbortSignal): Promise<ShuffleRun> {
  const number = planCount(run);
  const outcome = await store.putIfAbsent(planLocation(run.output, number), [encodePlanFile(run)], { signal });
  if (outcome.created) return run;
  const stored = await loadRun(store, run.output, number, signal);
  if (stored) return stored;
  throw new PlanDamaged(`The plan of ${formatPrefix(run.output)} vanished while it was read: start again.`);
}
