import { concatenate, readDatasets } from '../formats/concatenation.js';
import { parsePlanInput } from '../shuffle/input.js';
import { datasetOfSize, summarizePlan } from '../shuffle/planSummary.js';
import type { PlanSummary } from '../shuffle/planSummary.js';
import { formatSize } from '../sizes.js';
import { createS3Store } from '../storage/s3.js';
import { parsePrefix } from '../storage/uri.js';
import { readInputFile } from './inputFile.js';
import type { Outcome } from './output.js';

/** `riffle plan INPUT.json`. */
export async function planCommand(path: string): Promise<Outcome> {
  const input = parsePlanInput(await readInputFile(path));
  if (typeof input.input === 'object' && 'rows' in input.input) {
    const dataset = datasetOfSize(input.input.rows, input.input.recordBytes);
    return shown(summarizePlan(dataset, input, [{ bucket: '', prefix: '' }]));
  }
  const places = [input.input].flat().map(parsePrefix);
  const store = createS3Store();
  try {
    return shown(summarizePlan(concatenate(await readDatasets(store, places)), input, places));
  } finally {
    store.close();
  }
}

function shown(plan: PlanSummary): Outcome {
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
  const text = [
    `${plan.rows} records of ${plan.recordBytes} bytes → ${plan.outputShards} output shards`,
    '',
    table([['pass', 'tasks', 'fan-out', 'segment', 'GET', 'PUT', 'read', 'written'], ...rows]),
    '',
    `memory of a task    at most ${formatSize(plan.peakMemoryBytes)}`,
    `temporary data      at most ${formatSize(plan.peakTemporaryBytes)}`,
    `distance to uniform at most ${plan.uniformityBound.toExponential(1)} (total variation)`,
    ...plan.warnings.map((warning) => `warning: ${warning}`),
  ].join('\n');
  return { json: plan, text };
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
