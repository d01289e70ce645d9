import { formatSize } from '../sizes.js';
import type { VisualizePlanSummary } from '../visualize/planSummary.js';

/** The plan of a visualize run for people. */
export function visualizePlanText(plan: VisualizePlanSummary): string {
  const head = ['stage', 'tasks', 'read', 'written', 'operations'];
  const rows = plan.stages.map(({ name, tasks, bytesRead, bytesWritten, flops, atMost }) => {
    const bound = (bytes: number): string => `${atMost ? '≤ ' : ''}${formatSize(bytes)}`;
    return [name, count(tasks), bound(bytesRead), bound(bytesWritten), flops > 0 ? flops.toExponential(1) : ''];
  });
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ');
  return [
    `${count(plan.features, 'feature')} over ${count(plan.tokens, 'token')}: ${count(plan.featureBlocks, 'feature block')} × ` +
      count(plan.tokenShards, 'token shard'),
    '',
    ...[head, ...rows].map(line),
    '',
    `memory of a task  at most ${formatSize(plan.peakMemoryBytes)}`,
    `temporary data    at most ${formatSize(plan.peakTemporaryBytes)}`,
    `objects           ${count(plan.objects.final)} in the finished run, ${count(plan.objects.temporary)} on the way`,
    ...plan.warnings.map((warning) => `Warning: ${warning}`),
  ].join('\n');
}

function count(value: number, thing?: string): string {
  const number = value.toLocaleString('en-US');
  if (thing === undefined) return number;
  return `${number} ${thing}${value === 1 ? '' : 's'}`;
}
