import { defineSignal, getExternalWorkflowHandle, workflowInfo } from '@temporalio/workflow';
import type { PartOf, PartReport, Progress, RunDetails } from './contract.js';

export const partReport = defineSignal<[PartReport]>('part');

/** Reports of tasks done in one stage, and of failed tasks in all: each is a few events of the pipeline's history. */
const stageReports = 20;
const failureReports = 20;
/** Milliseconds between two reports of tasks done. */
const reportInterval = 1000;
/** Temporal keeps 20,000 bytes of details, for all parts together. */
const notesLength = 3000;

/** What a workflow was given as the part of a pipeline, if a pipeline has started it and nobody else. */
export function asPart(given: PartOf | undefined): PartOf | undefined {
  const { parent } = workflowInfo();
  return parent !== undefined && given?.pipeline === parent.workflowId ? given : undefined;
}

/** Tells a part's progress to its pipeline: every stage, and a bounded number of times in between. */
export class PartReporter {
  private told: Progress | undefined;
  private toldAt = -Infinity;
  private failures = failureReports;
  /** The newest report that is still to be sent. */
  private next: PartReport | undefined;
  private sending: Promise<void> | undefined;

  constructor(private readonly to: PartOf) {}

  /** Sends a report where one is due. */
  tell(progress: Progress, details: RunDetails): void {
    if (!this.isDue(progress)) return;
    this.told = progress;
    this.toldAt = Date.now();
    const [failures, warnings] = [withinLength(details.failures), withinLength(details.warnings)];
    this.next = { part: this.to.part, progress, details: { ...details, failures, warnings } };
    this.sending ??= this.send();
  }

  private isDue({ stage, pass, dataset, tasks }: Progress): boolean {
    const { told } = this;
    if (!told || stage !== told.stage || pass !== told.pass || dataset !== told.dataset) return true;
    const ended = tasks.done + tasks.failed;
    if (ended === tasks.total && ended !== told.tasks.done + told.tasks.failed) return true;
    if (tasks.failed !== told.tasks.failed && this.failures-- > 0) return true;
    const enough = tasks.done - told.tasks.done >= tasks.total / stageReports;
    return tasks.done > told.tasks.done && enough && Date.now() - this.toldAt >= reportInterval;
  }

  /** One report at a time, for signals that are under way together may arrive in any order. */
  private async send(): Promise<void> {
    const target = getExternalWorkflowHandle(this.to.pipeline);
    while (this.next) {
      const report = this.next;
      this.next = undefined;
      // A pipeline that is gone shows nothing; its parts are then ended with it.
      await target.signal(partReport, report).catch(() => undefined);
    }
    this.sending = undefined;
  }
}

function withinLength(notes: readonly string[]): string[] {
  let length = 0;
  return notes.filter((line) => (length += line.length) <= notesLength);
}
