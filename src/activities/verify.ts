import { WorkDamaged } from '../errors.js';
import type { ObjectStore } from '../storage/objectStore.js';
import type { Verdict } from '../verify/verdict.js';
import { encodePart, readPart, VerifyRun } from '../verify/verifyRun.js';
import type { VerifyInput } from '../verify/verifyRun.js';
import type { VerifyPart } from '../verify/verifyTask.js';
import type { TaskCall, TaskOutcome, VerifyReference } from '../workflows/contract.js';
import { attempt } from './attempt.js';
import { Recent } from './recent.js';

export interface VerifyActivities {
  prepareVerify(input: VerifyInput): Promise<{ tasks: number; bytes: number; datasets: string }>;
  runVerifyTask(call: TaskCall<VerifyReference>): Promise<TaskOutcome>;
  /** Puts the parts together and deletes them. */
  judgeVerify(input: VerifyInput): Promise<Verdict>;
}

/** Verifications whose datasets a worker keeps at hand. */
const keptRuns = 2;

export function verifyActivities(store: ObjectStore): VerifyActivities {
  const runs = new Recent<VerifyRun>(keptRuns);
  return {
    prepareVerify: (input) =>
      attempt(
        async ({ signal }) => {
          const run = await VerifyRun.open(store, input, signal);
          return { tasks: run.taskCount, bytes: run.bytes, datasets: run.digest };
        },
        { refusal: true },
      ),

    runVerifyTask: ({ scope, task, redo }) =>
      attempt(
        async (control) => {
          // Without this task's signal: others wait for the same datasets.
          const open = (): Promise<VerifyRun> => VerifyRun.open(store, scope);
          const run = await runs.get(`${scope.input} ${scope.output} ${scope.datasets}`, open);
          const done = redo ? undefined : await readPart(store, run, task, control.signal);
          const part = done ?? (await run.runTask(task, { store, ...control }));
          control.signal.throwIfAborted();
          if (!done) await store.put(run.partLocation(task), [encodePart(part)], { signal: control.signal });
          return { records: part.records, digest: part.digest, skipped: done !== undefined };
        },
        { givesUpWhenStalled: true },
      ),

    judgeVerify: (input) =>
      attempt(async ({ signal }) => {
        const run = await VerifyRun.open(store, input, signal);
        const parts: VerifyPart[] = [];
        for (let task = 0; task < run.taskCount; task++) {
          const part = await readPart(store, run, task, signal);
          if (part) parts.push(part);
          else throw new WorkDamaged(`Part ${task} of the verification is gone.`, { pass: 1, tasks: [task] });
        }
        const verdict = run.judge(parts);
        const locations = parts.map((_, task) => run.partLocation(task));
        await store.delete(
          locations[0]!.bucket,
          locations.map(({ key }) => key),
          { signal },
        );
        return verdict;
      }),
  };
}
