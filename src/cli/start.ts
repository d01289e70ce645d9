import type { Client, WorkflowHandle } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure, defaultPayloadConverter } from '@temporalio/common';
import { InvalidInput } from '../errors.js';
import { jsonDigest } from '../json.js';
import type { Json } from '../json.js';
import { parseShuffleInput, resourceFields } from '../shuffle/input.js';
import { parseVerifyInput } from '../verify/verifyRun.js';
import { taskQueue } from '../workflows/contract.js';
import { readInputFile } from './inputFile.js';
import { ReportedFailure, say } from './output.js';
import type { Outcome } from './output.js';
import { followProgress } from './progress.js';
import { connectTemporal, workflowPage } from './temporal.js';

/** Checks of each workflow type's input; `resources` do not count for its identity. */
const types: Record<string, { parse: (input: unknown) => object; resources: readonly string[] }> = {
  shuffle: { parse: parseShuffleInput, resources: resourceFields },
  verify: { parse: parseVerifyInput, resources: [] },
};

export interface StartOptions {
  readonly input: string;
  readonly wait?: boolean;
}

/** `riffle start TYPE --input FILE`. */
export async function start(type: string, options: StartOptions): Promise<Outcome> {
  const input = await readInputFile(options.input);
  const client = await connectTemporal();
  try {
    const { handle, workflowId } = await startWorkflow(client, type, input);
    if (options.wait) return await waitFor(client, handle);
    const page = workflowPage(workflowId);
    const json = { workflowId, runId: handle.firstExecutionRunId, ...(page ? { page } : {}) };
    return { json, text: `Started ${workflowId}.${page ? `\n${page}` : ''}` };
  } finally {
    await client.connection.close();
  }
}

/**
 * Starts a workflow under an id that follows from its type and input; one that runs already is joined.
 * @throws InvalidInput
 */
export async function startWorkflow(
  client: Client,
  type: string,
  input: unknown,
): Promise<{ handle: WorkflowHandle & { readonly firstExecutionRunId: string }; workflowId: string }> {
  const known = types[type];
  if (!known) {
    throw new InvalidInput(`${JSON.stringify(type)} is no workflow type: use ${Object.keys(types).join(' or ')}.`);
  }
  const parsed = JSON.parse(JSON.stringify(known.parse(input))) as Record<string, Json>;
  const identity = Object.fromEntries(Object.entries(parsed).filter(([name]) => !known.resources.includes(name)));
  const workflowId = `${type}-${jsonDigest(identity).slice(0, 16)}`;
  const running = await runningInput(client, workflowId);
  const handle = await client.workflow.start(type, {
    taskQueue,
    workflowId,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `${type} ${JSON.stringify(parsed.input)} → ${JSON.stringify(parsed.output)}`.slice(0, 390),
  });
  if (running) sayJoined(workflowId, known.parse(running) as Record<string, unknown>, parsed, known.resources);
  return { handle, workflowId };
}

/** The input of the execution that runs under this id now, if any. */
async function runningInput(client: Client, workflowId: string): Promise<unknown> {
  const handle = client.workflow.getHandle(workflowId);
  const running = await handle.describe().then(
    ({ status }) => status.name === 'RUNNING',
    () => false,
  );
  if (!running) return undefined;
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId },
    maximumPageSize: 1,
  });
  const payload = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  return payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
}

function sayJoined(
  workflowId: string,
  running: Record<string, unknown>,
  wanted: Record<string, unknown>,
  resources: readonly string[],
): void {
  say(`${workflowId} is running already: joined it.`);
  for (const field of resources) {
    if (JSON.stringify(running[field]) === JSON.stringify(wanted[field])) continue;
    say(`  ${field} is ${JSON.stringify(running[field])} there, not ${JSON.stringify(wanted[field])} as asked here.`);
  }
}

/** Waits for a workflow, with its progress on stderr. */
async function waitFor(client: Client, handle: WorkflowHandle): Promise<Outcome> {
  await warnWithoutWorkers(client);
  const page = workflowPage(handle.workflowId);
  if (page) say(page);
  const follow = followProgress(handle);
  try {
    const result: unknown = await handle.result();
    const failed = (result as { ok?: boolean }).ok === false;
    return { json: result, text: JSON.stringify(result, undefined, 2), exitCode: failed ? 1 : 0 };
  } catch (error) {
    throw error instanceof WorkflowFailedError ? reported(error) : error;
  } finally {
    follow.stop();
  }
}

/** The failure of riffle's own inside Temporal's wrappers. */
export function reported(error: WorkflowFailedError): Error {
  let cause: unknown = error.cause;
  while (cause instanceof ActivityFailure || cause instanceof ChildWorkflowFailure) cause = cause.cause;
  if (!(cause instanceof ApplicationFailure)) {
    return new ReportedFailure(
      { code: 'WorkflowFailed' },
      false,
      cause instanceof Error ? cause.message : error.message,
    );
  }
  const [details] = (cause.details ?? []) as [Record<string, unknown>?];
  const { refused, ...fields } = details ?? {};
  return new ReportedFailure(
    { ...fields, code: cause.type ?? 'Error', message: cause.message },
    refused === true,
    cause.message,
  );
}

async function warnWithoutWorkers(client: Client): Promise<void> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: 1, // workflow tasks
  });
  if (!pollers?.length)
    say(`No worker polls task queue ${taskQueue} yet: start one (riffle dev), the workflow waits for it.`);
}
