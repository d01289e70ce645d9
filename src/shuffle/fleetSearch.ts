import { InvalidInput } from '../errors.js';
import { costOf } from './cost.js';
import type { Cost, Job } from './cost.js';
import { tasksAtOnce } from './passTime.js';
import type { Fleet } from './passTime.js';
import type { PriceTable } from './prices.js';
import type { Rates } from './rates.js';

/** What the user fixed of the fleet. */
export interface FleetWish {
  readonly instance?: string | undefined;
  readonly machines?: number | undefined;
}

/** A job on a fleet. */
export interface Offer {
  readonly fleet: Fleet;
  readonly cost: Cost;
}

/** Bytes that the largest task of a job holds. */
export function largestTask(job: Job): number {
  return Math.max(...job.passes.map(({ memoryBytes }) => memoryBytes));
}

/**
 * The job on every fleet of the table that is wanted and can hold its tasks: every kind of machine, and numbers of
 * machines that grow by a third or less.
 */
export function offers(job: Job, wish: FleetWish, table: PriceTable, rates: Rates): Offer[] {
  const most = table.fleet.mostMachines;
  const numbers = wish.machines === undefined ? machineNumbers(most) : [wish.machines];
  const instances = table.instances.filter(({ name }) => wish.instance === undefined || name === wish.instance);
  return instances.flatMap((instance) => {
    const atOnce = tasksAtOnce(instance, largestTask(job), table);
    if (atOnce === 0) return [];
    return numbers.map((machines): Offer => {
      const fleet = { instance, machines, tasksAtOnce: atOnce };
      return { fleet, cost: costOf(job, fleet, table, rates) };
    });
  });
}

export function cheapest<T extends Offer>(all: readonly T[]): T | undefined {
  return least(all, ({ cost }) => cost.dollars.total);
}

/** Of fleets that are about equally fast the cheapest: within a hundredth. */
export function fastest<T extends Offer>(all: readonly T[]): T | undefined {
  const first = least(all, ({ cost }) => cost.hours);
  return first && cheapest(all.filter(({ cost }) => cost.hours <= first.cost.hours * 1.01));
}

function least<T>(all: readonly T[], value: (item: T) => number): T | undefined {
  return all.reduce<T | undefined>((best, item) => (best && value(best) <= value(item) ? best : item), undefined);
}

/** 1, 2, 3, 4, 5, 6, 8 … up to `most`. */
function machineNumbers(most: number): number[] {
  const numbers: number[] = [];
  for (let machines = 1; machines < most; machines = Math.max(machines + 1, Math.floor((machines * 4) / 3))) {
    numbers.push(machines);
  }
  return [...numbers, most];
}

/** @throws InvalidInput when the table does not have such a machine */
export function checkWish({ instance }: FleetWish, table: PriceTable): void {
  if (instance === undefined || table.instances.some(({ name }) => name === instance)) return;
  throw new InvalidInput(
    `The price table has no instance ${JSON.stringify(instance)}; it has ` +
      `${table.instances.map(({ name }) => name).join(', ')}: add yours to a copy of the table (--prices FILE).`,
    { instance },
  );
}
