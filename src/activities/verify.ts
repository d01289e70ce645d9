import { WorkDamaged } from '../errors.js';
import type { ThreadPool } from '../dataPlane/threadPool.js';
import type { ObjectStore } from '../storage/objectStore.js';
import type { Verdict } from '../verify/verdict.js';
import { readPart, VerifyRun } from '../verify/verifyRun.js';
import type { VerifyInput } from '../verify/verifyRun.js';
import type { VerifyPart } from '../verify/verifyTask.js';
import type { TaskCall, TaskOutcome, VerifyReference } from '../workflows/contract.js';
import { attempt } from './attempt.js';
import { Recent } from '../recent.js';

export interface VerifyActivities {
  prepareVerify(input: VerifyInput): Promise<{ tasks: number; bytes: number; datasets: string }>;
  runVerifyTask(call: TaskCall<VerifyReference>): Promise<TaskOutcome>;
  /** Puts together what the tasks found. */
  judgeVerify(reference: VerifyReference): Promise<Verdict>;
  /** Deletes what the tasks found. */
  cleanUpVerify(reference: VerifyReference): Promise<void>;
}

/** Verifications whose datasets a worker keeps at hand. */
const keptRuns = 2;

export function verifyActivities(store: ObjectStore, threads: ThreadPool): VerifyActivities {
  const runs = new Recent<VerifyRun>(keptRuns);
  // Without the signal of the task that happens to come first: others wait for the same datasets.
  const open = (reference: VerifyReference): Promise<VerifyRun> =>
    runs.get(`${reference.input} ${reference.output} ${reference.datasets}`, () =>
      VerifyRun.open(store, { input: reference.input, output: reference.output }),
    );
  return {
    prepareVerify: (input) =>
      attempt(
        async ({ signal }) => {
          const run = await VerifyRun.open(store, input, signal);
          return { tasks: run.taskCount, bytes: run.bytes, datasets: run.digest };
        },
        { refusal: true },
      ),

    runVerifyTask: (call) => attempt((control) => threads.run({ kind: 'verify', call }, control)),

    judgeVerify: (reference) =>
      attempt(async ({ signal, pause }) => {
        const run = await open(reference);
        const parts: VerifyPart[] = [];
        const lost: number[] = [];
        for (let task = 0; task < run.taskCount; task++) {
          const part = await readPart(store, run, task, signal);
          if (part) parts.push(part);
          else lost.push(task);
        }
        if (lost.length > 0) {
          throw new WorkDamaged(
            `What ${lost.length} of ${run.taskCount} tasks of the verification found is gone, first that of task ` +
              `${lost[0]}.`,
            { pass: 1, tasks: lost },
          );
        }
        return run.judge(parts, pause);
      }),

    cleanUpVerify: (reference) =>
      attempt(async ({ signal }) => {
        const run = await open(reference);
        const locations = Array.from({ length: run.taskCount }, (_, task) => run.partLocation(task));
        const keys = locations.map(({ key }) => key);
        await store.delete(locations[0]!.bucket, keys, { signal });
      }),
  };
}
