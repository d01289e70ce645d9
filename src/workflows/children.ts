import { ChildWorkflowCancellationType, sleep, startChild } from '@temporalio/workflow';
import type { ChildWorkflowHandle, Workflow } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { quick } from './activityProxies.js';
import { failure } from './failures.js';

/** How long a workflow that is being closed may keep its id, seconds. */
const patience = 60;

export interface ChildOptions<T extends Workflow> {
  readonly workflowId: string;
  readonly args: Parameters<T>;
  /** One line for people. */
  readonly summary: string;
}

/**
 * Starts a child whose id may still be taken by one of an earlier execution: Temporal ends the children of a terminated
 * workflow a little later than the workflow.
 * @param onTaken called every second while the id is taken, with the seconds waited; throws to give up
 */
export async function startWhenFree<T extends Workflow>(
  type: T,
  { workflowId, args, summary }: ChildOptions<T>,
  onTaken: (waited: number) => Promise<void> | void = (waited) => giveUp(workflowId, waited),
): Promise<ChildWorkflowHandle<T>> {
  for (let waited = 0; ; waited++) {
    try {
      return await startChild<Workflow>(type, {
        workflowId,
        args,
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        staticSummary: summary,
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    await onTaken(waited);
    await sleep('1 second');
  }
}

/**
 * Starts the run that holds an output: one at a time, whoever asks.
 * @throws ApplicationFailure OutputBusy when another root is at work on the output
 */
export async function startHolder<T extends Workflow>(
  type: T,
  options: ChildOptions<T>,
): Promise<ChildWorkflowHandle<T>> {
  const lock = options.workflowId;
  return startWhenFree(type, options, async (waited) => {
    const holder = await quick.findHolder.executeWithOptions({ summary: 'who works on this output?' }, [lock]);
    if (!holder?.open && waited < patience) return;
    const name = holder?.workflowId ?? lock;
    throw failure(
      'OutputBusy',
      `Workflow ${name} is already at work on this output. Wait for it ` +
        `(temporal workflow result --workflow-id ${name}), or cancel it first.`,
      { holder: name, refused: true },
    );
  });
}

function giveUp(workflowId: string, waited: number): void {
  if (waited < patience) return;
  throw failure('OutputBusy', `Workflow ${workflowId} of an earlier execution does not end: terminate it.`, {
    holder: workflowId,
  });
}
