import { setCurrentDetails, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import type { PartName, PartReport, Progress, Timing } from './contract.js';
import { partReport } from './parts.js';
import { detailsText, failedKey, progressQuery, stageKey, tableHead } from './progressBoard.js';

const nothing: Progress = {
  stage: '',
  pass: 0,
  passes: 0,
  tasks: { done: 0, running: 0, failed: 0, total: 0 },
  bytes: { done: 0, total: 0 },
  bytesPerSecond: 0,
  etaSeconds: null,
};

/** Temporal keeps 20,000 bytes of details, for all parts together. */
const noteLength = 2000;

/** How a part has ended. */
type End = 'done' | 'failed';

/** What a pipeline knows of its parts: shown by query, details and search attributes. */
export class PipelineBoard {
  private stage = 'admit';
  /** A line about the stage, then about the dump. */
  private note = '';
  private timing: Timing | undefined;
  private readonly reports = new Map<PartName, PartReport>();
  private readonly ends = new Map<PartName, { readonly end: End; readonly note: string }>();
  private shownFailed = 0;
  private shownStage = '';

  constructor() {
    setHandler(progressQuery, () => this.progress(), {
      description: 'Stage, and for each part: stage, pass, tasks done / running / failed / total, bytes, seconds left.',
    });
    setHandler(
      partReport,
      (report) => {
        // What a part has sent last may come after its end.
        if (this.ends.has(report.part)) return;
        this.reports.set(report.part, report);
        this.show();
      },
      { description: 'Internal: a part of the pipeline got on.' },
    );
    this.show();
  }

  /** From now on the cluster's search attributes may be set. */
  use(timing: Timing): void {
    this.timing = timing;
  }

  /** Before and after the parts: `wait`, `describe`, `done`. @param note for people, shown from now on */
  enter(stage: string, note: string): void {
    this.stage = stage;
    this.note = note;
    this.show();
  }

  /** The parts are at work from now on. */
  begin(parts: readonly PartName[], note: string): void {
    for (const part of parts) {
      this.reports.set(part, {
        part,
        progress: { ...nothing, stage: 'admit' },
        details: { current: emptyRow('admit'), finished: [], failures: [], warnings: [] },
      });
    }
    this.enter('run', note);
  }

  /** @param note where its output is, or why it failed */
  end(part: PartName, end: End, note: string): void {
    this.ends.set(part, { end, note });
    const { progress, details } = this.reports.get(part)!;
    this.reports.set(part, {
      part,
      progress: { ...progress, stage: end },
      details: { ...details, current: emptyRow(end) },
    });
    this.show();
  }

  /** Counts failed tasks as not yet done; says how many there were. */
  requeue(): number {
    let requeued = 0;
    for (const report of this.open) {
      const { part, progress } = report;
      requeued += progress.tasks.failed;
      this.reports.set(part, { ...report, progress: { ...progress, tasks: { ...progress.tasks, failed: 0 } } });
    }
    this.show();
    return requeued;
  }

  private get open(): PartReport[] {
    return [...this.reports.values()].filter(({ part }) => !this.ends.has(part));
  }

  private progress(): Progress {
    if (this.reports.size === 0) return { ...nothing, stage: this.stage };
    const all = [...this.reports.values()].map(({ progress }) => progress);
    const sum = (of: (progress: Progress) => number): number => all.reduce((total, one) => total + of(one), 0);
    const etas = this.open.map(({ progress }) => progress.etaSeconds);
    return {
      stage:
        this.stage === 'run'
          ? this.open.map(({ part, progress }) => `${part}: ${progress.stage}`).join('; ')
          : this.stage,
      pass: sum(({ pass }) => pass),
      passes: sum(({ passes }) => passes),
      tasks: {
        done: sum(({ tasks }) => tasks.done),
        running: sum(({ tasks }) => tasks.running),
        failed: sum(({ tasks }) => tasks.failed),
        total: sum(({ tasks }) => tasks.total),
      },
      bytes: { done: sum(({ bytes }) => bytes.done), total: sum(({ bytes }) => bytes.total) },
      bytesPerSecond: sum(({ bytesPerSecond }) => bytesPerSecond),
      etaSeconds: etas.length === 0 || etas.includes(null) ? null : Math.max(...etas.map(Number)),
      parts: Object.fromEntries([...this.reports.values()].map(({ part, progress }) => [part, progress])),
    };
  }

  private show(): void {
    this.setSearchAttributes();
    const reports = [...this.reports.values()];
    if (reports.length === 0) {
      setCurrentDetails([this.stage, '', this.note].join('\n'));
      return;
    }
    const current = reports.map(({ part, details }) => `| ${part} ${details.current}`);
    const finished = reports.flatMap(({ part, details }) => details.finished.map((row) => `| ${part} ${row}`));
    const ends = [...this.ends].flatMap(([part, { end, note }]) => [
      '',
      `**${part} ${end}**: ${note.slice(0, noteLength)}`,
    ]);
    const failures = this.open.flatMap(({ part, details }) => titled(part, details.failures));
    const warnings = reports.flatMap(({ part, details }) => titled(part, details.warnings));
    const head = ['part', ...tableHead];
    setCurrentDetails(detailsText(head, current, [...ends, ...failures], finished, ['', this.note, ...warnings]));
  }

  private setSearchAttributes(): void {
    if (!this.timing?.searchAttributes) return;
    const stage = this.stage === 'run' ? this.open.map(({ part }) => part).join(' and ') : this.stage;
    if (stage !== '' && stage !== this.shownStage) {
      this.shownStage = stage;
      upsertSearchAttributes([{ key: stageKey, value: stage }]);
    }
    const { failed } = this.progress().tasks;
    if (failed === this.shownFailed) return;
    this.shownFailed = failed;
    upsertSearchAttributes([{ key: failedKey, value: failed }]);
  }
}

/** A row for a stage without tasks. */
function emptyRow(stage: string): string {
  return `| ${[stage, ...tableHead.slice(1).map(() => '')].join(' | ')} |`;
}

function titled(part: PartName, lines: readonly string[]): string[] {
  return lines.length > 0 ? ['', `**${part}**`, ...lines] : [];
}
