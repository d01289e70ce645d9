import { getExternalWorkflowHandle, setHandler, workflowInfo } from '@temporalio/workflow';
import type { ChildWorkflowHandle } from '@temporalio/workflow';
import type { ShuffleAgenda } from '../activities/shuffle.js';
import type { ShuffleResult } from '../shuffle/commit.js';
import type { ShuffleInput } from '../shuffle/input.js';
import { quick, working } from './activityProxies.js';
import type { StageReport, Timing, Totals } from './contract.js';
import { startPass } from './fanOut.js';
import type { fanOut } from './fanOut.js';
import { ProgressBoard, stageReport } from './progressBoard.js';
import { Repairs } from './repairs.js';
import { asRoot, ParallelismControl, parallelismSignal, passOn, startHolder } from './rootRun.js';

/**
 * Shuffles a dataset: input and result are described in docs/formats.md. The work is done by a child whose id belongs
 * to the output, so that two shuffles never work on one output.
 */
export async function shuffle(input: unknown): Promise<ShuffleResult> {
  const board = new ProgressBoard();
  const control = new ParallelismControl();
  return asRoot(async () => {
    const { input: parsed, lock, timing, ...admission } = await quick.admitShuffle(input);
    board.use(timing);
    const parallelism = control.orElse(admission.parallelism);
    const run: ShuffleRunInput = { input: parsed, parallelism, timing, root: workflowInfo().workflowId };
    const handle = await startHolder(shuffleRun, lock, `${parsed.input} → ${parsed.output}`, [run]);
    await control.attach(handle, parallelism);
    const result = await handle.result();
    board.enter({ stage: 'done', pass: 0, passes: 0, tasks: 0, bytes: 0 });
    return result;
  });
}

export interface ShuffleRunInput {
  readonly input: ShuffleInput;
  readonly parallelism: number;
  readonly timing: Timing;
  /** Workflow that shows the progress. */
  readonly root: string;
}

/** The work of one shuffle: prepare, pass after pass, commit. */
export async function shuffleRun({ input, timing, root, ...start }: ShuffleRunInput): Promise<ShuffleResult> {
  let parallelism = start.parallelism;
  let passHandle: ChildWorkflowHandle<typeof fanOut> | undefined;
  setHandler(parallelismSignal, async (value) => {
    parallelism = value;
    await passOn(passHandle, value);
  });
  const activities = working(timing.heartbeatTimeout);
  const tell = async (report: StageReport): Promise<void> => {
    // A root that is gone shows nothing; the run is then terminated with it.
    await getExternalWorkflowHandle(root)
      .signal(stageReport, report)
      .catch(() => undefined);
  };

  await tell({ stage: 'prepare', pass: 0, passes: 0, tasks: 0, bytes: 0 });
  const agenda = await activities.prepareShuffle.executeWithOptions({ summary: 'check input and output, plan' }, [
    input,
  ]);
  if (agenda.result) return agenda.result;

  for (let pass = agenda.completedPasses + 1; pass <= agenda.tasks.length; pass++) {
    await tell(stageOf(agenda, pass));
    passHandle = await startPass(`pass-${pass}`, {
      activity: 'runShuffleTask',
      scope: agenda.run,
      label: passLabel(agenda, pass),
      pass,
      tasks: agenda.tasks[pass - 1]!,
      parallelism,
      timing,
      root,
    });
    const totals: Totals = await passHandle.result();
    await activities.completeShufflePass.executeWithOptions(
      { summary: `${passLabel(agenda, pass)}: account for every record` },
      [agenda.run, pass, totals, input.keepIntermediates],
    );
  }

  await tell({ stage: 'commit', pass: 0, passes: 0, tasks: 0, bytes: 0 });
  const repairs = new Repairs(agenda.run, (call) => activities.runShuffleTask(call as never));
  return repairs.repairing(() =>
    activities.commitShuffle.executeWithOptions({ summary: 'write dataset.json, clean up' }, [
      agenda.run,
      agenda.adoptedPlan,
      input.keepIntermediates,
    ]),
  );
}

function isGather(agenda: ShuffleAgenda, pass: number): boolean {
  return pass === agenda.tasks.length;
}

function passLabel(agenda: ShuffleAgenda, pass: number): string {
  return `${isGather(agenda, pass) ? 'gather' : 'scatter'}, pass ${pass} of ${agenda.tasks.length}`;
}

function stageOf(agenda: ShuffleAgenda, pass: number): StageReport {
  return {
    stage: isGather(agenda, pass) ? 'gather' : 'scatter',
    pass,
    passes: agenda.tasks.length,
    tasks: agenda.tasks[pass - 1]!,
    bytes: agenda.rows * agenda.recordBytes,
  };
}
