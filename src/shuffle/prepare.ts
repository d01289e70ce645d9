import {
  DatasetInvalid,
  DatasetsDiffer,
  OutputForeign,
  OutputOverlapsInput,
  PlanDamaged,
  SelfShuffle,
} from '../errors.js';
import { checkDatasetAgainstFiles } from '../formats/checkDataset.js';
import type { CheckOptions } from '../formats/checkDataset.js';
import { concatenate, readDatasets } from '../formats/concatenation.js';
import type { PlacedDataset } from '../formats/concatenation.js';
import type { Dataset } from '../formats/dataset.js';
import { codecOf, recordBytes } from '../formats/encoding.js';
import { readDataset } from '../formats/readDataset.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { formatPrefix, parsePrefix } from '../storage/uri.js';
import type { Prefix } from '../storage/uri.js';
import type { PassRecord } from '../runs/checkpoint.js';
import { removeLeftovers } from '../runs/cleanUp.js';
import { resultOf } from './commit.js';
import type { ShuffleResult } from './commit.js';
import { doneGroups } from '../runs/groupManifest.js';
import type { DoneGroups } from '../runs/groupManifest.js';
import type { ShuffleInput } from './input.js';
import { layoutDigest, layoutOf, shapeOf } from './layout.js';
import type { Layout } from './layout.js';
import { planDigest } from './plan.js';
import { makePlan } from './planner.js';
import type { Planned, PlanRequest } from './planner.js';
import type { Shape } from './shape.js';
import { planLocation } from '../runs/planLocation.js';
import { checkSameLayout, encodePlanFile, loadRun, planCount, ShuffleRun } from './run.js';
import { lastCompletePass, surveyOutput } from '../runs/survey.js';
import type { Survey } from '../runs/survey.js';
import { checkSplit, withHeldOut } from './split.js';
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
 * @param rows of aligned datasets: what this one must still have
 */
export async function prepareShuffle(
  store: ObjectStore,
  input: ShuffleInput,
  signal: AbortSignal,
  rows: number | null = null,
): Promise<Prepared> {
  const { run: checked, stored, warnings, found, committed } = await checkShuffle(store, input, signal);
  if (rows !== null && checked.dataset.rows !== rows) {
    throw new DatasetsDiffer(
      `${[input.input].flat().join(' + ')} has ${checked.dataset.rows} rows now, and ${rows} when the shuffle of aligned ` +
        'datasets began: restore its dataset.json. Nothing was written for it.',
      { rows: checked.dataset.rows, expected: rows },
    );
  }
  if (committed) {
    if (!input.keepIntermediates) await removeLeftovers(store, checked, found, signal);
    const adoptedPlan = adopted(checked, input);
    const result = resultOf(checked, committed, adoptedPlan);
    return { run: checked, adoptedPlan, warnings, completed: undefined, done: new Map(), result };
  }
  const run = stored ? checked : await storePlan(store, checked, signal);
  const completed = await lastCompletePass(store, run, found, signal);
  const done = new Map<number, DoneGroups>();
  for (let pass = (completed?.pass ?? 0) + 1; pass <= run.geometry.passes; pass++) {
    done.set(pass, await doneGroups(store, run, pass, found, signal));
  }
  return { run, adoptedPlan: adopted(run, input), warnings, completed, done, result: undefined };
}

function adopted({ plan }: ShuffleRun, input: ShuffleInput): boolean {
  return plan.memory !== input.memory || plan.minSegment !== input.minSegment;
}

/** A shuffle as it may begin, or go on. */
interface Checked {
  /** With the newest stored plan, or with the one to store. */
  readonly run: ShuffleRun;
  readonly stored: boolean;
  readonly warnings: readonly string[];
  readonly found: Survey;
  /** The output's dataset (both parts of a split one), when it is committed. */
  readonly committed: Dataset | undefined;
}

