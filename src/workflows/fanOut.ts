import { condition, setHandler, workflowInfo } from '@temporalio/workflow';
import type { ChildWorkflowHandle } from '@temporalio/workflow';
import { decodeSet, groupCount, groupOf, groupTasks } from '../taskGroups.js';
import { startWhenFree } from './children.js';
import type { GroupReport, OnFailure, TaskFailure, Timing, Totals } from './contract.js';
import { failure, innermost } from './failures.js';
import { namedFailures, runGroup, sumTotals } from './group.js';
import type { GroupPast } from './group.js';
import { Pool } from './pool.js';
import { groupReport } from './progressBoard.js';
import { Reporter } from './reporter.js';
import { Settlement, stuckSignal, tellGiveUp } from './settlement.js';
import { Steering, tellParallelism, tellRetry } from './steering.js';

/** Children of one workflow; more tasks make the tree deeper. */
const mostChildren = 100;
/** Tasks at once of one group, where the parallelism allows it. */
const groupParallelism = 100;
/** Reports that all children of all passes send to the root together, and each of them at most. */
const mostReports = 400;
const mostGroupReports = 10;

export type TaskActivity = 'runShuffleTask' | 'runVerifyTask' | 'runVisualizeTask';

export interface FanOutInput {
  readonly activity: TaskActivity;
  /** What all tasks have in common; handed to the activity. */
  readonly scope: unknown;
  /** What the tasks do, for people. */
  readonly label: string;
  readonly pass: number;
  readonly firstTask: number;
  readonly tasks: number;
  /** Groups that were done before the run began, as `encodeSet` writes them; not all. */
  readonly doneGroups: string;
  /** Tasks that may run at once. */
  readonly parallelism: number;
  readonly onFailure: OnFailure;
  readonly timing: Timing;
  /** Workflow that is told the progress. */
  readonly reportTo: string;
  /** Reports that each group sends to it. */
  readonly reports: number;
  /** The level above, where that is a part of the same pass. */
  readonly parent?: string;
  /** What a group has done before it continued as new. */
  readonly past?: GroupPast;
}

/** Starts a child that runs tasks 0 to `tasks` − 1 of a pass. @param passes passes that report to the same root */
export function startPass(
  name: string,
  passes: number,
  input: Omit<FanOutInput, 'firstTask' | 'reports' | 'parent' | 'past'>,
): Promise<ChildWorkflowHandle<typeof fanOut>> {
  const reporters = Math.min(mostChildren, groupCount(input.tasks));
  const reports = Math.max(1, Math.min(mostGroupReports, Math.floor(mostReports / (reporters * passes))));
  return startWhenFree(fanOut, {
    workflowId: `${workflowInfo().workflowId}/${name}`,
    args: [{ ...input, firstTask: 0, reports }],
    summary: input.label,
  });
}

/**
 * Runs tasks [firstTask, firstTask + tasks): one group by itself, more through children that each take a part. A task
 * that fails for good does not stop the others; at the end the failure names those that have not been mended meanwhile.
 */
export async function fanOut(input: FanOutInput): Promise<Totals> {
  const { failed, failures, ...totals } = await (input.tasks <= groupTasks ? runGroup(input) : runParts(input));
  if (failed === 0) return totals;
  const shown = failures.slice(0, 3).map(({ pass, task, message }) => `task ${task} of pass ${pass}: ${message}`);
  throw failure(
    'TasksFailed',
    `${failed} of ${input.tasks} tasks failed (${input.label}); the others are done. ${shown.join(' ')} ` +
      'Mend the cause and start the workflow again: it does only what is missing.',
    { failed, tasks: input.tasks, failures },
  );
}

export interface Counted extends Totals {
  readonly failed: number;
  readonly failures: readonly TaskFailure[];
}

/** A child, from before its start to its end. */
interface Part {
  readonly firstTask: number;
  readonly tasks: number;
  child?: ChildWorkflowHandle<typeof fanOut>;
  /** Settles when the child ends. */
  ended?: Promise<Totals>;
  /** Orders to do failed tasks again that it has been sent. */
  retries: number;
  /** Whether it has failed tasks and nothing else to do. */
  stuck: boolean;
}

