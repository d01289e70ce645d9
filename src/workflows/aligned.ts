import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import type { ChildWorkflowHandle, Workflow, WorkflowResultType } from '@temporalio/workflow';
import type { Steering } from './steering.js';

/** Tells a run that holds its output to begin, with so many tasks at once. */
const begin = defineSignal<[number]>('begin');

/** Of a run that may hold its output and wait: how many tasks may run at once, when it is its turn. */
export async function ownTurn(): Promise<number> {
  let parallelism: number | undefined;
  setHandler(begin, (value) => void (parallelism = value), {
    description: 'Internal: the shuffle of this dataset may begin.',
  });
  await condition(() => parallelism !== undefined);
  return parallelism!;
}

/**
 * Carries out several runs, one after the other. The first begins when all outputs are held, so that none is found busy
 * when work has been done already.
 * @param hold starts a run that waits for its turn
 */
export async function inTurn<T extends Workflow>(
  steering: Steering,
  count: number,
  hold: (index: number) => Promise<ChildWorkflowHandle<T>>,
): Promise<WorkflowResultType<T>[]> {
  const held: ChildWorkflowHandle<T>[] = [];
  for (let index = 0; index < count; index++) held.push(await hold(index));
  const results: WorkflowResultType<T>[] = [];
  for (const run of held) {
    const start = async (parallelism: number): Promise<ChildWorkflowHandle<T>> => {
      // One that was ended while it waited says so by its result.
      await run.signal(begin, parallelism).catch(() => undefined);
      return run;
    };
    results.push(await steering.run(start));
  }
  return results;
}
