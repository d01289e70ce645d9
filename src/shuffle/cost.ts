import type { PassTraffic } from './passTraffic.js';
import { passTime } from './passTime.js';
import type { Fleet, PassTime } from './passTime.js';
import type { PriceTable } from './prices.js';
import type { Rates } from './rates.js';
import { addRequests } from './requests.js';
import type { Requests } from './requests.js';

/** Control steps look at so many objects at a time. */
const controlRequestsAtOnce = 32;

const gibibyte = 1024 ** 3;
export const hoursPerMonth = 730;

/** A plan, as far as its cost depends on it. */
export interface Job {
  readonly records: number;
  /** Data and checkpoints of the tasks. */
  readonly passes: readonly PassTraffic[];
  /** All other requests of the run. */
  readonly control: Requests;
}

export interface Dollars {
  readonly compute: number;
  readonly get: number;
  readonly put: number;
  readonly storage: number;
  readonly total: number;
}

export interface Cost {
  readonly passes: readonly PassTime[];
  /** Of the whole run, in steps of 1/10,000. */
  readonly hours: number;
  /** Temporary data times how long it is kept: whole GiB-hours. */
  readonly gibibyteHours: number;
  readonly dollars: Dollars;
}

/** Requests of the whole run. */
export function allRequests({ passes, control }: Job): Requests {
  return addRequests(control, ...passes.map(({ get, put }) => ({ get, put })));
}

/** Time and dollars of a plan on a fleet. Hours and GiB-hours are rounded up first, so that the dollars follow by hand. */
export function costOf(job: Job, fleet: Fleet, table: PriceTable, rates: Rates): Cost {
  const passes = job.passes.map((pass) =>
    passTime(
      { ...pass, bytes: pass.bytesRead + pass.bytesWritten, records: job.records, requests: pass.get + pass.put },
      fleet,
      table,
      rates,
    ),
  );
  const { get, head, put, list, delete: deletes } = job.control;
  const waits = (get + head + put + list) / controlRequestsAtOnce + deletes;
  const seconds =
    rates.seconds.run + waits * table.s3.firstByteSeconds + passes.reduce((sum, pass) => sum + pass.seconds, 0);
  const hours = Math.ceil((seconds / 3600) * 1e4) / 1e4;
  const gibibyteHours = Math.ceil(temporaryByteHours(job, passes) / gibibyte);
  return { passes, hours, gibibyteHours, dollars: dollarsOf(allRequests(job), hours, gibibyteHours, fleet, table) };
}

/** What a pass writes grows while it runs, and is kept until the next pass is complete. */
function temporaryByteHours(job: Job, times: readonly PassTime[]): number {
  return job.passes.reduce((sum, pass, index) => {
    const next = times[index + 1];
    return next ? sum + (pass.bytesWritten * (times[index]!.seconds / 2 + next.seconds)) / 3600 : sum;
  }, 0);
}

function dollarsOf(
  requests: Requests,
  hours: number,
  gibibyteHours: number,
  { instance, machines }: Fleet,
  { s3, fleet }: PriceTable,
): Dollars {
  const compute = machines * (hours + fleet.startHours) * instance.dollarsPerHour;
  const get = ((requests.get + requests.head) / 1000) * s3.get;
  const put = ((requests.put + requests.list) / 1000) * s3.put;
  const storage = (gibibyteHours / hoursPerMonth) * s3.storage;
  return { compute, get, put, storage, total: compute + get + put + storage };
}
