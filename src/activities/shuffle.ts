import { sumDigests } from '../digests.js';
import { PlanDamaged } from '../errors.js';
import { alignShuffles } from '../shuffle/align.js';
import type { AlignedShuffles } from '../shuffle/align.js';
import { cleanUp, forgetTasks } from '../runs/cleanUp.js';
import { commitShuffle, completePass } from '../shuffle/commit.js';
import type { ShuffleResult } from '../shuffle/commit.js';
import { foldGroup } from '../runs/groupManifest.js';
import type { DoneGroups } from '../runs/groupManifest.js';
import type { AlignedInput, ShuffleInput } from '../shuffle/input.js';
import { prepareShuffle } from '../shuffle/prepare.js';
import { decodePlanFile, loadRun, planCount, readPlanFile } from '../shuffle/run.js';
import type { ShuffleRun } from '../shuffle/run.js';
import type { ThreadPool } from '../dataPlane/threadPool.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { parsePrefix } from '../storage/uri.js';
import { encodeSet } from '../taskGroups.js';
import type { DoneTasks, RunReference, TaskCall, TaskOutcome, Totals } from '../workflows/contract.js';
import { attempt } from './attempt.js';
import { Recent } from '../recent.js';

/** What is left to do of a shuffle. */
export interface ShuffleAgenda {
  readonly run: RunReference;
  readonly adoptedPlan: boolean;
  readonly warnings: readonly string[];
  readonly rows: number;
  readonly recordBytes: number;
  /** Tasks of each pass; the last one gathers. */
  readonly tasks: readonly number[];
  /** Passes that are complete already. */
  readonly completedPasses: number;
  /** What is done already of each pass, besides those. */
  readonly done: readonly DoneTasks[];
  /** The result, when all is done. */
  readonly result: ShuffleResult | null;
}

export interface ShuffleActivities {
  /** Checks aligned datasets and their outputs; writes nothing. */
  alignShuffles(input: AlignedInput): Promise<AlignedShuffles>;
  /**
   * @param first whether nothing has been moved yet, so that what fails here is a refusal
   * @param rows of aligned datasets, which this one must still have
   */
  prepareShuffle(input: ShuffleInput, first: boolean, rows: number | null): Promise<ShuffleAgenda>;
  runShuffleTask(call: TaskCall<RunReference>): Promise<TaskOutcome>;
  /** Folds the manifests of a group whose tasks are all done into one; returns its key, null where one is gone. */
  foldShuffleGroup(run: RunReference, pass: number, group: number): Promise<string | null>;
  completeShufflePass(run: RunReference, pass: number, totals: Totals, keepIntermediates: boolean): Promise<void>;
  /** Makes the next start do these tasks again. */
  forgetShuffleTasks(run: RunReference, pass: number, tasks: readonly number[]): Promise<void>;
  /** Writes dataset.json. */
  commitShuffle(run: RunReference, adoptedPlan: boolean): Promise<ShuffleResult>;
  /** Deletes intermediates of a committed shuffle. */
  cleanUpShuffle(run: RunReference): Promise<void>;
}

/** Runs whose plans a worker keeps at hand. */
const keptRuns = 4;

