import { InvalidInput, RiffleError } from '../errors.js';
import type { Dataset } from '../formats/dataset.js';
import { controlRequests, foldRequests, taskEndRequests, taskStartRequests } from './controlRequests.js';
import type { ControlOptions } from './controlRequests.js';
import { allRequests } from './cost.js';
import type { Dollars, Job } from './cost.js';
import { CountTable } from './countTable.js';
import { checkWish, cheapest, fastest, largestTask, offers } from './fleetSearch.js';
import type { FleetWish, Offer } from './fleetSearch.js';
import { Geometry } from './geometry.js';
import { layoutOf } from './layout.js';
import type { LayoutOptions } from './layout.js';
import { planTraffic } from './passTraffic.js';
import type { PassTraffic, TrafficOptions } from './passTraffic.js';
import type { Bound } from './passTime.js';
import { planDigest } from './plan.js';
import type { Plan } from './plan.js';
import { makePlan } from './planner.js';
import type { PlanRequest } from './planner.js';
import { planWarnings } from './planWarnings.js';
import { planRequest } from './prepare.js';
import type { PlanResources } from './prepare.js';
import type { PriceTable } from './prices.js';
import type { Rates } from './rates.js';
import { addRequests, timesRequests } from './requests.js';
import type { Requests } from './requests.js';
import type { Shape } from './shape.js';
import { uniformityBound } from './uniformityBound.js';

export interface PassSummary extends Omit<PassTraffic, 'memoryBytes'> {
  readonly seconds: number;
  readonly bound: Bound;
}

/** A fleet with its assumptions. */
export interface FleetSummary {
  readonly instance: string;
  readonly machines: number;
  readonly vCpus: number;
  /** Bytes. */
  readonly memory: number;
  /** Tasks at a time on each machine. */
  readonly tasksAtOnce: number;
  readonly dollarsPerHour: number;
  readonly startHours: number;
}

/** A plan on a fleet, in short. */
export interface Alternative {
  /** Bytes per task. */
  readonly memory: number;
  readonly scatterPasses: number;
  readonly instance: string;
  readonly machines: number;
  readonly hours: number;
  readonly dollars: number;
}

/** What `riffle plan` prints. */
export interface PlanSummary {
  readonly format: 'riffle.plan-summary/1';
  readonly layout: string;
  readonly plan: string;
  readonly rows: number;
  readonly recordBytes: number;
  readonly outputShards: number;
  readonly memory: number;
  readonly passes: readonly PassSummary[];
  readonly peakMemoryBytes: number;
  readonly peakTemporaryBytes: number;
  /** Of the whole run, with one worker process; each further one reads plan.json, one GET more. */
  readonly requests: Requests & { readonly exact: boolean };
  readonly hours: number;
  readonly dollars: Dollars & { readonly perTerabyte: number };
  readonly gibibyteHours: number;
  readonly fleet: FleetSummary;
  /** The same plan on the fastest fleet, and the best of other memory too. */
  readonly alternatives: {
    readonly fastestHere: Alternative;
    readonly cheapest: Alternative;
    readonly fastest: Alternative;
  };
  /** Bound of the total-variation distance from the uniform law (docs/uniformity.md). */
  readonly uniformityBound: number;
  readonly warnings: readonly string[];
}

export interface PlanTables {
  readonly prices: PriceTable;
  readonly rates: Rates;
  readonly wish: FleetWish;
}

/** How a run comes to its dataset: as a concatenation of several, together with aligned ones. */
export type Origin = Pick<ControlOptions, 'datasets' | 'aligned'>;

const oneDataset: Origin = { datasets: 1, aligned: false };

/** As large as the objects of `datasetOfSize` are, unless they are too many. */
const largestObject = 5 * 1024 ** 4;
const mostObjects = 2 ** 16;

/** A dataset of that size, for planning without data. */
export function datasetOfSize(rows: number, width: number): Dataset {
  const shardRows = Math.max(Math.ceil(rows / mostObjects), Math.floor(largestObject / width));
  const shards = Array.from({ length: Math.ceil(rows / shardRows) }, (_, index) => {
    const count = Math.min(shardRows, rows - index * shardRows);
    return { key: `${index}.bin`, rows: count, bytes: count * width, header: 0, etag: '""' };
  });
  return {
    format: 'riffle.dataset/1',
    rows,
    encoding: 'raw',
    recordBytes: width,
    columns: [{ name: 'record', dtype: 'U8', shape: [width] }],
    shards,
  };
}

/**
 * Plans a shuffle as the workflow would, and adds up what it will take. No data is read.
 * @throws MemoryTooSmall, InvalidInput
 */