async function runParts(input: FanOutInput): Promise<Counted> {
  const parts = new Map(partsOf(input).map((part) => [part.firstTask, part]));
  const done: Totals[] = [];
  const reportTo = input.parent === undefined ? input.reportTo : collectReports(input);
  const start = async (part: Part, parallelism: number): Promise<ChildWorkflowHandle<typeof fanOut>> => {
    const { firstTask, tasks } = part;
    const name = `tasks ${firstTask} to ${firstTask + tasks - 1}`;
    part.child = await startWhenFree(fanOut, {
      workflowId: `${workflowInfo().workflowId}/${name.replaceAll(' ', '-')}`,
      args: [{ ...input, firstTask, tasks, parallelism, reportTo, parent: workflowInfo().workflowId }],
      summary: `${input.label}: ${name}`,
    });
    part.ended = part.child.result();
    // It is waited for now and then only, and may be cancelled meanwhile.
    part.ended.catch(() => undefined);
    return part.child;
  };
  const restart = async (part: Part, parallelism: number): Promise<ChildWorkflowHandle<typeof fanOut>> => {
    await tellParallelism(part.child!, parallelism);
    part.retries++;
    await tellRetry(part.child!);
    return part.child!;
  };
  const runPart = async (part: Part): Promise<void> => {
    const totals = await steering.run(
      (parallelism) => (part.child ? restart(part, parallelism) : start(part, parallelism)),
      () => Promise.race([part.ended!, condition(() => part.stuck).then(() => undefined)]),
    );
    if (!totals) return;
    done.push(totals);
    parts.delete(part.firstTask);
  };

  setHandler(
    stuckSignal,
    ({ part: firstTask, retries }) => {
      const part = parts.get(firstTask);
      // One that has not yet got the last order will get it, and be busy again.
      if (part?.retries === retries) part.stuck = true;
    },
    { description: 'Internal: a part has failed tasks and nothing else to do.' },
  );
  const settlement = new Settlement(input);
  const onRetry = async (below: Steering): Promise<void> => {
    settlement.retries++;
    const again = [...parts.values()].filter(({ stuck }) => stuck);
    for (const part of again) part.stuck = false;
    pool.add(again);
    await below.retry((child) => {
      for (const part of parts.values()) if (part.child === child) part.retries++;
    });
  };
  const open = (parallelism: number): number => Math.ceil(parallelism / groupParallelism);
  const pool = new Pool<Part>(() => open(steering.parallelism), runPart);
  pool.add(parts.values());
  const steering = Steering.bySignal(input.parallelism, { groups: open, onRetry });

  for (;;) {
    await pool.drain();
    if (parts.size === 0) return { ...sumTotals(done), failed: 0, failures: [] };
    if (!(await settlement.wait(() => pool.waiting > 0))) break;
  }
  return { ...sumTotals(done), ...(await giveUp([...parts.values()])) };
}

/** The children of a level; parts that were done before the run began need none. */
function partsOf({ firstTask: begin, tasks: count, doneGroups }: FanOutInput): Part[] {
  const groups = decodeSet(doneGroups);
  const size = Math.ceil(groupCount(count) / mostChildren) * groupTasks;
  const parts: Part[] = [];
  for (let firstTask = begin; firstTask < begin + count; firstTask += size) {
    const tasks = Math.min(size, begin + count - firstTask);
    const own = Array.from({ length: groupCount(tasks) }, (_, index) => groupOf(firstTask) + index);
    if (!own.every((group) => groups.has(group))) parts.push({ firstTask, tasks, retries: 0, stuck: false });
  }
  return parts;
}

/** Has the parts that are stuck fail, and collects what failed in them. */
async function giveUp(parts: readonly Part[]): Promise<{ failed: number; failures: TaskFailure[] }> {
  await Promise.all(parts.map(({ child }) => tellGiveUp(child!)));
  const failures: TaskFailure[] = [];
  let failed = 0;
  for (const { ended } of parts) {
    try {
      await ended;
    } catch (error) {
      const inner = innermost(error);
      if (inner?.type !== 'TasksFailed') throw error;
      const [details] = inner.details as [{ failed: number; failures: TaskFailure[] }];
      failed += details.failed;
      failures.push(...details.failures.slice(0, namedFailures - failures.length));
    }
  }
  return { failed, failures };
}

/**
 * Sums up the reports of the groups below, so that the root hears from a hundred workflows at most.
 * @returns where the groups report to
 */
function collectReports({ reportTo, reports, tasks, pass, firstTask }: FanOutInput): string {
  const reporter = new Reporter(reportTo, tasks, reports);
  const groups = new Map<number, GroupReport>();
  setHandler(
    groupReport,
    async (report) => {
      groups.set(report.group, report);
      const all = [...groups.values()];
      const sum = (of: (report: GroupReport) => number): number => all.reduce((total, one) => total + of(one), 0);
      const running = sum((one) => one.running);
      const failures = all.flatMap((one) => one.failures).slice(0, 3);
      const counts = { done: sum((one) => one.done), running, failed: sum((one) => one.failed) };
      await reporter.tell({ pass, group: firstTask, ...counts, failures }, running === 0);
    },
    { description: 'Internal: a group of tasks got on.' },
  );
  return workflowInfo().workflowId;
}
