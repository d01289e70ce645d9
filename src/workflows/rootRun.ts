import {
  ApplicationFailure,
  ChildWorkflowCancellationType,
  defineSignal,
  defineUpdate,
  isCancellation,
  setHandler,
  sleep,
  startChild,
} from '@temporalio/workflow';
import type { ChildWorkflowHandle, Workflow } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { quick } from './activityProxies.js';
import { failure, unwrapped } from './failures.js';

export const setParallelism = defineUpdate<number, [number]>('setParallelism');
/** The same, on the way from the root to its groups of tasks. */
export const parallelismSignal = defineSignal<[number]>('parallelism');

/** How long a holder whose parent is closed may take to close, seconds. */
const patience = 60;

/**
 * Starts the run that holds an output: one at a time, whoever asks.
 * @param lock workflow id that belongs to the output
 * @throws ApplicationFailure OutputBusy when another root is at work on the output
 */
export async function startHolder<T extends Workflow>(
  type: T,
  lock: string,
  summary: string,
  args: Parameters<T>,
): Promise<ChildWorkflowHandle<T>> {
  for (let waited = 0; ; waited++) {
    try {
      return await startChild(type, {
        workflowId: lock,
        args,
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        staticSummary: summary,
      } as never);
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    const holder = await quick.findHolder(lock);
    if (holder && (holder.open || waited >= patience)) {
      throw failure(
        'OutputBusy',
        `Workflow ${holder.workflowId} is already at work on this output. Wait for it ` +
          `(temporal workflow result --workflow-id ${holder.workflowId}), or cancel it first.`,
        { holder: holder.workflowId, runId: holder.runId, refused: true },
      );
    }
    await sleep('1 second');
  }
}

/** Passes a new parallelism on to a child, if there is one; a child that has just ended needs none. */
export async function passOn(child: ChildWorkflowHandle<Workflow> | undefined, parallelism: number): Promise<void> {
  await child?.signal(parallelismSignal, parallelism).catch(() => undefined);
}

/** Offers the update `setParallelism` and passes it on to the run. */
export class ParallelismControl {
  private wanted: number | undefined;
  private handle: ChildWorkflowHandle<Workflow> | undefined;

  constructor() {
    setHandler(
      setParallelism,
      async (parallelism) => {
        this.wanted = parallelism;
        await passOn(this.handle, parallelism);
        return parallelism;
      },
      {
        description:
          'Sets how many tasks may run at once; 0 starts no more and pauses when the running ones have ended.',
        validator: (parallelism) => {
          if (Number.isInteger(parallelism) && parallelism >= 0 && parallelism <= 100_000) return;
          throw ApplicationFailure.nonRetryable(
            `setParallelism takes a whole number from 0 to 100000, not ${JSON.stringify(parallelism)}.`,
            'InvalidInput',
          );
        },
      },
    );
  }

  /** What was asked for since the workflow began, or what the run has otherwise. */
  orElse(parallelism: number): number {
    return this.wanted ?? parallelism;
  }

  /** From now on changes go to this run, which started with the given parallelism. */
  async attach(handle: ChildWorkflowHandle<Workflow>, startedWith: number): Promise<void> {
    this.handle = handle;
    if (this.wanted !== undefined && this.wanted !== startedWith) await passOn(handle, this.wanted);
  }
}

/** Runs a root workflow's body; what it throws reaches people without Temporal's wrappers. */
export async function asRoot<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw isCancellation(error) ? error : unwrapped(error);
  }
}
