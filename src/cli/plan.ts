import { InvalidInput } from '../errors.js';
import { concatenate, readDatasets } from '../formats/concatenation.js';
import { alignedCut } from '../shuffle/align.js';
import type { Member } from '../shuffle/align.js';
import { alignedPlan } from '../shuffle/alignedPlan.js';
import { parsePlanInput } from '../shuffle/input.js';
import type { AlignedPlanInput, PlanInput } from '../shuffle/input.js';
import { datasetOfSize, summarizePlan } from '../shuffle/planSummary.js';
import type { PlanTables } from '../shuffle/planSummary.js';
import { createS3Store } from '../storage/s3.js';
import { parsePrefix } from '../storage/uri.js';
import { computeKind } from '../visualize/computeKind.js';
import {
  parsePlanInput as parsePagesInput,
  type SizedVisualizeInput,
  type VisualizeInput,
} from '../visualize/input.js';
import { planVisualize } from '../visualize/prepare.js';
import { planSizedRun } from '../visualize/sizedRun.js';
import { readInputFile } from './inputFile.js';
import type { Outcome } from './output.js';
import { alignedPlanText, planText } from './planText.js';
import { readPriceTable, readRates } from './priceTable.js';
import { visualizePlanText } from './visualizePlanText.js';

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
  const given = await readInputFile(path);
  if (isVisualize(given)) return planPages(given);
  const input = parsePlanInput(given);
  const prices = await readPriceTable(options.prices);
  const rates = options.rates === undefined ? prices.rates : await readRates(options.rates);
  const tables = { prices, rates, wish };
  if (input.aligned !== undefined) return planAligned(input, tables);
  const { dataset, datasets } = await openInput(input.input);
  const plan = summarizePlan(dataset, input, tables, { datasets, aligned: false });
  return { json: plan, text: planText(plan, tables) };
}

/** Whether an input is one of `visualize`, not of `shuffle`. */
function isVisualize(input: unknown): input is object {
  return typeof input === 'object' && input !== null && ('sae' in input || 'activations' in input);
}

async function planPages(given: object): Promise<Outcome> {
  const input = parsePagesInput(given);
  const kind = computeKind({ provider: 'cpu' });
  if (typeof input.activations === 'object') {
    const plan = planSizedRun(input as SizedVisualizeInput, kind);
    return { json: plan, text: visualizePlanText(plan) };
  }
  const store = createS3Store();
  try {
    const plan = await planVisualize(store, input as VisualizeInput, kind, new AbortController().signal);
    return { json: plan, text: visualizePlanText(plan) };
  } finally {
    store.close();
  }
}

async function planAligned(input: AlignedPlanInput, tables: PlanTables): Promise<Outcome> {
  const members: OpenInput[] = [];
  for (const member of input.aligned) members.push(await openInput(member.input));
  const options = { ...input, ...alignedCut(members, input) };
  const plans = members.map(({ dataset, datasets }) =>
    summarizePlan(dataset, options, tables, { datasets, aligned: true }),
  );
  const plan = alignedPlan(plans);
  const names = members.map(({ name }) => name);
  return { json: plan, text: alignedPlanText(plan, names, tables) };
}

interface OpenInput extends Member {
  /** Datasets of which it is the concatenation. */
  readonly datasets: number;
}

/** A dataset that is to be planned for: a real one, or one of that size. */
async function openInput(input: PlanInput['input']): Promise<OpenInput> {
  if (typeof input === 'object' && 'rows' in input) {
    const { rows, recordBytes } = input;
    const name = `${rows} records of ${recordBytes} bytes`;
    return { name, dataset: datasetOfSize(rows, recordBytes), datasets: 1 };
  }
  const uris = [input].flat();
  const store = createS3Store();
  try {
    const dataset = concatenate(await readDatasets(store, uris.map(parsePrefix)));
    return { name: uris.join(' + '), dataset, datasets: uris.length };
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