export function summarizePlan(
  dataset: Dataset,
  input: LayoutOptions & PlanResources & Pick<ControlOptions, 'keepIntermediates'>,
  { prices, rates, wish }: PlanTables,
  origin = oneDataset,
): PlanSummary {
  checkWish(wish, prices);
  const { keepIntermediates, split } = input;
  const control = { keepIntermediates, split, ...origin };
  const layout = layoutOf(dataset, input);
  const request = planRequest(dataset, layout, input);
  const { plan, warnings } = makePlan(request);
  const { shape } = request;
  const table = new CountTable(shape, layout.seed);
  const job = jobOf(dataset, shape, plan, control, { table });
  const here = offers(job, wish, prices, rates).map((offer) => ({ ...offer, plan }));
  const best = cheapest(here);
  if (!best) throw tooLarge(job, wish);
  const others = otherMemories(prices, input.memory).flatMap((memory) =>
    tryPlan({ ...request, memory }).flatMap((other) =>
      offers(jobOf(dataset, shape, other, control, { sampledTasks }), wish, prices, rates).map((offer) => ({
        ...offer,
        plan: other,
      })),
    ),
  );
  const { fleet, cost } = best;
  const written = job.passes.filter(({ kind }) => kind === 'scatter').map(({ bytesWritten }) => bytesWritten);
  return {
    format: 'riffle.plan-summary/1',
    layout: request.layout,
    plan: planDigest(plan),
    rows: shape.rows,
    recordBytes: request.recordBytes,
    outputShards: shape.shards,
    memory: plan.memory,
    passes: job.passes.map(({ memoryBytes: _, ...pass }, index) => ({ ...pass, ...cost.passes[index]! })),
    peakMemoryBytes: largestTask(job),
    // While a pass runs, what the pass before wrote is still there.
    peakTemporaryBytes: Math.max(0, ...written.map((bytes, index) => bytes + (written[index - 1] ?? 0))),
    requests: { ...allRequests(job), exact: job.passes.every(({ exact }) => exact) },
    hours: cost.hours,
    dollars: { ...cost.dollars, perTerabyte: (cost.dollars.total / (shape.rows * request.recordBytes)) * 1e12 },
    gibibyteHours: cost.gibibyteHours,
    fleet: {
      instance: fleet.instance.name,
      machines: fleet.machines,
      vCpus: fleet.instance.vCpus,
      memory: fleet.instance.memory,
      tasksAtOnce: fleet.tasksAtOnce,
      dollarsPerHour: fleet.instance.dollarsPerHour,
      startHours: prices.fleet.startHours,
    },
    alternatives: {
      fastestHere: alternative(fastest(here)!),
      cheapest: alternative(cheapest([...here, ...others])!),
      fastest: alternative(fastest([...here, ...others])!),
    },
    uniformityBound: uniformityBound(shape.rows, shape.blockRows, shape.shards),
    warnings: [...warnings, ...planWarnings(job.passes, cost, fleet, prices)],
  };
}

/** Tasks whose reads are counted when plans are compared. */
const sampledTasks = 200;

function jobOf(dataset: Dataset, shape: Shape, plan: Plan, control: ControlOptions, options: TrafficOptions): Job {
  const geometry = Geometry.of(shape, plan);
  const passes = planTraffic(dataset, geometry, options).map((pass) => {
    const ofTask = addRequests(taskStartRequests, taskEndRequests);
    const { get, put } = addRequests(timesRequests(pass.tasks, ofTask), foldRequests(pass.tasks));
    return { ...pass, get: pass.get + get, put: pass.put + put };
  });
  return { records: dataset.rows, passes, control: controlRequests(dataset, geometry, control) };
}

/** Sizes of task memory to compare with: all that a machine of the table could hold. */
function otherMemories({ instances }: PriceTable, given: number): number[] {
  const largest = Math.max(...instances.map(({ memory }) => memory));
  const sizes: number[] = [];
  for (let memory = 1024 ** 3; memory < largest; memory *= 2) sizes.push(memory);
  return sizes.filter((memory) => memory !== given);
}

/** The plan for another memory, if there is one. */
function tryPlan(request: PlanRequest): Plan[] {
  try {
    return [makePlan(request).plan];
  } catch (error) {
    if (error instanceof RiffleError) return [];
    throw error;
  }
}

function alternative({ fleet, cost, plan }: Offer & { plan: Plan }): Alternative {
  return {
    memory: plan.memory,
    scatterPasses: plan.scatter.length,
    instance: fleet.instance.name,
    machines: fleet.machines,
    hours: cost.hours,
    dollars: cost.dollars.total,
  };
}

function tooLarge(job: Job, { instance }: FleetWish): InvalidInput {
  return new InvalidInput(
    `A task of this plan holds ${largestTask(job)} bytes, and ${instance ?? 'no instance of the price table'} has so ` +
      'much memory free: lower memory, or name a larger machine (a table of your own: --prices FILE).',
    { taskBytes: largestTask(job) },
  );
}
