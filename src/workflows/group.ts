import { continueAsNew, isCancellation, workflowInfo } from '@temporalio/workflow';
import { sumDigests } from '../digests.js';
import { decodeSet, encodeSet, groupOf } from '../taskGroups.js';
import { working } from './activityProxies.js';
import type { TaskCall, TaskFailure, TaskOutcome, Totals } from './contract.js';
import { codeAndMessage } from './failures.js';
import type { Counted, FanOutInput, fanOut, TaskActivity } from './fanOut.js';
import { Pool } from './pool.js';
import { Repairs } from './repairs.js';
import type { Forget } from './repairs.js';
import { Reporter } from './reporter.js';
import { Settlement } from './settlement.js';
import { Steering } from './steering.js';

/** Failed tasks that are named; the rest is counted. */
export const namedFailures = 10;
/** Those that a report names, and the characters of each message that it carries. */
const reportedFailures = 3;
const reportedCharacters = 400;
/** Events of a task whose end nothing else coincides with, and of what a group does besides its tasks. */
const eventsPerTask = 6;
const otherEvents = 100;

/** What a group has done in earlier executions of its workflow. */
export interface GroupPast {
  /** Tasks to be done, counted from the group's first, as `encodeSet` writes them. */
  readonly open: string;
  readonly totals: Totals;
  /** Orders to do failed tasks again that have come so far. */
  readonly retries: number;
}

/** Runs the tasks of one group as activities; those that fail can be done again while the group is open. */
export async function runGroup(input: FanOutInput): Promise<Counted> {
  const { activity, pass, firstTask, scope } = input;
  const activities = working(input.timing.heartbeatTimeout);
  const call = (call: TaskCall): Promise<TaskOutcome> =>
    activities[activity].executeWithOptions(
      { summary: `${input.label}: task ${call.task}${call.redo ? ' (again)' : ''}` },
      [call as never],
    );
  const hasRoom = (more: number): boolean => {
    const events = eventsPerTask * (more + pool.running + pool.waiting) + otherEvents;
    return workflowInfo().historyLength + events <= input.timing.historyEvents;
  };
  const repairs = new Repairs(scope, call, forgetting(activity, activities), hasRoom);
  const failed = new Map<number, TaskFailure>();
  let totals: Totals = input.past?.totals ?? { tasks: 0, skipped: 0, records: 0, digest: sumDigests([]) };
  const runTask = async (task: number): Promise<void> => {
    try {
      const { records, digest, skipped } = await repairs.run({ scope, pass, task, redo: false });
      totals = sumTotals([totals, { tasks: 1, skipped: Number(skipped), records, digest }]);
    } catch (error) {
      if (isCancellation(error)) throw error;
      failed.set(task, { pass, task, ...codeAndMessage(error) });
    }
  };

  const reporter = new Reporter(input.reportTo, input.tasks, input.reports);
  const report = (): Promise<void> | undefined =>
    reporter.tell(
      {
        pass,
        group: firstTask,
        done: totals.tasks,
        running: pool.running,
        failed: failed.size,
        failures: reported(failed),
      },
      pool.running + pool.waiting === 0,
    );
  /** Whether there is no room left in the history for what is to be done again. */
  let full = false;
  const settlement = new Settlement(input);
  const onRetry = async (): Promise<void> => {
    settlement.retries++;
    if (failed.size === 0) return;
    full = !hasRoom(failed.size);
    if (full) return;
    pool.add(failed.keys());
    failed.clear();
    await report();
  };
  const pool = new Pool<number>(() => steering.parallelism, runTask, report);
  pool.add(firstTasks(input));
  const steering = Steering.bySignal(input.parallelism, { onRetry });

  for (;;) {
    await pool.drain();
    if (full) {
      const open = encodeSet(new Set([...failed.keys()].map((task) => task - firstTask)));
      const past: GroupPast = { open, totals, retries: settlement.retries };
      return continueAsNew<typeof fanOut>({ ...input, parallelism: steering.parallelism, past });
    }
    if (failed.size === 0) break;
    const again = await settlement.wait(() => pool.waiting > 0 || full);
    if (!again) return { ...totals, failed: failed.size, failures: [...failed.values()].slice(0, namedFailures) };
  }
  const manifest = await fold(input, activities);
  return { ...totals, ...(manifest === null ? {} : { manifest }), failed: 0, failures: [] };
}

/** Sums of what parts of a range of tasks did. */
export function sumTotals(parts: readonly Totals[]): Totals {
  return {
    tasks: parts.reduce((sum, { tasks }) => sum + tasks, 0),
    skipped: parts.reduce((sum, { skipped }) => sum + skipped, 0),
    records: parts.reduce((sum, { records }) => sum + records, 0),
    digest: sumDigests(parts.map(({ digest }) => digest)),
  };
}

function firstTasks({ firstTask, tasks, past }: FanOutInput): number[] {
  if (past) return [...decodeSet(past.open)].map((index) => firstTask + index);
  return Array.from({ length: tasks }, (_, index) => firstTask + index);
}

function reported(failed: ReadonlyMap<number, TaskFailure>): TaskFailure[] {
  return [...failed.values()]
    .slice(0, reportedFailures)
    .map((failure) => ({ ...failure, message: failure.message.slice(0, reportedCharacters) }));
}

/** Activities that fold and forget the tasks of runs that keep manifests of their groups. */
const keepers = {
  runShuffleTask: { fold: 'foldShuffleGroup', forget: 'forgetShuffleTasks' },
  runVisualizeTask: { fold: 'foldVisualizeGroup', forget: 'forgetVisualizeTasks' },
  runVerifyTask: undefined,
} as const;

/**
 * Writes the group manifest of tasks that are all done. Without it a commit and a new start take more requests, but
 * nothing is lost: no run ends because of it.
 */
async function fold(
  { activity, scope, pass, firstTask, label }: FanOutInput,
  activities: ReturnType<typeof working>,
): Promise<string | null> {
  const keeper = keepers[activity];
  if (!keeper) return null;
  try {
    return await activities[keeper.fold].executeWithOptions({ summary: `${label}: fold the manifests` }, [
      scope as never,
      pass,
      groupOf(firstTask),
    ]);
  } catch (error) {
    if (isCancellation(error)) throw error;
    return null;
  }
}

/** How tasks of a kind are forgotten, so that a new start does them again; undefined where it does so anyway. */
function forgetting(activity: TaskActivity, activities: ReturnType<typeof working>): Forget | undefined {
  const keeper = keepers[activity];
  const summary = 'forget damaged tasks';
  return (
    keeper &&
    ((scope, pass, tasks) => activities[keeper.forget].executeWithOptions({ summary }, [scope as never, pass, tasks]))
  );
}
