import { getExternalWorkflowHandle, workflowInfo } from '@temporalio/workflow';
import type { VisualizeAgenda } from '../activities/visualize.js';
import type { VisualizeResult } from '../visualize/commit.js';
import type { VisualizeInput } from '../visualize/input.js';
import { countSlots, quick, working } from './activityProxies.js';
import { startHolder } from './children.js';
import type { PartOf, StageReport, Timing, Totals } from './contract.js';
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
 * Makes the pages of an SAE's features from cached activations: input and result are described in docs/formats.md. The
 * work is done by a child whose id belongs to the output, so that two runs never work on one output.
 */
export async function visualize(input: unknown, given?: PartOf): Promise<VisualizeResult> {
  const partOf = asPart(given);
  const board = new ProgressBoard(partOf);
  const root = new RootSteering(() => board.requeue(), partOf);
  return asRoot(async () => {
    const {
      input: parsed,
      lock,
      timing,
      ...admission
    } = await quick.admitVisualize.executeWithOptions({ summary: 'check the input' }, [input]);
    board.use(timing, parsed.onFailure);
    const steering = root.begin(admission.parallelism);
    if (parsed.parallelism === undefined) root.follow(countSlots);
    const result = await steering.run((parallelism) =>
      startHolder(visualizeRun, {
        workflowId: lock,
        args: [{ input: parsed, parallelism, timing, root: workflowInfo().workflowId }],
        summary: `${parsed.activations} → ${parsed.output}`.slice(0, summaryLength),
      }),
    );
    board.enter({ stage: 'done', pass: 0, passes: 0, tasks: 0, bytes: 0 });
    return result;
  });
}

export interface VisualizeRunInput {
  readonly input: VisualizeInput;
  /** Tasks at once. */
  readonly parallelism: number;
  readonly timing: Timing;
  /** Workflow that shows the progress. */
  readonly root: string;
}

/** The work of one run: prepare, stage after stage, commit. */
export async function visualizeRun({ input, parallelism, timing, root }: VisualizeRunInput): Promise<VisualizeResult> {
  const steering = Steering.bySignal(parallelism);
  const activities = working(timing.heartbeatTimeout);
  const tell = async (report: StageReport): Promise<void> => {
    // A root that is gone shows nothing; the run is then terminated with it.
    await getExternalWorkflowHandle(root)
      .signal(stageReport, report)
      .catch(() => undefined);
  };
  const enter = (stage: string): Promise<void> => tell({ stage, pass: 0, passes: 0, tasks: 0, bytes: 0 });

  await enter('prepare');
  const agenda = await activities.prepareVisualize.executeWithOptions({ summary: 'check input and output, plan' }, [
    input,
  ]);
  if (agenda.result) return agenda.result;
  await tell({ stage: 'prepare', pass: 0, passes: 0, tasks: 0, bytes: 0, warnings: agenda.warnings });

  const { passes } = agenda;
  for (const [index, { pass, tasks, done }] of passes.entries()) {
    await tell(stageOf(agenda, index));
    const totals: Totals[] = [{ ...done, skipped: done.tasks }];
    if (done.tasks < tasks) {
      const now = await steering.run((share) =>
        startPass(`pass-${pass}`, passes.length, {
          activity: 'runVisualizeTask',
          scope: agenda.run,
          label: labelOf(agenda, index),
          pass,
          tasks,
          doneGroups: done.groups,
          parallelism: share,
          onFailure: input.onFailure,
          timing,
          reportTo: root,
        }),
      );
      totals.push(now);
    }
    await activities.completeVisualizePass.executeWithOptions({ summary: `${labelOf(agenda, index)}: close` }, [
      agenda.run,
      pass,
      sumTotals(totals),
    ]);
  }

  await enter('commit');
  const repairs = new Repairs(
    agenda.run,
    (call) => activities.runVisualizeTask.executeWithOptions({ summary: againSummary(call) }, [call as never]),
    (_, pass, tasks) =>
      activities.forgetVisualizeTasks.executeWithOptions({ summary: 'forget damaged tasks' }, [
        agenda.run,
        pass,
        tasks,
      ]),
  );
  const result = await repairs.repairing(() =>
    activities.commitVisualize.executeWithOptions({ summary: 'write table, search index and run.json' }, [
      agenda.run,
      agenda.warnings,
    ]),
  );
  await activities.cleanUpVisualize.executeWithOptions({ summary: 'delete intermediates' }, [agenda.run]);
  return result;
}

function labelOf({ passes }: VisualizeAgenda, index: number): string {
  return `${passes[index]!.name}, stage ${index + 1} of ${passes.length}`;
}

function stageOf({ passes }: VisualizeAgenda, index: number): StageReport {
  const { name, pass, tasks, bytes, done } = passes[index]!;
  return { stage: name, pass, passes: passes.at(-1)!.pass, tasks, doneBefore: done.tasks, bytes };
}
