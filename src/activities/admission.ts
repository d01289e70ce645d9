import { Context } from '@temporalio/activity';
import { createHash } from 'node:crypto';
import { parsePipelineInput } from '../pipeline/input.js';
import type { PipelineInput } from '../pipeline/input.js';
import { searchAttributes } from '../searchAttributes.js';
import { parseShuffleInput } from '../shuffle/input.js';
import type { AlignedInput, ShuffleInput } from '../shuffle/input.js';
import { parseVerifyInput } from '../verify/verifyRun.js';
import type { VerifyInput } from '../verify/verifyRun.js';
import { parseVisualizeInput } from '../visualize/input.js';
import type { VisualizeInput } from '../visualize/input.js';
import type { PartName, Timing } from '../workflows/contract.js';
import { attempt } from './attempt.js';

/** What a run may use. */
export interface Admission {
  /** Tasks at once. */
  readonly parallelism: number;
  readonly timing: Timing;
}

/** A pipeline that may begin. */
export interface PipelineAdmission
  extends Admission, Pick<PipelineInput, 'dump' | 'encoding' | 'recordBytes' | 'waitFor'> {
  /** Whether the input states the parallelism. */
  readonly fixed: boolean;
  /** The workflows that it starts, with their inputs as people would write them. */
  readonly parts: readonly { readonly part: PartName; readonly input: object; readonly output: string }[];
}

/** Who works on an output. */
export interface Holder {
  readonly workflowId: string;
  readonly runId: string;
  /** Whether that workflow is still open. */
  readonly open: boolean;
}

/** Activities that look at inputs and at the cluster, not at data. */
export interface AdmissionActivities {
  /** `locks` belong to the outputs, in their order. */
  admitShuffle(input: unknown): Promise<Admission & { input: ShuffleInput | AlignedInput; locks: readonly string[] }>;
  admitVerify(input: unknown): Promise<Admission & { input: VerifyInput }>;
  admitVisualize(input: unknown): Promise<Admission & { input: VisualizeInput; lock: string }>;
  admitPipeline(input: unknown): Promise<PipelineAdmission>;
  /** Sum of the slots that the identities of the polling workers state; at least 1. */
  countSlots(): Promise<number>;
  /** The root workflow behind the run that holds an output; undefined when nobody does. */
  findHolder(lock: string): Promise<Holder | undefined>;
}

/** What a worker decides for the runs that it admits. */
export interface ClusterTiming {
  /** Milliseconds without a heartbeat after which an attempt counts as lost. */
  readonly heartbeatTimeout: number;
  /** Milliseconds without a poll after which a worker counts as gone. */
  readonly pollerTimeout: number;
  /** Events that a history may have. */
  readonly historyEvents: number;
}

export function admissionActivities({
  heartbeatTimeout,
  pollerTimeout,
  historyEvents,
}: ClusterTiming): AdmissionActivities {
  const admit = async (parallelism: number | undefined): Promise<Admission> => ({
    parallelism: parallelism ?? (await slotsOfPollers(pollerTimeout)),
    timing: { heartbeatTimeout, searchAttributes: await knowsSearchAttributes(), historyEvents },
  });
  return {
    admitShuffle: (input) =>
      attempt(
        async () => {
          const parsed = parseShuffleInput(input);
          const locks = (parsed.aligned ?? [parsed]).map(({ output }) => lockOf(output));
          return { input: parsed, locks, ...(await admit(parsed.parallelism)) };
        },
        { refusal: true },
      ),
    admitVerify: (input) =>
      attempt(async () => ({ input: parseVerifyInput(input), ...(await admit(undefined)) }), { refusal: true }),
    admitVisualize: (input) =>
      attempt(
        async () => {
          const parsed = parseVisualizeInput(input);
          return { input: parsed, lock: lockOf(parsed.output), ...(await admit(parsed.parallelism)) };
        },
        { refusal: true },
      ),
    admitPipeline: (input) =>
      attempt(
        async () => {
          const { dump, encoding, recordBytes, waitFor, shuffle, visualize } = parsePipelineInput(input);
          const given = input as Record<PartName, object>;
          const fixed = [shuffle, visualize].flatMap((part) => part?.parallelism ?? []);
          const parallelism = fixed.length > 0 ? fixed.reduce((sum, share) => sum + share) : undefined;
          const parts: PipelineAdmission['parts'] = [
            ...(shuffle
              ? [{ part: 'shuffle' as const, input: { input: dump, ...given.shuffle }, output: shuffle.output }]
              : []),
            ...(visualize
              ? [
                  {
                    part: 'visualize' as const,
                    input: { activations: dump, ...given.visualize },
                    output: visualize.output,
                  },
                ]
              : []),
          ];
          return {
            dump,
            encoding,
            recordBytes,
            waitFor,
            parts,
            fixed: fixed.length > 0,
            ...(await admit(parallelism)),
          };
        },
        { refusal: true },
      ),
    countSlots: () => slotsOfPollers(pollerTimeout),
    findHolder: (lock) => attempt(() => findHolder(lock)),
  };
}

