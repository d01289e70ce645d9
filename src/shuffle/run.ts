import { createHash } from 'node:crypto';
import { LayoutMismatch, PlanDamaged } from '../errors.js';
import type { Dataset } from '../formats/dataset.js';
import { codecOf, recordBytes } from '../formats/encoding.js';
import type { Codec } from '../formats/encoding.js';
import { parseBoundedJson } from '../formats/boundedJson.js';
import { heldOutPrefix } from '../formats/unfinished.js';
import { checkDataset } from '../formats/readDataset.js';
import { formatDataset } from '../formats/writeDataset.js';
import { canonicalJson } from '../json.js';
import type { Json } from '../json.js';
import { planLocation } from '../runs/planLocation.js';
import { PlannedRun } from '../runs/plannedRun.js';
import type { ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import { formatPrefix } from '../storage/uri.js';
import type { Prefix } from '../storage/uri.js';
import { CountTable } from './countTable.js';
import { Geometry } from './geometry.js';
import { layoutDifference, layoutDigest, layoutOf, outputShardKey, shapeOf } from './layout.js';
import type { Layout } from './layout.js';
import { planDigest, planFault, planFormat } from './plan.js';
import type { Plan } from './plan.js';
import type { Shape } from './shape.js';
import { heldOutShards } from './split.js';
import type { Split } from './split.js';

/** A shuffle whose layout and plan are fixed: everything that a task needs to know, besides its number. */
export class ShuffleRun extends PlannedRun {
  readonly layoutDigest: string;
  readonly planDigest: string;
  readonly shape: Shape;
  readonly geometry: Geometry;
  readonly table: CountTable;
  readonly recordBytes: number;
  /** Output shards, the last ones, that lie below `held-out/` with a dataset.json of their own. */
  readonly heldOutShards: number;
  readonly codec: Codec;

  constructor(
    output: Prefix,
    readonly dataset: Dataset,
    readonly layout: Layout,
    readonly plan: Plan,
    readonly superseded: readonly ShuffleRun[] = [],
  ) {
    super(output);
    this.layoutDigest = layoutDigest(layout);
    this.planDigest = planDigest(plan);
    this.shape = shapeOf(dataset.rows, layout);
    this.geometry = Geometry.of(this.shape, plan);
    this.table = new CountTable(this.shape, layout.seed);
    this.recordBytes = recordBytes(dataset);
    this.heldOutShards = heldOutShards(this.shape.shards, layout.split);
    this.codec = codecOf(dataset);
  }

  get passes(): number {
    return this.geometry.passes;
  }

  taskCount(pass: number): number {
    return this.geometry.taskCount(pass);
  }

  writesPacked(pass: number): boolean {
    return !this.geometry.isGather(pass);
  }

  /** Relative to the output prefix. */
  outputShardKey(shard: number): string {
    const name = outputShardKey(shard, this.shape.shards, this.codec.extension);
    return shard < this.shape.shards - this.heldOutShards ? name : heldOutPrefix + name;
  }

  outputShard(shard: number): ObjectLocation {
    return this.at(this.outputShardKey(shard));
  }

  ownsOutput(key: string): boolean {
    const shard = Number.parseInt(key.replace(heldOutPrefix, ''), 10);
    if (shard >= 0 && shard < this.shape.shards && key === this.outputShardKey(shard)) return true;
    return this.heldOutShards > 0 && this.output.prefix + key === this.heldOutDataset.key;
  }

  *outputKeys(): Generator<string, void> {
    for (let shard = 0; shard < this.shape.shards; shard++) yield this.outputShardKey(shard);
  }

  get outputDataset(): ObjectLocation {
    return this.at('dataset.json');
  }

  /** Only of a split output. */
  get heldOutDataset(): ObjectLocation {
    return this.at(`${heldOutPrefix}dataset.json`);
  }
}

/** How many plans an output has when this run's is the newest. */
export function planCount(run: ShuffleRun): number {
  return run.superseded.length + 1;
}

/** plan.json may describe hundreds of thousands of input shards. */
const planLimit = 1024 ** 3;

interface PlanFile {
  readonly format: typeof planFormat;
  readonly seed: string;
  readonly blockRows: number;
  readonly outputShardRows: number;
  readonly split?: Split;
  readonly plan: Plan;
  readonly digests: { readonly layout: string; readonly plan: string; readonly dataset: string };
  readonly dataset: Dataset;
}

/** SHA-256 of the dataset.json that riffle would write: the layout alone leaves out columns and headers. */
function datasetDigest(dataset: Dataset): string {
  return createHash('sha256').update(formatDataset(dataset)).digest('hex');
}

/** The bytes of plan.json: the plan, what the layout is made of, and the digests of both. */
export function encodePlanFile(run: ShuffleRun): Uint8Array {
  const head: Json = {
    format: planFormat,
    seed: run.layout.seed,
    blockRows: run.layout.blockRows,
    outputShardRows: run.layout.outputShardRows,
    ...(run.layout.split ? { split: { ...run.layout.split } } : {}),
    plan: { ...run.plan, scatter: run.plan.scatter.map((pass) => ({ ...pass })) },
    digests: { layout: run.layoutDigest, plan: run.planDigest, dataset: datasetDigest(run.dataset) },
  };
  const text = canonicalJson(head);
  return Buffer.from(`${text.slice(0, -1)},"dataset":${formatDataset(run.dataset).trimEnd()}}\n`);
}

/**
 * Reads the plans of an output.
 * @param plans how many there are
 * @returns the run of the newest one; undefined when it is not there
 * @throws PlanDamaged when a plan is not what riffle wrote, LayoutMismatch when they belong to several layouts
 */
export async function loadRun(
  store: ObjectStore,
  output: Prefix,
  plans: number,
  signal?: AbortSignal,
): Promise<ShuffleRun | undefined> {
  let newest: ShuffleRun | undefined;
  for (let number = 1; number <= plans; number++) {
    const data = await readPlanFile(store, output, number, signal);
    if (!data) return undefined;
    newest = decodePlanFile(data, output, number, newest);
  }
  return newest;
}

/** The bytes of a plan; undefined when it is not there. @param number as in `planLocation` */
export async function readPlanFile(
  store: ObjectStore,
  output: Prefix,
  number: number,
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  return (await store.readWhole(planLocation(output, number), planLimit, { signal }))?.data;
}

/**
 * @param number as in `planLocation`
 * @param before the run of the plan that this one replaced; a run that is to work only, not to clean up, needs none
 * @throws PlanDamaged, LayoutMismatch
 */
export function decodePlanFile(data: Uint8Array, output: Prefix, number: number, before?: ShuffleRun): ShuffleRun {
  const { bucket, key } = planLocation(output, number);
  const where = `s3://${bucket}/${key}`;
  const damaged = (reason: string, cause?: unknown): PlanDamaged =>
    new PlanDamaged(
      `${where} is not the plan that riffle wrote: ${reason}. Restore it from a backup, or shuffle to another output ` +
        'prefix; nothing at this one was touched.',
      { key },
      { cause },
    );
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(data);
    const file = parseBoundedJson(text, { depth: 8, values: 50_000_000 }) as PlanFile;
    if (file.format !== planFormat) {
      throw damaged(`its format is ${JSON.stringify(file.format)}, and this riffle reads ${planFormat}`);
    }
    const dataset = checkDataset(file.dataset, where);
    const layout = layoutOf(dataset, file);
    if (layoutDigest(layout) !== file.digests.layout)
      throw damaged('its layout does not have the digest that it names');
    if (datasetDigest(dataset) !== file.digests.dataset)
      throw damaged('its dataset does not have the digest that it names');
    if (planDigest(file.plan) !== file.digests.plan) throw damaged('its plan does not have the digest that it names');
    if (file.plan.layout !== file.digests.layout) throw damaged('its plan belongs to another layout');
    const fault = planFault(file.plan, shapeOf(dataset.rows, layout));
    if (fault) throw damaged(fault);
    if (before) checkSameLayout(before, layout);
    return new ShuffleRun(output, dataset, layout, file.plan, before ? [...before.superseded, before] : []);
  } catch (error) {
    throw error instanceof PlanDamaged || error instanceof LayoutMismatch
      ? error
      : damaged((error as Error).message, error);
  }
}

/** @throws LayoutMismatch when the stored run is not the one that is wanted */
export function checkSameLayout(stored: ShuffleRun, wanted: Layout): void {
  const difference = layoutDifference(stored.layout, wanted);
  if (!difference) return;
  throw new LayoutMismatch(
    `${formatPrefix(stored.output)} belongs to another shuffle: ${difference}. Use another output prefix; nothing was ` +
      'touched.',
    { output: formatPrefix(stored.output), difference },
  );
}
