import { PlanDamaged } from '../errors.js';
import type { ThreadPool } from '../dataPlane/threadPool.js';
import { writePassRecord } from '../runs/checkpoint.js';
import { forgetTasks } from '../runs/cleanUp.js';
import { foldGroup } from '../runs/groupManifest.js';
import { planLocation } from '../runs/planLocation.js';
import { Recent } from '../recent.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { parsePrefix } from '../storage/uri.js';
import { encodeSet } from '../taskGroups.js';
import { cleanUpVisualize, commitVisualize, type VisualizeResult } from '../visualize/commit.js';
import { computeKind, workerCompute } from '../visualize/computeKind.js';
import type { VisualizeInput } from '../visualize/input.js';
import { knownBytes } from '../visualize/planSummary.js';
import { prepareVisualize, urisOf } from '../visualize/prepare.js';
import { decodePlanFile, passNames, type VisualizeRun } from '../visualize/run.js';
import type { DoneTasks, TaskCall, TaskOutcome, Totals, VisualizeReference } from '../workflows/contract.js';
import { attempt } from './attempt.js';
import { sumDigests } from '../digests.js';

/** What is left to do of a visualize run. */
export interface VisualizeAgenda {
  readonly run: VisualizeReference;
  readonly warnings: readonly string[];
  /** The passes with their tasks, in order. */
  readonly passes: readonly {
    readonly pass: number;
    readonly name: string;
    readonly tasks: number;
    /** Bytes that it reads; 0 where that depends on the data. */
    readonly bytes: number;
    readonly done: DoneTasks;
  }[];
  /** The result, when all is done. */
  readonly result: VisualizeResult | null;
}

export interface VisualizeActivities {
  prepareVisualize(input: VisualizeInput): Promise<VisualizeAgenda>;
  runVisualizeTask(call: TaskCall<VisualizeReference>): Promise<TaskOutcome>;
  /** Folds the manifests of a group whose tasks are all done into one; returns its key, null where one is gone. */
  foldVisualizeGroup(run: VisualizeReference, pass: number, group: number): Promise<string | null>;
  completeVisualizePass(run: VisualizeReference, pass: number, totals: Totals): Promise<void>;
  /** Makes the next start do these tasks again. */
  forgetVisualizeTasks(run: VisualizeReference, pass: number, tasks: readonly number[]): Promise<void>;
  /** Writes what stands once in a run, run.json last. */
  commitVisualize(run: VisualizeReference, warnings: readonly string[]): Promise<VisualizeResult>;
  /** Deletes intermediates of a committed run. */
  cleanUpVisualize(run: VisualizeReference): Promise<void>;
}

/** Runs whose plans a worker keeps at hand. */
const keptRuns = 4;
const planLimit = 1024 ** 3;

export function visualizeActivities(store: ObjectStore, threads: ThreadPool): VisualizeActivities {
  const files = new Recent<Uint8Array>(keptRuns);
  const runs = new Recent<VisualizeRun>(keptRuns);
  const nameOf = ({ output, plan }: VisualizeReference): string => `${output} ${plan}`;
  // Without the signal of the task that happens to come first: others wait for the same plan.
  const planFile = (reference: VisualizeReference): Promise<Uint8Array> =>
    files.get(nameOf(reference), () => sharedPlanFile(store, reference));
  const open = (reference: VisualizeReference): Promise<VisualizeRun> =>
    runs.get(nameOf(reference), async () =>
      decodePlanFile((await planFile(reference)).slice(), parsePrefix(reference.output)),
    );
  return {
    prepareVisualize: (input) =>
      attempt(
        async ({ signal }) => {
          const kind = computeKind(workerCompute(process.env));
          const { run, warnings, done, result } = await prepareVisualize(store, input, kind, signal);
          const nothing = { groups: new Set<number>(), tasks: 0, records: 0, digest: sumDigests([]) };
          return {
            run: { uris: urisOf(input), output: input.output, plan: run.planDigest },
            warnings,
            passes: passNames
              .map((name, index) => {
                const { groups, ...rest } = done.get(index + 1) ?? nothing;
                const pass = index + 1;
                return {
                  pass,
                  name,
                  tasks: run.taskCount(pass),
                  bytes: knownBytes(run, name),
                  done: { ...rest, groups: encodeSet(groups) },
                };
              })
              .filter(({ tasks }) => tasks > 0),
            result: result ?? null,
          };
        },
        { refusal: true },
      ),

    runVisualizeTask: (call) =>
      attempt(async (control) =>
        threads.run({ kind: 'visualize', call, planFile: await planFile(call.scope) }, control),
      ),

    foldVisualizeGroup: (reference, pass, group) =>
      attempt(async ({ signal }) => {
        const run = await open(reference);
        const key = await foldGroup(store, run, pass, group, signal);
        return key?.slice(run.output.prefix.length) ?? null;
      }),

    completeVisualizePass: (reference, pass, { records, digest }) =>
      attempt(async ({ signal }) => writePassRecord(store, await open(reference), { pass, records, digest }, signal)),

    forgetVisualizeTasks: (reference, pass, tasks) =>
      attempt(async ({ signal }) => forgetTasks(store, await open(reference), pass, tasks, signal)),

    commitVisualize: (reference, warnings) =>
      attempt(async ({ signal }) => commitVisualize(store, await open(reference), reference.uris, warnings, signal)),

    cleanUpVisualize: (reference) =>
      attempt(async ({ signal }) => cleanUpVisualize(store, await open(reference), signal)),
  };
}

/** The plan, in memory that all threads see. */
async function sharedPlanFile(store: ObjectStore, reference: VisualizeReference): Promise<Uint8Array> {
  const found = await store.readWhole(planLocation(parsePrefix(reference.output)), planLimit);
  const shared = new Uint8Array(new SharedArrayBuffer(found?.data.length ?? 0));
  if (found) shared.set(found.data);
  const run = found && decodePlanFile(found.data, parsePrefix(reference.output));
  if (run?.planDigest === reference.plan) return shared;
  throw new PlanDamaged(
    `The plan below ${reference.output}/_riffle/ is ${found ? 'another one' : 'gone'} while a run with plan ` +
      `${reference.plan} is at work. Restore it, or start the workflow again.`,
    { output: reference.output },
  );
}
