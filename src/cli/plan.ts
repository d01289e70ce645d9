import { concatenate, readDatasets } from '../formats/concatenation.js';
import { alignedCut } from '../shuffle/align.js';
import type { Member } from '../shuffle/align.js';
import { alignedPlan } from '../shuffle/alignedPlan.js';
import { parsePlanInput } from '../shuffle/input.js';
import type { PlanInput } from '../shuffle/input.js';
import { datasetOfSize, summarizePlan } from '../shuffle/planSummary.js';
import type { PlanSummary } from '../shuffle/planSummary.js';
import { formatSize } from '../sizes.js';
import { createS3Store } from '../storage/s3.js';
import { parsePrefix } from '../storage/uri.js';
import type { Prefix } from '../storage/uri.js';
import { readInputFile } from './inputFile.js';
import type { Outcome } from './output.js';

/** `riffle plan INPUT.json`. */
export async function planCommand(path: string): Promise<Outcome> {
  const input = parsePlanInput(await readInputFile(path));
  if (input.aligned === undefined) {
    const { dataset, places } = await openInput(input.input);
    const plan = summarizePlan(dataset, input, places);
    return { json: plan, text: describePlan(plan) };
  }
  const members: OpenInput[] = [];
  for (const member of input.aligned) members.push(await openInput(member.input));
  const cut = alignedCut(members, input);
  const plans = members.map(({ dataset, places }) => summarizePlan(dataset, { ...input, ...cut }, places));
  const together = alignedPlan(plans);
  const { get, put } = together.requests;
  const sum = `Together, one after the other: ${get} GET, ${put} PUT.`;
  const parts = plans.map((plan, index) => `${members[index]!.name}\n${describePlan(plan)}`);
  return { json: together, text: [...parts, sum].join('\n\n') };
}

interface OpenInput extends Member {
  readonly places: readonly Prefix[];
}

/** A dataset that is to be planned for: a real one, or one of that size. */
async function openInput(input: PlanInput['input']): Promise<OpenInput> {
  if (typeof input === 'object' && 'rows' in input) {
    const { rows, recordBytes } = input;
    const places = [{ bucket: '', prefix: '' }];
    return { name: `${rows} records of ${recordBytes} bytes`, dataset: datasetOfSize(rows, recordBytes), places };
  }
  const uris = [input].flat();
  const places = uris.map(parsePrefix);
  const store = createS3Store();
  try {
    return { name: uris.join(' + '), dataset: concatenate(await readDatasets(store, places)), places };
  } finally {
    store.close();
  }
}

function describePlan(plan: PlanSummary): string {
  const rows = plan.passes.map((pass, index) => [
    `${index + 1} ${pass.kind}`,
    String(pass.tasks),
    String(pass.fanOut),
    pass.segmentBytes === null ? '' : formatSize(pass.segmentBytes),
    String(pass.get),
    String(pass.put),
    formatSize(pass.bytesRead),
    formatSize(pass.bytesWritten),
  ]);
  return [
    `${plan.rows} records of ${plan.recordBytes} bytes → ${plan.outputShards} output shards`,
    '',
    table([['pass', 'tasks', 'fan-out', 'segment', 'GET', 'PUT', 'read', 'written'], ...rows]),
    '',
    `memory of a task    at most ${formatSize(plan.peakMemoryBytes)}`,
    `temporary data      at most ${formatSize(plan.peakTemporaryBytes)}`,
    `distance to uniform at most ${plan.uniformityBound.toExponential(1)} (total variation)`,
    ...plan.warnings.map((warning) => `warning: ${warning}`),
  ].join('\n');
}

/** Columns padded to equal width. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
