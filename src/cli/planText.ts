import type { AlignedPlan } from '../shuffle/alignedPlan.js';
import { hoursPerMonth } from '../shuffle/cost.js';
import type { Alternative, PlanSummary, PlanTables } from '../shuffle/planSummary.js';
import { formatSize } from '../sizes.js';

/** A plan for people. Each line of the cost can be worked out again from what it says. */
export function planText(plan: PlanSummary, tables: PlanTables): string {
  return [...planLines(plan, tables), ...sourceLines(tables), ...warningLines(plan)].join('\n');
}

/** The plans of aligned datasets for people, then their sums. */
export function alignedPlanText(plan: AlignedPlan, names: readonly string[], tables: PlanTables): string {
  const { requests, hours, dollars } = plan;
  const about = requests.exact ? '' : '≈ ';
  return [
    ...plan.aligned.flatMap((member, index) => [names[index]!, ...planLines(member, tables), '']),
    'Together, one after the other:',
    ...aligned(
      [
        ['requests', `${about}${count(requests.get)} GET, ${about}${count(requests.put)} PUT`],
        ['time', duration(hours)],
        ['total', `${money(dollars.total)}, ${money(dollars.perTerabyte)} per TB of data`],
      ],
      () => true,
    ),
    ...sourceLines(tables),
    ...warningLines(plan),
  ].join('\n');
}

function planLines(plan: PlanSummary, tables: PlanTables): string[] {
  return [
    `${count(plan.rows)} records of ${count(plan.recordBytes)} bytes → ${count(plan.outputShards)} output shards`,
    '',
    ...passTable(plan),
    '',
    `memory of a task     at most ${formatSize(plan.peakMemoryBytes)}`,
    `temporary data       at most ${formatSize(plan.peakTemporaryBytes)}`,
    `distance to uniform  at most ${plan.uniformityBound.toExponential(1)} (total variation)`,
    '',
    ...fleetLines(plan, tables),
    '',
    ...costLines(plan, tables),
    '',
    ...alternativeLines(plan),
  ];
}

function passTable(plan: PlanSummary): string[] {
  const head = ['pass', 'tasks', 'fan-out', 'segment', 'GET', 'PUT', 'read', 'written', 'time', 'waits for'];
  const rows = plan.passes.map((pass, index) => [
    `${index + 1} ${pass.kind}`,
    count(pass.tasks),
    count(pass.fanOut),
    pass.segmentBytes === null ? '' : formatSize(pass.segmentBytes),
    `${pass.exact ? '' : '≈ '}${count(pass.get)}`,
    `${pass.exact ? '' : '≈ '}${count(pass.put)}`,
    formatSize(pass.bytesRead),
    formatSize(pass.bytesWritten),
    duration(pass.seconds / 3600),
    pass.bound,
  ]);
  return aligned([head, ...rows], (column) => column === 0 || column === head.length - 1);
}

function fleetLines({ fleet, hours }: PlanSummary, { wish, prices }: PlanTables): string[] {
  const kinds = wish.instance === undefined ? `${prices.instances.length} kinds` : fleet.instance;
  const numbers = wish.machines === undefined ? `1 to ${prices.fleet.mostMachines} machines` : `${wish.machines}`;
  return [
    `fleet  ${fleet.machines} × ${fleet.instance} (${fleet.vCpus} vCPUs, ${formatSize(fleet.memory)}, ` +
      `$${fleet.dollarsPerHour}/h), ${several(fleet.tasksAtOnce, 'task')} at a time on each: the cheapest of ${kinds} × ${numbers}`,
    `time   ${duration(hours)}`,
  ];
}

function costLines(plan: PlanSummary, { prices }: PlanTables): string[] {
  const { fleet, requests, dollars, hours } = plan;
  const about = requests.exact ? '' : '≈ ';
  return aligned(
    [
      [
        'compute',
        `${several(fleet.machines, 'machine')} × (${hours} h + ${fleet.startHours} h to start) × $${fleet.dollarsPerHour}`,
        '=',
        money(dollars.compute),
      ],
      [
        'GET',
        `(${about}${count(requests.get)} + ${count(requests.head)} HEAD) × $${prices.s3.get} / 1,000`,
        '=',
        money(dollars.get),
      ],
      [
        'PUT',
        `(${about}${count(requests.put)} + ${count(requests.list)} LIST) × $${prices.s3.put} / 1,000`,
        '=',
        money(dollars.put),
      ],
      [
        'storage',
        `${count(plan.gibibyteHours)} GiB-hours / ${hoursPerMonth} × $${prices.s3.storage}`,
        '=',
        money(dollars.storage),
      ],
      ['total', `${money(dollars.perTerabyte)} per TB of data`, '=', money(dollars.total)],
    ],
    (column) => column < 3,
  );
}

function alternativeLines({ alternatives }: PlanSummary): string[] {
  const line = (name: string, { memory, scatterPasses, ...other }: Alternative): string[] => [
    name,
    `memory ${formatSize(memory)}`,
    several(scatterPasses, 'scatter'),
    `${other.machines} × ${other.instance}`,
    duration(other.hours),
    money(other.dollars),
  ];
  return aligned(
    [
      line('this plan, fastest', alternatives.fastestHere),
      line('cheapest of all', alternatives.cheapest),
      line('fastest of all', alternatives.fastest),
    ],
    (column) => column < 4,
  );
}

function sourceLines({ prices, rates }: PlanTables): string[] {
  return [
    '',
    `prices: ${prices.region}, ${prices.date}, ${prices.source}`,
    `rates: ${rates.date}, ${rates.machine}`,
    'not included: Temporal, retries, disks',
  ];
}

function warningLines({ warnings }: Pick<PlanSummary, 'warnings'>): string[] {
  return warnings.map((warning) => `warning: ${warning}`);
}

/** Columns of equal width; those that hold numbers end at the same place. */
function aligned(rows: readonly (readonly string[])[], isText: (column: number) => boolean): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const pad = (cell: string, column: number): string =>
    isText(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return rows.map((row) => row.map(pad).join('  ').trimEnd());
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}

function money(dollars: number): string {
  if (dollars > 0 && dollars < 0.1) return `$${dollars.toLocaleString('en-US', { maximumSignificantDigits: 2 })}`;
  return `$${dollars.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

function several(number: number, thing: string): string {
  return `${count(number)} ${thing}${number === 1 ? '' : 's'}`;
}

function duration(hours: number): string {
  if (hours < 1 / 60) return `${(hours * 3600).toFixed(1)} s`;
  return hours < 1 ? `${(hours * 60).toFixed(1)} min` : `${hours.toFixed(hours < 10 ? 2 : 1)} h`;
}
