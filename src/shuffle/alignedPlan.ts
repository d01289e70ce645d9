import type { PlanSummary } from './planSummary.js';

/** What `riffle plan` prints of aligned datasets, which are shuffled one after the other. */
export interface AlignedPlan {
  readonly format: PlanSummary['format'];
  readonly aligned: readonly PlanSummary[];
  /** Of all of them. */
  readonly requests: PlanSummary['requests'];
  readonly peakMemoryBytes: number;
  /** What one has written for the time being is deleted before the next begins. */
  readonly peakTemporaryBytes: number;
}

export function alignedPlan(aligned: readonly PlanSummary[]): AlignedPlan {
  const [first] = aligned;
  if (!first) throw new RangeError('No datasets to plan for');
  const sum = (of: keyof PlanSummary['requests']): number =>
    aligned.reduce((total, { requests }) => total + requests[of], 0);
  return {
    format: first.format,
    aligned,
    requests: { get: sum('get'), put: sum('put'), list: sum('list') },
    peakMemoryBytes: Math.max(...aligned.map(({ peakMemoryBytes }) => peakMemoryBytes)),
    peakTemporaryBytes: Math.max(...aligned.map(({ peakTemporaryBytes }) => peakTemporaryBytes)),
  };
}
