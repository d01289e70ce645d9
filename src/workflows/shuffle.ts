import { getExternalWorkflowHandle, workflowInfo } from '@temporalio/workflow';
import type { ChildWorkflowHandle } from '@temporalio/workflow';
import type { ShuffleAgenda } from '../activities/shuffle.js';
import type { AlignedResult, ShuffleResult } from '../shuffle/commit.js';
import type { ShuffleInput } from '../shuffle/input.js';
import { countSlots, quick, working } from './activityProxies.js';
import { inTurn, ownTurn } from './aligned.js';
import type { DatasetTurn, PartOf, StageReport, Timing, Totals } from './contract.js';
import { startHolder } from './children.js';
import { asRoot } from './failures.js';
import { startPass } from './fanOut.js';
import { sumTotals } from './group.js';
import { asPart } from './parts.js';
import { ProgressBoard, stageReport } from './progressBoard.js';
import { againSummary, Repairs } from './repairs.js';
import { RootSteering, Steering } from './steering.js';

/** Temporal keeps 400 bytes of a summary. */
const summaryLength = 120;

/**
 * Shuffles a dataset: input and result are described in docs/formats.md. The work is done by a child whose id belongs
 * to the output, so that two shuffles never work on one output.
 */
export async function shuffle(input: unknown, given?: PartOf): Promise<ShuffleResult | AlignedResult> {
  const partOf = asPart(given);
  const board = new ProgressBoard(partOf);
  const root = new RootSteering(() => board.requeue(), partOf);
  return asRoot(async () => {
    const {
      input: parsed,
      locks,
      timing,
      ...admission
    } = await quick.admitShuffle.executeWithOptions({ summary: 'check the input' }, [input]);
    board.use(timing, parsed.onFailure);
    const hold = (
      index: number,
      shuffle: ShuffleInput,
      how: Pick<ShuffleRunInput, 'parallelism' | 'turn' | 'rows'>,
    ): Promise<ChildWorkflowHandle<typeof shuffleRun>> =>
      startHolder(shuffleRun, {
        workflowId: locks[index]!,
        args: [{ input: shuffle, timing, root: workflowInfo().workflowId, ...how }],
        summary: `${[shuffle.input].flat().join(', ')} → ${shuffle.output}`.slice(0, summaryLength),
      });
    const steering = root.begin(admission.parallelism);
    if (parsed.parallelism === undefined) root.follow(countSlots);
    let result: ShuffleResult | AlignedResult;
    if (parsed.aligned === undefined) {
      result = await steering.run((parallelism) => hold(0, parsed, { parallelism }));
    } else {
      board.enter({ stage: 'prepare', pass: 0, passes: 0, tasks: 0, bytes: 0 });
      const { rows, shuffles } = await working(timing.heartbeatTimeout).alignShuffles.executeWithOptions(
        { summary: 'check all datasets and outputs' },
        [parsed],
      );
      const datasets = shuffles.length;
      const aligned = await inTurn(steering, datasets, (index) =>
        hold(index, shuffles[index]!, { parallelism: 0, turn: { dataset: index + 1, datasets }, rows }),
      );
      result = { format: 'riffle.shuffle-result/1', aligned };
    }
    board.enter({ stage: 'done', pass: 0, passes: 0, tasks: 0, bytes: 0 });
    return result;
  });
}

export interface ShuffleRunInput {
  readonly input: ShuffleInput;
  /** Tasks at once; a run that waits for its turn is told then. */
  readonly parallelism: number;
  readonly timing: Timing;
  /** Workflow that shows the progress. */
  readonly root: string;
  /** Of aligned datasets: which this is. The run holds its output and waits until it may begin. */
  readonly turn?: DatasetTurn;
  /** Of aligned datasets: how many rows each had when all were checked. */
  readonly rows?: number;
}

/** The work of one shuffle: prepare, pass after pass, commit. */
export async function shuffleRun({
  input,
  timing,
  root,
  turn,
  rows,
  ...given
}: ShuffleRunInput): Promise<ShuffleResult> {
  const steering = Steering.bySignal(turn ? await ownTurn() : given.parallelism);
  const activities = working(timing.heartbeatTimeout);
  const tell = async (report: StageReport): Promise<void> => {
    // A root that is gone shows nothing; the run is then terminated with it.
    await getExternalWorkflowHandle(root)
      .signal(stageReport, { ...report, ...turn })
      .catch(() => undefined);
  };

  await tell({ stage: 'prepare', pass: 0, passes: 0, tasks: 0, bytes: 0 });
  const agenda = await activities.prepareShuffle.executeWithOptions({ summary: 'check input and output, plan' }, [
    input,
    // Before a later one of aligned datasets is prepared, others have been moved.
    turn === undefined || turn.dataset === 1,
    rows ?? null,
  ]);
  if (agenda.result) return agenda.result;
  await tell({ stage: 'prepare', pass: 0, passes: 0, tasks: 0, bytes: 0, warnings: agenda.warnings });

  for (let pass = agenda.completedPasses + 1; pass <= agenda.tasks.length; pass++) {
    await tell(stageOf(agenda, pass));
    const before = agenda.done[pass - 1]!;
    const tasks = agenda.tasks[pass - 1]!;
    const totals: Totals[] = [{ ...before, skipped: before.tasks }];
    if (before.tasks < tasks) {
      const now = await steering.run((share) =>
        startPass(`pass-${pass}`, agenda.tasks.length * (turn?.datasets ?? 1), {
          activity: 'runShuffleTask',
          scope: agenda.run,
          label: passLabel(agenda, pass),
          pass,
          tasks,
          doneGroups: before.groups,
          parallelism: share,
          onFailure: input.onFailure,
          timing,
          reportTo: root,
        }),
      );
      totals.push(now);
    }
    await activities.completeShufflePass.executeWithOptions(
      { summary: `${passLabel(agenda, pass)}: account for every record` },
      [agenda.run, pass, sumTotals(totals), input.keepIntermediates],
    );
  }

  await tell({ stage: 'commit', pass: 0, passes: 0, tasks: 0, bytes: 0 });
  const repairs = new Repairs(
    agenda.run,
    (call) => activities.runShuffleTask.executeWithOptions({ summary: againSummary(call) }, [call as never]),
    (_, pass, tasks) =>
      activities.forgetShuffleTasks.executeWithOptions({ summary: 'forget damaged tasks' }, [agenda.run, pass, tasks]),
  );
  const result = await repairs.repairing(() =>
    activities.commitShuffle.executeWithOptions({ summary: 'write dataset.json' }, [agenda.run, agenda.adoptedPlan]),
  );
  if (!input.keepIntermediates) {
    await activities.cleanUpShuffle.executeWithOptions({ summary: 'delete intermediates' }, [agenda.run]);
  }
  return result;
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
    doneBefore: agenda.done[pass - 1]!.tasks,
    bytes: agenda.rows * agenda.recordBytes,
  };
}
