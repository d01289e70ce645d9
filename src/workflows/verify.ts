import { workflowInfo } from '@temporalio/workflow';
import type { Verdict } from '../verify/verdict.js';
import { quick, working } from './activityProxies.js';
import type { VerifyReference } from './contract.js';
import { startPass } from './fanOut.js';
import { ProgressBoard } from './progressBoard.js';
import { Repairs } from './repairs.js';
import { asRoot, ParallelismControl } from './rootRun.js';

/** Proves that one dataset is a permutation of another, and tests its order; docs/formats.md describes input and result. */
export async function verify(input: unknown): Promise<Verdict> {
  const board = new ProgressBoard();
  const control = new ParallelismControl();
  return asRoot(async () => {
    const { input: places, timing, ...admission } = await quick.admitVerify(input);
    board.use(timing);
    const activities = working(timing.heartbeatTimeout);
    board.enter({ stage: 'prepare', pass: 0, passes: 0, tasks: 0, bytes: 0 });
    const { tasks, bytes, datasets } = await activities.prepareVerify(places);
    const parallelism = control.orElse(admission.parallelism);
    board.enter({ stage: 'read', pass: 1, passes: 1, tasks, bytes });
    const scope: VerifyReference = { ...places, datasets };
    const reading = await startPass('read', {
      activity: 'runVerifyTask',
      scope,
      label: 'read both datasets',
      pass: 1,
      tasks,
      parallelism,
      timing,
      root: workflowInfo().workflowId,
    });
    await control.attach(reading, parallelism);
    await reading.result();
    board.enter({ stage: 'judge', pass: 0, passes: 0, tasks: 0, bytes: 0 });
    const repairs = new Repairs(scope, (call) => activities.runVerifyTask(call as never));
    const verdict = await repairs.repairing(() => activities.judgeVerify(places));
    board.enter({ stage: 'done', pass: 0, passes: 0, tasks: 0, bytes: 0 });
    return verdict;
  });
}
