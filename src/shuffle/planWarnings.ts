import type { Cost } from './cost.js';
import type { Fleet } from './passTime.js';
import type { PassTraffic } from './passTraffic.js';
import type { PriceTable } from './prices.js';

/** Bytes of a segment below which the GETs that read it cost more than one more scatter pass would, at list prices. */
const breakEvenBytes = 1.5e6;

/** Things about a plan that its user should know before starting it. */
export function planWarnings(
  passes: readonly PassTraffic[],
  cost: Cost,
  { machines, instance }: Fleet,
  { s3 }: PriceTable,
): string[] {
  const warnings: string[] = [];
  const smallest = Math.min(...passes.map(({ segmentBytes }) => segmentBytes ?? Infinity));
  if (smallest < breakEvenBytes && passes.some(({ get }) => get > 1e6)) {
    warnings.push(
      `Segments are about ${megabytes(smallest)}. Below ${megabytes(breakEvenBytes)} their GETs cost about as much as one ` +
        'more scatter pass: compare with more memory, or with a larger minSegment.',
    );
  }
  const rate = (requests: (pass: PassTraffic) => number): number =>
    Math.max(...passes.map((pass, index) => requests(pass) / cost.passes[index]!.seconds));
  for (const [verb, asked, answered] of [
    ['GETs', rate(({ get }) => get), s3.getsPerSecond],
    ['PUTs', rate(({ put }) => put), s3.putsPerSecond],
  ] as const) {
    if (asked <= answered) continue;
    warnings.push(
      `${machines} × ${instance.name} send ${Math.round(asked)} ${verb} per second, and a new prefix takes ${answered} ` +
        'until S3 has split it, which can take an hour: begin with a lower parallelism and raise it.',
    );
  }
  const { compute, get, put, storage } = cost.dollars;
  if (storage > Math.max(compute, get, put)) {
    warnings.push('Renting space for temporary data is the largest cost: more machines shorten it.');
  }
  return warnings;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}
