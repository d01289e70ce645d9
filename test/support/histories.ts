import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { readFile, writeFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';

/** The SDK's own reader of JSON histories fails where protobufjs is installed twice; this one is of the messages' copy. */
const { History } = proto.temporal.api.history.v1;

/** Where the recorded histories of all workflow types are kept: gzip over JSON lines. */
const file = 'test/workflows/histories.jsonl.gz';

/** What one execution of a workflow did, as Temporal keeps it. */
export interface RecordedHistory {
  /** What the run went through, for people. */
  readonly name: string;
  readonly workflowId: string;
  /** Workflow type. */
  readonly type: string;
  readonly history: proto.temporal.api.history.v1.IHistory;
}

export async function readHistories(): Promise<RecordedHistory[]> {
  const lines = gunzipSync(await readFile(file))
    .toString('utf8')
    .trimEnd()
    .split('\n');
  return lines.map((line) => {
    const recorded = JSON.parse(line) as RecordedHistory;
    return { ...recorded, history: History.fromObject(recorded.history) };
  });
}

export async function writeHistories(histories: readonly RecordedHistory[]): Promise<void> {
  const lines = histories.map((recorded) => {
    const history = History.toObject(recorded.history as never, { longs: String, enums: String, bytes: String });
    return `${JSON.stringify({ ...recorded, history }, withoutMachine)}\n`;
  });
  await writeFile(file, gzipSync(lines.join(''), { level: 9 }));
}

/** Names and paths of the machine that recorded mean nothing to a replay. */
function withoutMachine(name: string, value: unknown): unknown {
  if (name === 'stackTrace') return '';
  const ofWorker = typeof value === 'string' && /^riffle\/\w+\/\d+@/.test(value);
  return name === 'identity' || ofWorker ? 'recorded' : value;
}

/** Histories of a workflow and all that it started, its own first. */
export async function fetchTree(client: Client, name: string, workflowId: string): Promise<RecordedHistory[]> {
  const found: RecordedHistory[] = [];
  const visit = async (id: string, runId?: string): Promise<void> => {
    const history = await client.workflow.getHandle(id, runId).fetchHistory();
    const events = history.events ?? [];
    const type = events[0]?.workflowExecutionStartedEventAttributes?.workflowType?.name ?? '';
    found.push({ name, workflowId: id, type, history });
    for (const { childWorkflowExecutionStartedEventAttributes: child } of events) {
      const { workflowId: childId, runId: childRun } = child?.workflowExecution ?? {};
      if (childId && childRun) await visit(childId, childRun);
    }
  };
  await visit(workflowId);
  return found;
}
