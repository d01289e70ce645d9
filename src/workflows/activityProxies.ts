import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.js';

/**
 * Transient failures are retried for about a quarter of an hour (the pauses add up to 17 minutes), which outlasts a
 * restart of S3 or of the workers; what cannot be mended by waiting is raised as non-retryable by the activity.
 */
const retry = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s', maximumAttempts: 40 } as const;

/** Activities that answer at once: they read the cluster's state, not data. */
export const quick = proxyActivities<Activities>({ startToCloseTimeout: '1 minute', retry });

/**
 * Activities that work on data, however long it takes; a lost one is noticed by its heartbeat.
 * @param heartbeatTimeout milliseconds
 */
export function working(heartbeatTimeout: number): typeof quick {
  return proxyActivities<Activities>({ startToCloseTimeout: '7 days', heartbeatTimeout, retry });
}

/**
 * Activities that look for something until it is there. Temporal repeats them: the history does not grow, and the web UI
 * shows what is looked for.
 * @param hours after which they fail
 */
export function waiting(hours: number): typeof quick {
  return proxyActivities<Activities>({
    startToCloseTimeout: '1 minute',
    scheduleToCloseTimeout: Math.ceil(hours * 3_600_000),
    retry: { initialInterval: '2s', backoffCoefficient: 1.5, maximumInterval: '1 minute' },
  });
}

/**
 * Slots of the workers that poll now. A local activity: asked for often, it must neither wait for a slot nor take one
 * from the data.
 */
export const { countSlots } = proxyLocalActivities<Activities>({
  startToCloseTimeout: '5 seconds',
  retry: { maximumAttempts: 1 },
  summary: 'count the slots of the workers',
});