/** Checks input and output of a shuffle; writes nothing. @throws as `prepareShuffle` */
export async function checkShuffle(store: ObjectStore, input: ShuffleInput, signal: AbortSignal): Promise<Checked> {
  const output = parsePrefix(input.output);
  const places = [input.input].flat().map(parsePrefix);
  for (const place of places) checkApart(place, output);
  const members = await readDatasets(store, places, { signal });
  const source = concatenate(members);
  const layout = layoutOf(source, input);
  for (const member of members) checkNotOwnOutput(member, layout);

  const found = await surveyOutput(store, output, 'dataset.json', signal);
  const stored = found.plans > 0 ? await loadRun(store, output, found.plans, signal) : undefined;
  if (!stored) {
    const strangers = [...found.others.keys(), ...(found.committed ? ['dataset.json'] : [])];
    if (strangers.length > 0) throw foreign(output, strangers);
    await checkFiles(store, members, { headers: true, signal });
    const { plan, warnings } = planShuffle(source, layout, input);
    const run = new ShuffleRun(output, source, layout, plan);
    return { run, stored: false, warnings, found, committed: undefined };
  }

  checkSameLayout(stored, layout);
  const dataset = found.committed ? await readDataset(store, output, { signal }) : undefined;
  if (dataset && dataset.shuffle?.layout !== stored.layoutDigest) throw foreign(output, ['dataset.json']);
  const committed = dataset && (await withHeldOut(store, output, dataset, { signal }));
  if (committed) {
    checkShardsThere(output, committed, found.others);
    return { run: stored, stored: true, warnings: [], found, committed };
  }
  const strangers = [...found.others.keys()].filter((key) => !belongs(stored, key));
  if (strangers.length > 0) throw foreign(output, strangers);
  await checkFiles(store, members, { signal });
  const { run, warnings } = input.replan ? replanned(stored, input) : { run: stored, warnings: [] };
  return { run, stored: run === stored, warnings, found, committed: undefined };
}

/**
 * The run with the plan for this input's resources, beside the plans that it replaces; the newest one where that is
 * equal. Finished output shards are kept: their tasks find them in place and compare.
 */
function replanned(newest: ShuffleRun, input: ShuffleInput): Pick<Checked, 'run' | 'warnings'> {
  const { plan, warnings } = planShuffle(newest.dataset, newest.layout, input);
  if (planDigest(plan) === newest.planDigest) return { run: newest, warnings: [] };
  const superseded = [...newest.superseded, newest];
  return { run: new ShuffleRun(newest.output, newest.dataset, newest.layout, plan, superseded), warnings };
}

async function checkFiles(store: ObjectStore, members: readonly PlacedDataset[], options: CheckOptions): Promise<void> {
  for (const { place, dataset } of members) {
    await checkDatasetAgainstFiles(store, place, dataset, undefined, options);
  }
}

/** What a plan depends on besides the layout, bytes. */
export interface PlanResources {
  readonly memory: number;
  readonly minSegment: number;
}

type PlannableDataset = Pick<Dataset, 'rows' | 'columns' | 'encoding' | 'recordBytes' | 'metadata'>;

/** The plan that a new run of this input gets. @throws MemoryTooSmall, InvalidInput */
export function planShuffle(dataset: PlannableDataset, layout: Layout, resources: PlanResources): Planned {
  return makePlan(planRequest(dataset, layout, resources));
}

/** What the planner is asked for a run of this input. @throws InvalidInput */
export function planRequest(dataset: PlannableDataset, layout: Layout, resources: PlanResources): PlanRequest {
  const shape = shapeOf(dataset.rows, layout);
  checkSplit(shape.shards, layout.split);
  const largestShard = Math.ceil(shape.rows / shape.shards);
  return {
    layout: layoutDigest(layout),
    shape,
    recordBytes: recordBytes(dataset),
    headerBytes: codecOf(dataset).encodeHeader(dataset.columns, largestShard, dataset.metadata).length,
    memory: resources.memory,
    minSegment: resources.minSegment,
  };
}

/** @throws OutputOverlapsInput */
export function checkApart(source: Prefix, output: Prefix): void {
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

function checkNotOwnOutput({ place, dataset }: PlacedDataset, layout: Layout): void {
  const before = dataset.shuffle;
  if (!before) return;
  // The permutation follows from the seed and the shape; other numbers may well give the same shape.
  const [there, here] = [shapeOf(dataset.rows, before), shapeOf(dataset.rows, layout)];
  const again = before.seed === layout.seed && blockOf(there) === blockOf(here) && there.shards === here.shards;
  if (!again) return;
  throw new SelfShuffle(
    `${formatPrefix(place)} was itself shuffled with seed ${JSON.stringify(layout.seed)} and the same blocks and ` +
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
  // Where plans are stored already, one that kept them apart was stored by a conditional PUT.
  if (number === 1) await probeConditionalPut(store, run.output, { signal });
  const outcome = await store.putIfAbsent(planLocation(run.output, number), [encodePlanFile(run)], { signal });
  if (outcome.created) return run;
  const stored = await loadRun(store, run.output, number, signal);
  if (stored) {
    checkSameLayout(stored, run.layout);
    return stored;
  }
  throw new PlanDamaged(`The plan of ${formatPrefix(run.output)} vanished while it was read: start again.`);
}
