import type { ShuffleResult } from '../shuffle/commit.js';
import type { VisualizeResult } from '../visualize/commit.js';
import type { DumpSummary } from './dump.js';

/** What the workflow `pipeline` returns; a repeated start returns the same. */
export interface PipelineResult extends DumpSummary {
  readonly format: 'riffle.pipeline-result/1';
  readonly dump: string;
  readonly shuffle?: ShuffleResult;
  readonly visualize?: VisualizeResult;
  /** Where to look: the object that stands for the dump, and for each output. */
  readonly links: Readonly<Record<string, string>>;
}
