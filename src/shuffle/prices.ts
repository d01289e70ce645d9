import { z } from 'zod';
import { size } from '../validation.js';
import { ratesSchema } from './rates.js';

const amount = z.number('expected a number, 0 or more').min(0);
const positive = z.number('expected a number above 0').positive();
const count = z.int('expected a whole number from 1').min(1);

const instanceSchema = z.strictObject({
  name: z.string(),
  vCpus: count,
  memory: size,
  /** Bytes per second that the network sustains, in each direction at once. */
  networkIn: positive,
  networkOut: positive,
  dollarsPerHour: amount,
});

/** The price table of `riffle plan`: prices, machines and assumptions. docs/operations.md tells how to edit it. */
export const priceTableSchema = z.strictObject({
  format: z.literal('riffle.prices/1'),
  /** Where the prices come from, for people. */
  source: z.string(),
  date: z.string(),
  region: z.string(),
  s3: z.strictObject({
    /** Dollars per 1,000 GETs or HEADs. */
    get: amount,
    /** Dollars per 1,000 PUTs, POSTs or LISTs. */
    put: amount,
    /** Dollars per GiB and month of 730 hours. */
    storage: amount,
    /** Requests per second that one partition of keys answers. */
    getsPerSecond: positive,
    putsPerSecond: positive,
    /** Partitions over which S3 has spread the keys of a large run, once it is warm. */
    partitions: count,
    /** Seconds until an answer begins. */
    firstByteSeconds: amount,
    /** Bytes per second of one connection. */
    connectionBytesPerSecond: positive,
  }),
  fleet: z.strictObject({
    /** Share of all vCPUs that the work keeps busy, at most 1. */
    utilization: positive.max(1, 'expected a number of at most 1'),
    /** Bytes of each machine's memory that tasks cannot have. */
    reservedMemory: size,
    /** Hours that each machine is paid for besides the run. */
    startHours: amount,
    /** Machines that are tried, at most. */
    mostMachines: count,
  }),
  instances: z.array(instanceSchema).min(1, 'expected at least one instance'),
  rates: ratesSchema,
});

export type PriceTable = z.output<typeof priceTableSchema>;
export type Instance = PriceTable['instances'][number];
