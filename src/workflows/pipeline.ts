import { ActivityFailure, CancellationScope, TimeoutFailure, workflowInfo } from '@temporalio/workflow';
import { rootCause } from '@temporalio/common';
import type { PipelineAdmission } from '../activities/admission.js';
import type { DumpSummary } from '../pipeline/dump.js';
import type { PipelineResult } from '../pipeline/result.js';
import { countSlots, quick, waiting, working } from './activityProxies.js';
import { startWhenFree } from './children.js';
import type { PartName, PartOf } from './contract.js';
import { asRoot, failure, innermost } from './failures.js';
import { PipelineBoard } from './pipelineBoard.js';
import { shuffle } from './shuffle.js';
import { RootSteering } from './steering.js';
import { visualize } from './visualize.js';

const types = { shuffle, visualize };

/** Temporal keeps 400 bytes of a summary. */
const summaryLength = 120;

/** How a part of a pipeline has ended. */
type PartEnd =
  { readonly result: object } | { readonly code: string; readonly message: string; readonly refused: boolean };

/**
 * From a dump's prefix to everything that is made of it: waits for the dump where asked to, describes it where that has
 * not been done, then shuffles and / or visualizes it. Input and result: docs/formats.md. The parts are workflows that
 * people could start themselves; one that fails does not stop the other.
 */
export async function pipeline(input: unknown): Promise<PipelineResult> {
  const board = new PipelineBoard();
  const root = new RootSteering(() => board.requeue());
  return asRoot(async () => {
    const admitted = await quick.admitPipeline.executeWithOptions({ summary: 'check the input' }, [input]);
    const { dump, encoding, recordBytes, waitFor, timing, parts } = admitted;
    board.use(timing);
    if (waitFor) {
      board.enter('wait', `Waiting for ${waitFor.object}, at most ${waitFor.hours} h, or for ${dump}/dataset.json.`);
      await waitForDump(admitted);
    }
    board.enter('describe', `Reading the headers of the shards under ${dump}.`);
    const description = await working(timing.heartbeatTimeout).describeDump.executeWithOptions(
      { summary: 'describe the dump, or check that it is as dataset.json says' },
      [{ dump, encoding, recordBytes }],
    );
    board.begin(
      parts.map(({ part }) => part),
      dumpNote(dump, description),
    );

    const steering = root.begin(admitted.parallelism);
    if (!admitted.fixed) root.follow(countSlots);
    const ends = await Promise.all(
      parts.map(async ({ part, input, output }) => {
        const end = await endOf(() =>
          steering.run((parallelism) => {
            const partOf: PartOf = { pipeline: workflowInfo().workflowId, part, parallelism };
            const workflowId = `${partOf.pipeline}/${part}`;
            return startWhenFree(types[part], {
              workflowId,
              args: [input, partOf],
              summary: `${dump} → ${output}`.slice(0, summaryLength),
            });
          }),
        );
        board.end(part, 'result' in end ? 'done' : 'failed', 'result' in end ? output : end.message);
        return { part, output, end };
      }),
    );
    // Parts that were cancelled with the pipeline have ended now, and are no failures to report.
    if (CancellationScope.current().consideredCancelled) await CancellationScope.current().cancelRequested;
    return resultOf(dump, description, ends, board);
  });
}

/** @throws ApplicationFailure DumpIncomplete when the time is over */
async function waitForDump({ dump, waitFor }: PipelineAdmission): Promise<void> {
  const { object, hours } = waitFor!;
  try {
    await waiting(hours).awaitDump.executeWithOptions({ summary: `wait for ${object}`.slice(0, summaryLength) }, [
      dump,
      object,
    ]);
  } catch (error) {
    const over = error instanceof ActivityFailure && error.cause instanceof TimeoutFailure;
    if (!over && innermost(error)?.type !== 'DumpIncomplete') throw error;
    throw failure(
      'DumpIncomplete',
      `The dump ${dump} is not complete: ${object} did not appear within ${hours} h. See what became of its writer, then ` +
        'start the pipeline again with the same input.',
      { dump, object, hours, refused: true },
    );
  }
}

/** Waits for a part; what it fails of is an end like others. */
async function endOf(run: () => Promise<object>): Promise<PartEnd> {
  try {
    return { result: await run() };
  } catch (error) {
    const inner = innermost(error);
    const [details] = (inner?.details ?? []) as [{ refused?: boolean }?];
    if (inner)
      return { ...details, code: inner.type ?? 'Error', message: inner.message, refused: details?.refused === true };
    const message = `the workflow was ended from outside (${rootCause(error) ?? String(error)}). Start it again: it does only what is missing.`;
    return { code: 'WorkflowFailed', message, refused: false };
  }
}

function resultOf(
  dump: string,
  description: DumpSummary,
  ends: readonly { part: PartName; output: string; end: PartEnd }[],
  board: PipelineBoard,
): PipelineResult {
  const failed = ends.flatMap(({ part, output, end }) => ('result' in end ? [] : [{ part, output, ...end }]));
  const [first] = failed;
  if (first) {
    const messages = failed.map(({ part, output, message }) => `${part} of ${dump} to ${output} failed: ${message}`);
    const done = ends
      .filter(({ end }) => 'result' in end)
      .map(({ part, output }) => ` The part ${part} is done: ${output}.`);
    throw failure(first.code, `${messages.join(' And ')}${done.join('')}`, {
      part: first.part,
      parts: Object.fromEntries(ends.map(({ part, end }) => [part, 'result' in end ? end.result : end])),
      refused: failed.length === ends.length && failed.every(({ refused }) => refused),
    });
  }
  board.enter('done', dumpNote(dump, description));
  const results = Object.fromEntries(ends.map(({ part, end }) => [part, 'result' in end ? end.result : end]));
  const links = ends.map(({ part, output }) => [
    part,
    `${output}/${part === 'shuffle' ? 'dataset.json' : 'index.html'}`,
  ]);
  return {
    format: 'riffle.pipeline-result/1',
    dump,
    ...description,
    ...(results as Pick<PipelineResult, PartName>),
    links: { dump: `${dump}/dataset.json`, ...(Object.fromEntries(links) as Record<string, string>) },
  };
}

function dumpNote(dump: string, { rows, shards, warnings }: DumpSummary): string {
  const lines = warnings.flatMap((warning) => ['', `Warning: ${warning}`]);
  return [`Dump ${dump}: ${rows} rows in ${shards} shards.`, ...lines].join('\n');
}
