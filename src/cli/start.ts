import type { Client, WorkflowHandle } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure, defaultPayloadConverter } from '@temporalio/common';
import { InvalidInput } from '../errors.js';
import { jsonDigest } from '../json.js';
import type { Json } from '../json.js';
import * as pipeline from '../pipeline/input.js';
import * as shuffle from '../shuffle/input.js';
import { parseVerifyInput } from '../verify/verifyRun.js';
import { visualizeResultFormat } from '../visualize/commit.js';
import * as visualize from '../visualize/input.js';
import { taskQueue } from '../workflows/contract.js';
import { readInputFile } from './inputFile.js';
import { ReportedFailure, say } from './output.js';
import type { Outcome } from './output.js';
import { followProgress } from './progress.js';
import { connectTemporal, workflowPage } from './temporal.js';

interface WorkflowType {
  readonly parse: (input: unknown) => object;
  /** Fields of the input that do not count for the workflow's identity; `shuffle.memory` is one of a part. */
  readonly resources: readonly string[];
}

const types = new Map<string, WorkflowType>([
  ['shuffle', { parse: shuffle.parseShuffleInput, resources: shuffle.resourceFields }],
  ['visualize', { parse: visualize.parseVisualizeInput, resources: visualize.resourceFields }],
  ['pipeline', { parse: pipeline.parsePipelineInput, resources: pipeline.resourceFields }],
  ['verify', { parse: parseVerifyInput, resources: [] }],
]);

export interface StartOptions {
  readonly input?: string;
  readonly wait?: boolean;
}

interface Start {
  readonly workflowId: string;
  /** The input with its defaults. */
  readonly parsed: Readonly<Record<string, Json>>;
}

/** `riffle start TYPE --input FILE`. */
export async function start(type: string, options: StartOptions): Promise<Outcome> {
  checkType(type);
  if (options.input === undefined)
    throw new InvalidInput('--input is missing: name the JSON file with the input, or -.');
  const input = await readInputFile(options.input);
  // What is wrong with the input is said even where no server answers.
  describeStart(type, input);
  const client = await connectTemporal();
  try {
    const { handle, workflowId, joined } = await startWorkflow(client, type, input);
    if (options.wait) return await waitFor(client, handle);
    const page = workflowPage(workflowId);
    const json = { workflowId, runId: handle.firstExecutionRunId, joined, ...(page ? { page } : {}) };
    return { json, text: `${joined ? 'Joined' : 'Started'} ${workflowId}.${page ? `\n${page}` : ''}` };
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
): Promise<{
  handle: WorkflowHandle & { readonly firstExecutionRunId: string };
  workflowId: string;
  /** Whether it ran already. */
  joined: boolean;
}> {
  const { workflowId, parsed } = describeStart(type, input);
  const known = checkType(type);
  const running = await runningInput(client, workflowId);
  const handle = await client.workflow.start(type, {
    taskQueue,
    workflowId,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `${type} ${placesOf(parsed)}`.slice(0, 390),
  });
  if (running) sayJoined(workflowId, known.parse(running) as Record<string, unknown>, parsed, known.resources);
  return { handle, workflowId, joined: running !== undefined };
}

/** What goes where, for people. */
function placesOf(parsed: Start['parsed']): string {
  const parts = [parsed.shuffle, parsed.visualize].filter((part) => part !== undefined) as Start['parsed'][];
  if (parsed.dump !== undefined) {
    return `${JSON.stringify(parsed.dump)} → ${parts.map(({ output }) => JSON.stringify(output)).join(', ')}`;
  }
  const pairs = (parsed.aligned ?? [parsed]) as readonly Start['parsed'][];
  return pairs
    .map(({ input, activations, output }) => `${JSON.stringify(input ?? activations)} → ${JSON.stringify(output)}`)
    .join(', ');
}

/** Checks an input and derives the workflow's id from all of it that decides the output. @throws InvalidInput */
export function describeStart(type: string, input: unknown): Start {
  const { parse, resources } = checkType(type);
  const parsed = JSON.parse(JSON.stringify(parse(input))) as Record<string, Json>;
  const identity = without(parsed, resources);
  return { workflowId: `${type}-${jsonDigest(identity).slice(0, 16)}`, parsed };
}

/** @param paths fields to leave out, such as `memory` or `shuffle.memory` */
function without(input: Start['parsed'], paths: readonly string[], prefix = ''): Record<string, Json> {
  const kept = Object.entries(input).filter(([name]) => !paths.includes(prefix + name));
  const isPart = (name: string): boolean => paths.some((path) => path.startsWith(`${prefix}${name}.`));
  return Object.fromEntries(
    kept.map(([name, value]) => [
      name,
      isPart(name) ? without(value as Start['parsed'], paths, `${prefix}${name}.`) : value,
    ]),
  );
}

/** The value at a path such as `shuffle.memory`. */
function at(input: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], input);
}

function checkType(type: string): WorkflowType {
  const known = types.get(type);
  if (known) return known;
  throw new InvalidInput(`${JSON.stringify(type)} is no workflow type: use ${[...types.keys()].join(', ')}.`);
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
  const shown = (value: unknown): string => (value === undefined ? 'not set' : JSON.stringify(value));
  for (const field of resources) {
    const [there, here] = [shown(at(running, field)), shown(at(wanted, field))];
    if (there !== here) say(`  ${field} is ${there} there, and ${here} here: what runs already keeps its own.`);
  }
}

/** Waits for a workflow, with its progress on stderr. */
async function waitFor(client: Client, handle: WorkflowHandle): Promise<Outcome> {
  await warnWithoutWorkers(client);
  const page = workflowPage(handle.workflowId);
  if (page) say(page);
  const follow = followProgress(client, handle);
  try {
    const result: unknown = await handle.result();
    const { format, output, ok } = result as { format?: string; output?: string; ok?: boolean };
    if (format === visualizeResultFormat) say(`Look at the features: riffle browse ${output}`);
    const failed = ok === false;
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
    const reason = cause instanceof Error ? cause.message : error.message;
    const next = 'Start it again with the same input: it does only what is missing.';
    return new ReportedFailure({ code: 'WorkflowFailed' }, false, `The workflow was ended: ${reason}. ${next}`);
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
