import { condition, getExternalWorkflowHandle, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { ChildWorkflowHandle } from '@temporalio/workflow';
import { sumDigests } from '../digests.js';
import { working } from './activityProxies.js';
import { startWhenFree } from './children.js';
import type { GroupReport, RunReference, TaskCall, TaskFailure, TaskOutcome, Timing, Totals } from './contract.js';
import { codeAndMessage, failure, innermost } from './failures.js';
import { groupReport } from './progressBoard.js';
import { Steering } from './steering.js';
import { Repairs } from './repairs.js';
import type { Forget } from './repairs.js';

/** Tasks of one group: a history of about 1,700 events. */
const groupTasks = 500;
/** Children of one workflow; more tasks make the tree deeper. */
const mostChildren = 100;
/** Tasks at once of one group, where the parallelism allows it. */
const groupParallelism = 100;
/** Reports that all groups of all passes send to the root together, and each of them at most. */
const mostReports = 400;
const mostGroupReports = 10;
/** Failed tasks that are named; the rest is counted. */
const namedFailures = 10;

export type TaskActivity = 'runShuffleTask' | 'runVerifyTask';

export interface FanOutInput {
  readonly activity: TaskActivity;
  /** What all tasks have in common; handed to the activity. */
  readonly scope: unknown;
  /** What the tasks do, for people. */
  readonly label: string;
  readonly pass: number;
  readonly firstTask: number;
  readonly tasks: number;
  /** Tasks that may run at once. */
  readonly parallelism: number;
  readonly timing: Timing;
  /** Workflow that shows the progress. */
  readonly root: string;
  /** Reports that each group sends to it. */
  readonly reports: number;
}

/** Starts a child that runs tasks 0 to `tasks` − 1 of a pass. @param passes passes that report to the same root */
export function startPass(
  name: string,
  passes: number,
  input: Omit<FanOutInput, 'firstTask' | 'reports'>,
): Promise<ChildWorkflowHandle<typeof fanOut>> {
  const groups = Math.ceil(input.tasks / groupTasks);
  const reports = Math.max(1, Math.min(mostGroupReports, Math.floor(mostReports / (groups * passes))));
  return startWhenFree(fanOut, {
    workflowId: `${workflowInfo().workflowId}/${name}`,
    args: [{ ...input, firstTask: 0, reports }],
    summary: input.label,
  });
}

/**
 * Runs tasks [firstTask, firstTask + tasks): a few hundred by itself, more through children that each take a part.
 * A task that fails for good does not stop the others; at the end the failure names them.
 */
export async function fanOut(input: FanOutInput): Promise<Totals> {
  const totals = input.tasks <= groupTasks ? await runGroup(input) : await runChildren(input);
  if (totals.failed === 0) return totals;
  const shown = totals.failures
    .slice(0, 3)
    .map(({ pass, task, message }) => `task ${task} of pass ${pass}: ${message}`);
  throw failure(
    'TasksFailed',
    `${totals.failed} of ${input.tasks} tasks failed (${input.label}); the others are done. ${shown.join(' ')} ` +
      'Mend the cause and start the workflow again: it does only what is missing.',
    { failed: totals.failed, tasks: input.tasks, failures: totals.failures },
  );
}

interface Counted extends Totals {
  readonly failed: number;
  readonly failures: readonly TaskFailure[];
}

async function runGroup(input: FanOutInput): Promise<Counted> {
  const activities = working(input.timing.heartbeatTimeout);
  const call = (call: TaskCall): Promise<TaskOutcome> =>
    activities[input.activity].executeWithOptions(
      { summary: `${input.label}: task ${call.task}${call.redo ? ' (again)' : ''}` },
      [call as never],
    );
  const repairs = new Repairs(input.scope, call, forgetting(input.activity, activities));
  const outcomes: TaskOutcome[] = [];
  const failures: TaskFailure[] = [];
  let failed = 0;
  const runTask = async (task: number): Promise<void> => {
    try {
      outcomes.push(await repairs.run({ scope: input.scope, pass: input.pass, task, redo: false }));
    } catch (error) {
      if (isCancellation(error)) throw error;
      failed++;
      if (failures.length < namedFailures) failures.push({ pass: input.pass, task, ...codeAndMessage(error) });
    }
  };

  const report = groupReporter(input);
  const steering = Steering.bySignal(input.parallelism);
  await pool(
    input.tasks,
    () => steering.parallelism,
    (index) => runTask(input.firstTask + index),
    (running) =>
      report({
        pass: input.pass,
        group: input.firstTask,
        done: outcomes.length,
        running,
        failed,
      }),
  );
  return {
    tasks: outcomes.length,
    skipped: outcomes.filter(({ skipped }) => skipped).length,
    records: outcomes.reduce((sum, { records }) => sum + records, 0),
    digest: sumDigests(outcomes.map(({ digest }) => digest)),
    failed,
    failures,
  };
}

async function runChildren(input: FanOutInput): Promise<Counted> {
  const groups = Math.ceil(input.tasks / groupTasks);
  const size = Math.ceil(groups / mostChildren) * groupTasks;
  const done: Totals[] = [];
  const failures: TaskFailure[] = [];
  let failed = 0;
  const open = (parallelism: number): number => Math.ceil(parallelism / groupParallelism);
  const steering = Steering.bySignal(input.parallelism, open);
  const runPart = async (index: number): Promise<void> => {
    const firstTask = input.firstTask + index * size;
    const tasks = Math.min(size, input.firstTask + input.tasks - firstTask);
    const part = `tasks ${firstTask} to ${firstTask + tasks - 1}`;
    const start = (parallelism: number): Promise<ChildWorkflowHandle<typeof fanOut>> =>
      startWhenFree(fanOut, {
        workflowId: `${workflowInfo().workflowId}/${part.replaceAll(' ', '-')}`,
        args: [{ ...input, firstTask, tasks, parallelism }],
        summary: `${input.label}: ${part}`,
      });
    try {
      done.push(await steering.run(start));
    } catch (error) {
      const inner = innermost(error);
      if (inner?.type !== 'TasksFailed') throw error;
      const [details] = inner.details as [{ failed: number; failures: TaskFailure[] }];
      failed += details.failed;
      failures.push(...details.failures.slice(0, namedFailures - failures.length));
    }
  };
  await pool(Math.ceil(input.tasks / size), () => open(steering.parallelism), runPart);
  return {
    tasks: done.reduce((sum, { tasks }) => sum + tasks, 0),
    skipped: done.reduce((sum, { skipped }) => sum + skipped, 0),
    records: done.reduce((sum, { records }) => sum + records, 0),
    digest: sumDigests(done.map(({ digest }) => digest)),
    failed,
    failures,
  };
}

/**
 * Runs `count` jobs, at most `limit()` at once. A job that throws stops the start of others; those under way are
 * waited for.
 * @param onChange called when a job has ended, with the number of running ones
 */
async function pool(
  count: number,
  limit: () => number,
  job: (index: number) => Promise<void>,
  onChange: (running: number) => Promise<void> | undefined = () => undefined,
): Promise<void> {
  const jobs: Promise<void>[] = [];
  let running = 0;
  let broken: { error: unknown } | undefined;
  const start = async (index: number): Promise<void> => {
    running++;
    try {
      await job(index);
    } catch (error) {
      broken ??= { error };
    }
    running--;
    await onChange(running);
  };
  try {
    for (let index = 0; index < count; index++) {
      await condition(() => running < limit() || broken !== undefined);
      if (broken) break;
      jobs.push(start(index));
    }
  } catch (error) {
    broken ??= { error };
  }
  await Promise.all(jobs);
  if (broken) throw broken.error;
}

/** How tasks of a kind are forgotten, so that a new start does them again; undefined where it does so anyway. */
function forgetting(activity: TaskActivity, activities: ReturnType<typeof working>): Forget | undefined {
  if (activity !== 'runShuffleTask') return undefined;
  return (scope, pass, tasks) => activities.forgetShuffleTasks(scope as RunReference, pass, tasks);
}

/** Sends at most `reports` reports in a group's life, the last one when all tasks have ended. */
function groupReporter(input: FanOutInput): (report: GroupReport) => Promise<void> | undefined {
  const root = getExternalWorkflowHandle(input.root);
  let sent = 0;
  return (report) => {
    const ended = report.done + report.failed;
    if (ended < Math.ceil((input.tasks * (sent + 1)) / input.reports)) return undefined;
    sent = Math.floor((ended * input.reports) / input.tasks);
    // Nobody looks at the progress of a root that is gone; the work goes on or is cancelled by other means.
    return root.signal(groupReport, report).catch(() => undefined);
  };
}
