import { workflowInfo } from '@temporalio/workflow';
import type { Verdict } from '../verify/verdict.js';
import { countSlots, quick, working } from './activityProxies.js';
import type { VerifyReference } from './contract.js';
import { asRoot } from './failures.js';
import { startPass } from './fanOut.js';
import { ProgressBoard } from './progressBoard.js';
import { againSummary, Repairs } from './repairs.js';
import { RootSteering } from './steering.js';

/** Proves that one dataset is a permutation of another, and tests its order; docs/formats.md describes input and result. */
export async function verify(input: unknown): Promise<Verdict> {
  const board = new ProgressBoard();
  const root = new RootSteering(() => board.requeue());
  return asRoot(async () => {
    const {
      input: places,
      timing,
      ...admission
    } = await quick.admitVerify.executeWithOptions({ summary: 'check the input' }, [input]);
    board.use(timing);
    const activities = working(timing.heartbeatTimeout);
    board.enter({ stage: 'prepare', pass: 0, passes: 0, tasks: 0, bytes: 0 });
    const { tasks, bytes, datasets } = await activities.prepareVerify.executeWithOptions(
      { summary: 'open both datasets' },
      [places],
    );
    board.enter({ stage: 'read', pass: 1, passes: 1, tasks, bytes });
    const scope: VerifyReference = { ...places, datasets };
    const steering = root.begin(admission.parallelism);
    root.follow(countSlots);
    await steering.run((parallelism) =>
      startPass('read', 1, {
        activity: 'runVerifyTask',
        scope,
        label: 'read both datasets',
        pass: 1,
        tasks,
        doneGroups: '',
        parallelism,
        onFailure: 'fail',
        timing,
        reportTo: workflowInfo().workflowId,
      }),
    );
    board.enter({ stage: 'judge', pass: 0, passes: 0, tasks: 0, bytes: 0 });
    const repairs = new Repairs(scope, (call) =>
      activities.runVerifyTask.executeWithOptions({ summary: againSummary(call) }, [call as never]),
    );
    const verdict = await repairs.repairing(() =>
      activities.judgeVerify.executeWithOptions({ summary: 'compare, and test the order' }, [scope]),
    );
    await activities.cleanUpVerify.executeWithOptions({ summary: 'delete what the tasks found' }, [scope]);
    // People search for it: a verification that rejects an output completes like others.
    board.enter({ stage: verdict.ok ? 'done' : 'rejected', pass: 0, passes: 0, tasks: 0, bytes: 0 });
    return verdict;
  });
}
