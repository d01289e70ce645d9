import { getExternalWorkflowHandle } from '@temporalio/workflow';
import type { GroupReport } from './contract.js';
import { groupReport } from './progressBoard.js';

/** Reports of failures that a group sends besides the others, so that they are seen before it has ended. */
const failureReports = 5;

/** Milliseconds between two reports of progress: nobody sees more, and each is a step of two workflows. */
const reportInterval = 1000;

/** Tells a group's progress to the workflow that shows it: a bounded number of times, more where tasks fail. */
export class Reporter {
  private sent = 0;
  private sentAt = -Infinity;
  private shownFailed = 0;
  private extra = failureReports;
  /** The newest report that is still to be sent. */
  private next: GroupReport | undefined;
  private sending: Promise<void> | undefined;

  /**
   * @param target id of the workflow that shows it, or sums it up
   * @param tasks tasks of the group
   * @param reports how many times it tells, the last time when all tasks have ended
   */
  constructor(
    private readonly target: string,
    private readonly tasks: number,
    private readonly reports: number,
  ) {}

  /** Sends a report where one is due. @param settled whether nothing is running or waiting to be started */
  tell(report: GroupReport, settled: boolean): Promise<void> | undefined {
    const ended = report.done + report.failed;
    const reached = ended >= Math.ceil((this.tasks * (this.sent + 1)) / this.reports);
    const due = reached && (ended === this.tasks || Date.now() - this.sentAt >= reportInterval);
    const changed = report.failed !== this.shownFailed;
    const urgent = changed && (settled || report.failed === 0 || this.extra > 0);
    if (!due && !urgent) return undefined;
    if (!due) this.extra--;
    this.sent = Math.floor((ended * this.reports) / this.tasks);
    this.sentAt = Date.now();
    this.shownFailed = report.failed;
    this.next = report;
    return (this.sending ??= this.send());
  }

  /** One report at a time, for signals that are under way together may arrive in any order. */
  private async send(): Promise<void> {
    const target = getExternalWorkflowHandle(this.target);
    while (this.next) {
      const report = this.next;
      this.next = undefined;
      // Nobody looks at the progress of a root that is gone; the work goes on or is cancelled by other means.
      await target.signal(groupReport, report).catch(() => undefined);
    }
    this.sending = undefined;
  }
}
