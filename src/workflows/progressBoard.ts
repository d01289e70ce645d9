import {
  defineQuery,
  defineSignal,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { GroupReport, OnFailure, PartOf, Progress, RunDetails, StageReport, Timing } from './contract.js';
import { PartReporter } from './parts.js';

export const progressQuery = defineQuery<Progress>('progress');
export const stageReport = defineSignal<[StageReport]>('stage');
export const groupReport = defineSignal<[GroupReport]>('group');

export const stageKey = defineSearchAttributeKey('RiffleStage', 'KEYWORD');
export const failedKey = defineSearchAttributeKey('RiffleFailedTasks', 'INT');

/** Head of a table of progress. */
export const tableHead = ['stage', 'tasks done', 'running', 'failed', 'bytes', 'rate', 'time'];

/** Failed tasks that are named to people. */
const shownFailures = 5;

/** What a root workflow knows of its run: collected from signals, shown by query, details and search attributes. */
export class ProgressBoard {
  private stage: StageReport = { stage: 'admit', pass: 0, passes: 0, tasks: 0, bytes: 0 };
  private stageStart = Date.now();
  private seen = Date.now();
  private groups = new Map<number, GroupReport>();
  private finishedStages: string[] = [];
  private shownFailed = 0;
  private readonly warnings: string[] = [];
  private timing: Timing | undefined;
  private onFailure: OnFailure = 'fail';
  private readonly pipeline: PartReporter | undefined;

  /** @param partOf the pipeline that is told, too */
  constructor(partOf?: PartOf) {
    this.pipeline = partOf && new PartReporter(partOf);
    setHandler(progressQuery, () => this.progress(), {
      description: 'Stage, pass, tasks done / running / failed / total, bytes, bytes per second, seconds left.',
    });
    setHandler(
      stageReport,
      (report) => {
        this.enter(report);
      },
      { description: 'Internal: the run entered a stage.' },
    );
    setHandler(
      groupReport,
      (report) => {
        if (report.pass !== this.stage.pass) return;
        this.groups.set(report.group, report);
        this.show();
      },
      { description: 'Internal: a group of tasks got on.' },
    );
    this.show();
  }

  /** From now on the cluster's search attributes may be set. @param onFailure what people can do about failed tasks */
  use(timing: Timing, onFailure: OnFailure = 'fail'): void {
    this.timing = timing;
    this.onFailure = onFailure;
  }

  /** Counts failed tasks as not yet done; says how many there were. */
  requeue(): number {
    const { failed } = this.progress().tasks;
    for (const [name, group] of this.groups) this.groups.set(name, { ...group, failed: 0, failures: [] });
    this.show();
    return failed;
  }

  enter(report: StageReport): void {
    this.seen = Date.now();
    if (this.stage.tasks > 0) this.finishedStages.unshift(this.row(`took ${this.seconds().toFixed(1)} s`));
    this.stage = report;
    for (const warning of report.warnings ?? []) this.warnings.push('', `Warning: ${warning}`);
    this.stageStart = Date.now();
    this.groups = new Map();
    if (this.timing?.searchAttributes) upsertSearchAttributes([{ key: stageKey, value: stageName(report) }]);
    this.show();
  }

  private progress(): Progress {
    let [done, running, failed] = [this.stage.doneBefore ?? 0, 0, 0];
    for (const group of this.groups.values()) {
      done += group.done;
      running += group.running;
      failed += group.failed;
    }
    const { stage, pass, passes, tasks, bytes, dataset = 1, datasets = 1 } = this.stage;
    const share = tasks > 0 ? done / tasks : 0;
    // Work that an earlier execution did says nothing of how fast this one is.
    const fresh = tasks > 0 ? (done - (this.stage.doneBefore ?? 0)) / tasks : 0;
    const left = passes * (datasets - dataset + 1) - pass + 1 - share;
    const seconds = this.seconds();
    return {
      ...(datasets > 1 ? { dataset, datasets } : {}),
      stage,
      pass,
      passes,
      tasks: { done, running, failed, total: tasks },
      bytes: { done: Math.round(bytes * share), total: bytes },
      bytesPerSecond: seconds > 0 ? Math.round((bytes * fresh) / seconds) : 0,
      etaSeconds: fresh > 0 ? Math.max(0, Math.round((seconds * left) / fresh)) : null,
    };
  }

  private show(): void {
    this.seen = Date.now();
    const { tasks } = this.progress();
    if (this.timing?.searchAttributes && tasks.failed !== this.shownFailed) {
      this.shownFailed = tasks.failed;
      upsertSearchAttributes([{ key: failedKey, value: tasks.failed }]);
    }
    const progress = this.progress();
    const { etaSeconds } = progress;
    const details: RunDetails = {
      current: this.row(etaSeconds === null ? '' : `about ${etaSeconds} s left`),
      finished: this.finishedStages,
      failures: this.failures(),
      warnings: this.warnings,
    };
    const { current, finished, failures, warnings } = details;
    setCurrentDetails(detailsText(tableHead, [current], failures, finished, warnings));
    this.pipeline?.tell(progress, details);
  }

  /** Which tasks have failed, why, and what to do, for people. */
  private failures(): string[] {
    const { failed, done, total } = this.progress().tasks;
    if (failed === 0) return [];
    const known = [...this.groups.values()].flatMap(({ failures }) => failures).slice(0, shownFailures);
    const rest = failed > known.length ? ['', `… and ${failed - known.length} more.`] : [];
    const retry = `temporal workflow update execute --workflow-id ${workflowInfo().workflowId} --name retryFailed`;
    const others = done + failed < total ? 'The others go on.' : 'The others are done.';
    const after = this.onFailure === 'wait' ? '' : ' When the others have ended, the workflow fails.';
    return [
      '',
      `**${failed} of ${total} tasks failed.** ${others}${after} Mend the cause, then have them done again: \`${retry}\``,
      ...known.flatMap(({ pass, task, code, message }) => ['', `- task ${task} of pass ${pass}: ${code}: ${message}`]),
      ...rest,
    ];
  }

  /** Seconds from the start of the stage to the last news of it. */
  private seconds(): number {
    return (this.seen - this.stageStart) / 1000;
  }

  private row(time: string): string {
    const { tasks, bytes, bytesPerSecond } = this.progress();
    const cells = [
      stageName(this.stage),
      tasks.total > 0 ? `${tasks.done} of ${tasks.total}` : '',
      // Until a group has told, nobody knows.
      this.groups.size > 0 ? tasks.running : '',
      this.groups.size > 0 ? tasks.failed : '',
      bytes.total > 0 ? `${mebibytes(bytes.done)} of ${mebibytes(bytes.total)} MiB` : '',
      bytesPerSecond > 0 ? `${mebibytes(bytesPerSecond)} MiB/s` : '',
      time,
    ];
    return `| ${cells.join(' | ')} |`;
  }
}

/**
 * Current details of a workflow. What is going on and what has failed come first: the web UI shows the first lines only.
 * @param current, finished rows of tables
 */
export function detailsText(
  head: readonly string[],
  current: readonly string[],
  failures: readonly string[],
  finished: readonly string[],
  notes: readonly string[],
): string {
  const table = (rows: readonly string[]): string[] => [
    `| ${head.join(' | ')} |`,
    `|${' --- |'.repeat(head.length)}`,
    ...rows,
  ];
  const earlier = finished.length > 0 ? ['', ...table(finished)] : [];
  return [...table(current), ...failures, ...earlier, ...notes].join('\n');
}

function stageName({ stage, pass, passes, dataset, datasets }: StageReport): string {
  const name = pass > 0 ? `${stage} (pass ${pass} of ${passes})` : stage;
  return datasets === undefined ? name : `dataset ${dataset} of ${datasets}: ${name}`;
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(1);
}
