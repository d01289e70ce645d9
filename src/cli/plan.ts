import { InvalidInput } from '../errors.js';
import type { Dataset } from '../formats/dataset.js';
import { readDataset } from '../formats/readDataset.js';
import { parsePlanInput } from '../shuffle/input.js';
import { datasetOfSize, summarizePlan } from '../shuffle/planSummary.js';
import { createS3Store } from '../storage/s3.js';
import { parsePrefix } from '../storage/uri.js';
import { readInputFile } from './inputFile.js';
import type { Outcome } from './output.js';
import { planText } from './planText.js';
import { readPriceTable, readRates } from './priceTable.js';

export interface PlanCommandOptions {
  /** Files that replace the price table, and its rates. */
  readonly prices?: string;
  readonly rates?: string;
  readonly instance?: string;
  readonly machines?: string;
}

/** `riffle plan INPUT.json`. */
export async function planCommand(path: string, options: PlanCommandOptions): Promise<Outcome> {
  const wish = { instance: options.instance, machines: machineCount(options.machines) };
  const input = parsePlanInput(await readInputFile(path));
  const prices = await readPriceTable(options.prices);
  const rates = options.rates === undefined ? prices.rates : await readRates(options.rates);
  const plan = summarizePlan(await datasetOf(input.input), input, { prices, rates, wish });
  return { json: plan, text: planText(plan, { prices, rates, wish }) };
}

async function datasetOf(input: string | { rows: number; recordBytes: number }): Promise<Dataset> {
  if (typeof input !== 'string') return datasetOfSize(input.rows, input.recordBytes);
  const store = createS3Store();
  try {
    return await readDataset(store, parsePrefix(input));
  } finally {
    store.close();
  }
}

function machineCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 100_000) return count;
  throw new InvalidInput(`--machines is ${JSON.stringify(text)}: write a whole number from 1 to 100000.`);
}
