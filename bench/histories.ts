import type { Client } from '@temporalio/client';

/** What one execution left behind in Temporal. */
export interface HistoryFigures {
  readonly workflowId: string;
  readonly type: string;
  readonly events: number;
  /** Tasks of a shuffle that it scheduled. */
  readonly tasks: number;
  readonly workflowTasks: number;
  /** Bytes of the largest payload in any of its events. */
  readonly largestPayload: number;
}

/** Walks the histories of all executions in the namespace, event after event, with their payloads as they are stored. */
export async function allHistories(client: Client): Promise<HistoryFigures[]> {
  const figures: HistoryFigures[] = [];
  for await (const { workflowId, runId, type } of client.workflow.list()) {
    let [events, tasks, workflowTasks, largestPayload] = [0, 0, 0, 0];
    let nextPageToken: Uint8Array | undefined;
    do {
      const page = await client.workflowService.getWorkflowExecutionHistory({
        namespace: client.options.namespace,
        execution: { workflowId, runId },
        nextPageToken,
      });
      for (const event of page.history?.events ?? []) {
        events++;
        if (event.activityTaskScheduledEventAttributes?.activityType?.name === 'runShuffleTask') tasks++;
        if (event.workflowTaskScheduledEventAttributes) workflowTasks++;
        largestPayload = Math.max(largestPayload, largestPayloadIn(event));
      }
      nextPageToken = page.nextPageToken?.length ? page.nextPageToken : undefined;
    } while (nextPageToken);
    figures.push({ workflowId, type, events, tasks, workflowTasks, largestPayload });
  }
  return figures;
}

/** Bytes of the largest payload (data and metadata) anywhere in a decoded message. */
function largestPayloadIn(message: unknown): number {
  if (typeof message !== 'object' || message === null || message instanceof Uint8Array) return 0;
  const { data, metadata } = message as { data?: unknown; metadata?: unknown };
  if (data instanceof Uint8Array) return data.length + metadataBytes(metadata);
  return Math.max(0, ...Object.values(message).map(largestPayloadIn));
}

function metadataBytes(metadata: unknown): number {
  const entries = Object.entries((metadata ?? {}) as Record<string, Uint8Array>);
  return entries.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + value.length, 0);
}

/** Watches the open executions until it is stopped. */
export class PendingActivities {
  /** The most that one execution was seen to have. */
  most = 0;
  private readonly timer: NodeJS.Timeout;
  private looking: Promise<void> | undefined;

  constructor(private readonly client: Client) {
    this.timer = setInterval(() => {
      this.looking ??= this.look()
        // An execution may close between the list and the look at it.
        .catch(() => undefined)
        .finally(() => (this.looking = undefined));
    }, 5000);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  private async look(): Promise<void> {
    for await (const { workflowId } of this.client.workflow.list({ query: 'ExecutionStatus = "Running"' })) {
      const { raw } = await this.client.workflow.getHandle(workflowId).describe();
      this.most = Math.max(this.most, raw.pendingActivities?.length ?? 0);
    }
  }
}