export function shuffleActivities(store: ObjectStore, threads: ThreadPool): ShuffleActivities {
  const files = new Recent<Uint8Array>(keptRuns);
  const runs = new Recent<ShuffleRun>(keptRuns);
  // Without the signal of the task that happens to come first: others wait for the same plan.
  const planFile = (reference: RunReference): Promise<Uint8Array> =>
    files.get(nameOf(reference), () => sharedPlanFile(store, reference));
  const open = (reference: RunReference): Promise<ShuffleRun> =>
    runs.get(nameOf(reference), async () => openRun(store, await planFile(reference), reference));

  return {
    alignShuffles: (input) => attempt(({ signal }) => alignShuffles(store, input, signal), { refusal: true }),

    prepareShuffle: (input, first, rows) =>
      attempt(
        async ({ signal }) => {
          const { run, adoptedPlan, warnings, completed, done, result } = await prepareShuffle(
            store,
            input,
            signal,
            rows,
          );
          const passes = Array.from({ length: run.geometry.passes }, (_, index) => index + 1);
          return {
            run: {
              inputs: [input.input].flat(),
              output: input.output,
              plan: run.planDigest,
              plans: planCount(run),
            },
            adoptedPlan,
            warnings,
            rows: run.dataset.rows,
            recordBytes: run.recordBytes,
            tasks: passes.map((pass) => run.geometry.taskCount(pass)),
            completedPasses: completed?.pass ?? 0,
            done: passes.map((pass) => doneTasks(done.get(pass))),
            result: result ?? null,
          };
        },
        { refusal: first },
      ),

    runShuffleTask: (call) =>
      attempt(async (control) => threads.run({ kind: 'shuffle', call, planFile: await planFile(call.scope) }, control)),

    foldShuffleGroup: (reference, pass, group) =>
      attempt(async ({ signal }) => {
        const run = await open(reference);
        const key = await foldGroup(store, run, pass, group, signal);
        return key?.slice(run.output.prefix.length) ?? null;
      }),

    completeShufflePass: (reference, pass, { records, digest }, keepIntermediates) =>
      attempt(async ({ signal }) => {
        const run = await open(reference);
        await completePass(store, run, { pass, records, digest }, keepIntermediates, signal);
      }),

    forgetShuffleTasks: (reference, pass, tasks) =>
      attempt(async ({ signal }) => forgetTasks(store, await open(reference), pass, tasks, signal)),

    commitShuffle: (reference, adoptedPlan) =>
      attempt(async ({ signal }) => commitShuffle(store, await open(reference), adoptedPlan, signal)),

    cleanUpShuffle: (reference) => attempt(async ({ signal }) => cleanUp(store, await open(reference), signal)),
  };
}

/** As it crosses Temporal. @param done undefined where nothing is known to be done */
function doneTasks(done: DoneGroups | undefined): DoneTasks {
  if (!done) return { groups: '', tasks: 0, records: 0, digest: sumDigests([]) };
  return { ...done, groups: encodeSet(done.groups) };
}

/** Runs of one plan that replaced different others are not the same: they clean up after different ones. */
function nameOf({ output, plan, plans }: RunReference): string {
  return `${output} ${plan} ${plans}`;
}

/** The newest plan, in memory that all threads see. */
async function sharedPlanFile(store: ObjectStore, reference: RunReference): Promise<Uint8Array> {
  const data = await readPlanFile(store, parsePrefix(reference.output), reference.plans);
  if (!data) throw notThePlan(reference, 'gone');
  const shared = new Uint8Array(new SharedArrayBuffer(data.length));
  shared.set(data);
  decodeNewest(shared, reference);
  return shared;
}

/** With the plans that the newest one replaced, which are seldom there. */
async function openRun(store: ObjectStore, planFile: Uint8Array, reference: RunReference): Promise<ShuffleRun> {
  const before = await loadRun(store, parsePrefix(reference.output), reference.plans - 1);
  if (!before && reference.plans > 1) throw notThePlan(reference, 'without those that it replaced');
  return decodeNewest(planFile, reference, before);
}

function decodeNewest(planFile: Uint8Array, reference: RunReference, before?: ShuffleRun): ShuffleRun {
  // A text decoder takes no shared memory.
  const run = decodePlanFile(planFile.slice(), parsePrefix(reference.output), reference.plans, before);
  if (run.planDigest === reference.plan) return run;
  throw notThePlan(reference, 'another one');
}

function notThePlan(reference: RunReference, what: string): PlanDamaged {
  return new PlanDamaged(
    `The newest plan below ${reference.output}/_riffle/ is ${what} while a shuffle with plan ${reference.plan} runs. ` +
      'Restore it, or start the workflow again.',
    { output: reference.output },
  );
}
