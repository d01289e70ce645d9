/** Types that workflows share with activities and clients. Payloads hold ids and counts only; the plan is in S3. */

import type { SourceUris } from '../visualize/sources.js';

/** The task queue on which all workflow types run. */
export const taskQueue = 'riffle';

/** A shuffle whose plan is stored. */
export interface RunReference {
  /** S3 URIs of the input datasets, in their order. */
  readonly inputs: readonly string[];
  /** S3 URI of the output prefix, where plan.json lies. */
  readonly output: string;
  /** Plan digest. */
  readonly plan: string;
  /** How many plans the output has; this is the newest. */
  readonly plans: number;
}

/** A visualize run whose plan is stored. */
export interface VisualizeReference {
  /** Where its sources lie. */
  readonly uris: SourceUris;
  /** S3 URI of the output prefix, where plan.json lies. */
  readonly output: string;
  /** Plan digest. */
  readonly plan: string;
}

/** Tasks of a pass that were done before the run began. */
export interface DoneTasks {
  /** Their groups, as `encodeSet` writes them. */
  readonly groups: string;
  readonly tasks: number;
  readonly records: number;
  readonly digest: string;
}

/** A verification of two datasets as they are now. */
export interface VerifyReference {
  readonly input: string | readonly string[];
  readonly output: string;
  /** Digest of what the datasets are. */
  readonly datasets: string;
}

/** One call of a task activity. `scope` is what all tasks of the run have in common. */
export interface TaskCall<Scope = unknown> {
  readonly scope: Scope;
  readonly pass: number;
  readonly task: number;
  /** Do it again although its checkpoint says that it is done. */
  readonly redo: boolean;
}

/** What a task did. */
export interface TaskOutcome {
  readonly records: number;
  /** Multiset digest of the records, hex. */
  readonly digest: string;
  /** Whether its checkpoint said that it was done already. */
  readonly skipped: boolean;
}

/** What a range of tasks did together. */
export interface Totals {
  readonly tasks: number;
  readonly skipped: number;
  readonly records: number;
  readonly digest: string;
  /** Key of the group manifest, where the range is one group that has one; relative to the output prefix. */
  readonly manifest?: string;
}

/** A task that failed for good. */
export interface TaskFailure {
  readonly pass: number;
  readonly task: number;
  readonly code: string;
  readonly message: string;
}

/** Timing that depends on the cluster, decided by the worker that admits a run. */
export interface Timing {
  /** Milliseconds without a heartbeat after which an attempt counts as lost. */
  readonly heartbeatTimeout: number;
  /** Whether the namespace knows riffle's search attributes. */
  readonly searchAttributes: boolean;
  /** Events that a history may have; a group of tasks that would need more continues as a new execution. */
  readonly historyEvents: number;
}

/** What a run does when tasks have failed for good and the others of their pass have ended. */
export type OnFailure = 'fail' | 'wait';

/** Which of several datasets is at work; they take turns. */
export interface DatasetTurn {
  /** From 1. */
  readonly dataset: number;
  readonly datasets: number;
}

/** A part of a pipeline: a workflow that people could have started by itself. */
export type PartName = 'shuffle' | 'visualize';

/** Given to a workflow that a pipeline starts: it is steered from there, and tells its progress. */
export interface PartOf {
  /** Workflow id of the pipeline. */
  readonly pipeline: string;
  readonly part: PartName;
  /** Tasks at once, at first. */
  readonly parallelism: number;
}

/** What people read of a run, as lines of Markdown. */
export interface RunDetails {
  /** Row of a table: the current stage. */
  readonly current: string;
  /** Rows of the stages before it, the last one first. */
  readonly finished: readonly string[];
  /** Which tasks have failed, why, and what to do. */
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
}

/** Sent by a part to its pipeline. */
export interface PartReport {
  readonly part: PartName;
  readonly progress: Progress;
  readonly details: RunDetails;
}

/** What the query `progress` answers. `dataset` and `datasets` are there only where there are several. */
export interface Progress extends Partial<DatasetTurn> {
  readonly stage: string;
  /** 0 before the first pass. */
  readonly pass: number;
  readonly passes: number;
  readonly tasks: { readonly done: number; readonly running: number; readonly failed: number; readonly total: number };
  readonly bytes: { readonly done: number; readonly total: number };
  /** Mean of the pass so far. */
  readonly bytesPerSecond: number;
  /** Null while it cannot be told. */
  readonly etaSeconds: number | null;
  /** Only of a pipeline, whose other fields are the sums of these. */
  readonly parts?: Readonly<Partial<Record<PartName, Progress>>>;
}

/** Sent to the root workflow when a run enters a stage. */
export interface StageReport extends Partial<DatasetTurn> {
  readonly stage: string;
  readonly pass: number;
  readonly passes: number;
  readonly tasks: number;
  /** Tasks of them that were done before the run began. */
  readonly doneBefore?: number;
  /** Bytes of records that the pass moves. */
  readonly bytes: number;
  /** New warnings for people. */
  readonly warnings?: readonly string[];
}

/** Sent by a group of tasks to the workflow that shows the progress, or sums it up, a few times in its life. */
export interface GroupReport {
  readonly pass: number;
  /** First task of the group, which names it. */
  readonly group: number;
  readonly done: number;
  readonly running: number;
  readonly failed: number;
  /** A few of those that failed. */
  readonly failures: readonly TaskFailure[];
}
