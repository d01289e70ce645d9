import { PlanDamaged } from '../errors.js';
import { alignShuffles } from '../shuffle/align.js';
import { cleanUp, forgetTasks } from '../shuffle/cleanUp.js';
import { commitShuffle, completePass } from '../shuffle/commit.js';
import type { ShuffleResult } from '../shuffle/commit.js';
import type { AlignedInput, ShuffleInput } from '../shuffle/input.js';
import { prepareShuffle } from '../shuffle/prepare.js';
import { decodePlanFile, readPlanFile } from '../shuffle/run.js';
import type { ShuffleRun } from '../shuffle/run.js';
import type { ThreadPool } from '../dataPlane/threadPool.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { parsePrefix } from '../storage/uri.js';
import type { RunReference, TaskCall, TaskOutcome, Totals } from '../workflows/contract.js';
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
  /** The result, when all is done. */
  readonly result: ShuffleResult | null;
}

export interface ShuffleActivities {
  /** Checks aligned datasets and their outputs; writes nothing. */
  alignShuffles(input: AlignedInput): Promise<ShuffleInput[]>;
  prepareShuffle(input: ShuffleInput): Promise<ShuffleAgenda>;
  runShuffleTask(call: TaskCall<RunReference>): Promise<TaskOutcome>;
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
    runs.get(nameOf(reference), async () => openRun(await planFile(reference), reference));

  return {
    alignShuffles: (input) => attempt(({ signal }) => alignShuffles(store, input, signal), { refusal: true }),

    prepareShuffle: (input) =>
      attempt(
        async ({ signal }) => {
          const { run, adoptedPlan, warnings, completed, result } = await prepareShuffle(store, input, signal);
          const passes = Array.from({ length: run.geometry.passes }, (_, index) => index + 1);
          return {
            run: { inputs: [input.input].flat(), output: input.output, plan: run.planDigest },
            adoptedPlan,
            warnings,
            rows: run.dataset.rows,
            recordBytes: run.recordBytes,
            tasks: passes.map((pass) => run.geometry.taskCount(pass)),
            completedPasses: completed?.pass ?? 0,
            result: result ?? null,
          };
        },
        { refusal: true },
      ),

    runShuffleTask: (call) =>
      attempt(async (control) => threads.run({ kind: 'shuffle', call, planFile: await planFile(call.scope) }, control)),

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

function nameOf({ output, plan }: RunReference): string {
  return `${output} ${plan}`;
}

/** plan.json in memory that all threads see. */
async function sharedPlanFile(store: ObjectStore, reference: RunReference): Promise<Uint8Array> {
  const data = await readPlanFile(store, parsePrefix(reference.output));
  if (!data) throw notThePlan(reference, 'gone');
  openRun(data, reference);
  const shared = new Uint8Array(new SharedArrayBuffer(data.length));
  shared.set(data);
  return shared;
}

function openRun(planFile: Uint8Array, reference: RunReference): ShuffleRun {
  // A text decoder takes no shared memory.
  const run = decodePlanFile(planFile.slice(), parsePrefix(reference.output));
  if (run.planDigest === reference.plan) return run;
  throw notThePlan(reference, 'another plan');
}

function notThePlan(reference: RunReference, what: string): PlanDamaged {
  return new PlanDamaged(
    `${reference.output}/_riffle/plan.json is ${what} while a shuffle with plan ${reference.plan} runs. Restore it, or ` +
      'start the workflow again.',
    { output: reference.output },
  );
}
