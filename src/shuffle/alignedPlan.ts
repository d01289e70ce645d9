import { jsonDigest } from '../json.js';
import type { PassSummary, PlanSummary } from './planSummary.js';
import { addRequests } from './requests.js';

/** A pass of one of several aligned datasets. */
export interface AlignedPass extends PassSummary {
  /** From 1, in the order of the input. */
  readonly dataset: number;
}

type Summed = 'requests' | 'hours' | 'dollars' | 'gibibyteHours';

/**
 * What `riffle plan` prints of aligned datasets, which are shuffled one after the other: what is true of all of them.
 * Each may be cheapest on a fleet of its own, so fleets and alternatives stand in `aligned` only.
 */
export interface AlignedPlan extends Pick<
  PlanSummary,
  | 'format'
  | 'layout'
  | 'plan'
  | 'rows'
  | 'recordBytes'
  | 'outputShards'
  | 'memory'
  | 'uniformityBound'
  | 'warnings'
  | Summed
> {
  readonly aligned: readonly PlanSummary[];
  readonly passes: readonly AlignedPass[];
  readonly peakMemoryBytes: number;
  /** What one has written for the time being is deleted before the next begins. */
  readonly peakTemporaryBytes: number;
}

/** @param aligned in the order of the input */
export function alignedPlan(aligned: readonly PlanSummary[]): AlignedPlan {
  const [first] = aligned;
  if (!first) throw new RangeError('No datasets to plan for');
  const { format, rows, outputShards, memory, uniformityBound } = first;
  const sum = (of: (plan: PlanSummary) => number): number => aligned.reduce((total, plan) => total + of(plan), 0);
  const most = (of: (plan: PlanSummary) => number): number => Math.max(...aligned.map(of));
  const recordBytes = sum((plan) => plan.recordBytes);
  const total = sum(({ dollars }) => dollars.total);
  return {
    format,
    aligned,
    layout: jsonDigest(aligned.map(({ layout }) => layout)),
    plan: jsonDigest(aligned.map(({ plan }) => plan)),
    rows,
    recordBytes,
    outputShards,
    memory,
    passes: aligned.flatMap(({ passes }, index) => passes.map((pass) => ({ dataset: index + 1, ...pass }))),
    peakMemoryBytes: most((plan) => plan.peakMemoryBytes),
    peakTemporaryBytes: most((plan) => plan.peakTemporaryBytes),
    requests: {
      ...addRequests(...aligned.map(({ requests: { exact: _, ...requests } }) => requests)),
      exact: aligned.every(({ requests }) => requests.exact),
    },
    hours: sum(({ hours }) => hours),
    dollars: {
      compute: sum(({ dollars }) => dollars.compute),
      get: sum(({ dollars }) => dollars.get),
      put: sum(({ dollars }) => dollars.put),
      storage: sum(({ dollars }) => dollars.storage),
      total,
      perTerabyte: (total / (rows * recordBytes)) * 1e12,
    },
    gibibyteHours: sum((plan) => plan.gibibyteHours),
    uniformityBound,
    warnings: [...new Set(aligned.flatMap(({ warnings }) => warnings))],
  };
}