/** Workflow id under which one run at a time may work on an output. */
export function lockOf(outputUri: string): string {
  return `riffle-output-${createHash('sha256').update(outputUri).digest('hex').slice(0, 32)}`;
}

/**
 * Sum of the slots that the pollers' identities state (`riffle/<kind>/<slots>@host:pid`). A worker with all hands full
 * polls for no more activities, but still for workflow tasks: both kinds of poll count. Temporal shows pollers for
 * minutes after their last poll; ages are measured against the youngest poll, not against this machine's clock.
 */
async function slotsOfPollers(pollerTimeout: number): Promise<number> {
  const { client, info } = Context.current();
  const answers = await Promise.all(
    taskQueueTypes.map((taskQueueType) =>
      client.workflowService.describeTaskQueue({
        namespace: client.options.namespace,
        taskQueue: { name: info.taskQueue },
        taskQueueType,
      }),
    ),
  );
  const polls = answers
    .flatMap(({ pollers }) => pollers ?? [])
    .map(({ identity, lastAccessTime }) => ({ identity: identity ?? '', time: millisecondsOf(lastAccessTime) }));
  const youngest = polls.reduce((latest, { time }) => Math.max(latest, time), 0);
  const alive = new Set(polls.filter(({ time }) => youngest - time <= pollerTimeout).map(({ identity }) => identity));
  const slots = [...alive].map((identity) => Number(/^riffle\/\w+\/(\d+)@/.exec(identity)?.[1] ?? 0));
  return Math.max(
    1,
    slots.reduce((sum, count) => sum + count, 0),
  );
}

/** Workflow tasks and activities, as the server numbers them. */
const taskQueueTypes = [1, 2];

type Poller = NonNullable<
  Awaited<ReturnType<Context['client']['workflowService']['describeTaskQueue']>>['pollers']
>[number];

function millisecondsOf(time: Poller['lastAccessTime']): number {
  return Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;
}

async function knowsSearchAttributes(): Promise<boolean> {
  const { client } = Context.current();
  try {
    const known = await client.connection.operatorService.listSearchAttributes({ namespace: client.options.namespace });
    const custom = known.customAttributes ?? {};
    return Object.keys(searchAttributes).every((name) => name in custom);
  } catch {
    // A cluster that does not let workers ask gets no search attributes; everything else works.
    return false;
  }
}

async function findHolder(lock: string): Promise<Holder | undefined> {
  const { client } = Context.current();
  const describe = async (workflowId: string, runId?: string): Promise<{ open: boolean; parent?: Holder }> => {
    const { status, parentExecution } = await client.workflow.getHandle(workflowId, runId).describe();
    const { workflowId: parentId, runId: parentRun } = parentExecution ?? {};
    const parent = parentId && parentRun ? { workflowId: parentId, runId: parentRun, open: false } : undefined;
    return { open: status.name === 'RUNNING', ...(parent ? { parent } : {}) };
  };
  const child = await describe(lock);
  if (!child.open || !child.parent) return undefined;
  const { open } = await describe(child.parent.workflowId, child.parent.runId);
  return { ...child.parent, open };
}
