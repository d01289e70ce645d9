import { LayoutMismatch, PlanDamaged } from '../errors.js';
import { parseBoundedJson } from '../formats/boundedJson.js';
import { checkDataset } from '../formats/readDataset.js';
import type { Dataset } from '../formats/dataset.js';
import { canonicalJson, jsonDigest } from '../json.js';
import type { Json } from '../json.js';
import { countFeatures, packsOf, parseFeatures, type FeatureRange } from '../pages/featureSet.js';
import { ownsPageFile, pagesFile } from '../pages/run.js';
import { rowsPerFile } from '../pages/tokenStream.js';
import { PlannedRun } from '../runs/plannedRun.js';
import { isAppFile } from '../site/app.js';
import type { ObjectLocation } from '../storage/objectStore.js';
import { formatPrefix } from '../storage/uri.js';
import type { Prefix } from '../storage/uri.js';
import { featureRanges, type Cut, type RenderRange } from './cut.js';
import { layoutDifference, type Layout } from './layout.js';

export const planFormat = 'riffle.visualize-plan/1';

/** How a run is carried out. */
export interface Plan extends Cut {
  /** Digest of the layout. */
  readonly layout: string;
  /** Bytes of memory that a task may take. */
  readonly memory: number;
  /** The kind of machine whose results these are: others may differ in last bits. */
  readonly compute: string;
}

/** What every task reads besides what tasks before it wrote. */
export interface SourceDatasets {
  readonly activations: Dataset;
  /** The same as `activations` where the tokens stand there. */
  readonly tokens: Dataset;
  /** Rows of the dump: tokens in reading order. */
  readonly rows: number;
}

/** The passes of a run, in their order. A pass without tasks is left out. */
export const passNames = ['prepare', 'cut off', 'collect', 'select', 'gather', 'render'] as const;
export const passes = { prepare: 1, cutOff: 2, collect: 3, select: 4, gather: 5, render: 6 } as const;

/** A visualize run whose layout and plan are fixed. */
export class VisualizeRun extends PlannedRun {
  readonly planDigest: string;
  readonly passes = passNames.length;
  readonly superseded = [];
  /** Features of the SAE that the run is about, ascending. */
  readonly features: readonly FeatureRange[];
  /** How many they are. */
  readonly featureCount: number;
  readonly blocks: readonly FeatureRange[];
  readonly renders: readonly RenderRange[];
  private readonly taskCounts: readonly number[];

  constructor(
    output: Prefix,
    readonly layout: Layout,
    readonly plan: Plan,
    readonly sources: SourceDatasets,
  ) {
    super(output);
    const { settings, sae } = layout;
    this.planDigest = jsonDigest(plan as unknown as Json);
    this.features =
      settings.features === 'all' ? [{ from: 0, to: sae.features }] : parseFeatures(settings.features, 'features');
    this.featureCount = countFeatures(this.features);
    const { blocks, renders } = featureRanges(sae.features, settings.featuresPerPack, plan);
    this.blocks = blocks;
    this.renders = renders;
    const { tokenShards, gatherShards } = plan;
    this.taskCounts = [
      // The unembedding is checked beside the blocks.
      blocks.length + (layout.unembedding ? 1 : 0),
      this.needsCutOffs ? tokenShards : 0,
      blocks.length * tokenShards,
      blocks.length,
      gatherShards,
      // Files of the token stream are written beside the pages.
      renders.length + Math.ceil(sources.rows / rowsPerFile),
    ];
  }

  get layoutDigest(): string {
    return this.plan.layout;
  }

  /** Whether a feature's activation depends on the other features of the row. */
  get needsCutOffs(): boolean {
    return this.layout.sae.architecture === 'topk' || this.layout.sae.architecture === 'groupmax';
  }

  taskCount(pass: number): number {
    return this.taskCounts[pass - 1]!;
  }

  writesPacked(): boolean {
    return true;
  }

  /** Those features of [from, to) that the run is about. */
  featuresIn({ from, to }: FeatureRange): FeatureRange[] {
    return this.features
      .map((range) => ({ from: Math.max(range.from, from), to: Math.min(range.to, to) }))
      .filter((range) => range.from < range.to);
  }

  /** The first block with features that the run is about: its tasks also tell what is so of all tokens. */
  get leadingBlock(): number {
    return this.blocks.findIndex((range) => this.featuresIn(range).length > 0);
  }

  /** The task of pass `collect` for a block and a token shard. */
  collectTask(block: number, shard: number): number {
    return block * this.plan.tokenShards + shard;
  }

  collectPart(task: number): { block: number; shard: number } {
    const { tokenShards } = this.plan;
    return { block: Math.floor(task / tokenShards), shard: task % tokenShards };
  }

  /** What a render task adds to the feature table and the search index, for one pack. Relative to the output prefix. */
  sliceKey(pack: number): string {
    return `_riffle/${this.planDigest}/slices/${String(pack).padStart(5, '0')}.bin`;
  }

  override owns(key: string): 'output' | 'intermediate' | undefined {
    return key.startsWith(`_riffle/${this.planDigest}/slices/`) ? 'intermediate' : super.owns(key);
  }

  ownsOutput(key: string): boolean {
    return ownsPageFile(key) || isAppFile(key);
  }

  /** The packs of pages, which the last pass writes beside its packed objects. */
  *outputKeys(): Generator<string, void> {
    const { featuresPerPack } = this.layout.settings;
    for (const pack of packsOf(this.features, featuresPerPack)) yield pagesFile(pack);
  }

  file(key: string): ObjectLocation {
    return this.at(key);
  }
}

interface PlanFile {
  readonly format: typeof planFormat;
  readonly layout: Layout;
  readonly plan: Plan;
  readonly sources: SourceDatasets;
  readonly digests: { readonly layout: string; readonly plan: string; readonly sources: string };
}

export function encodePlanFile({ layout, plan, sources, layoutDigest, planDigest }: VisualizeRun): Uint8Array {
  const file: PlanFile = {
    format: planFormat,
    layout,
    plan,
    sources,
    digests: { layout: layoutDigest, plan: planDigest, sources: jsonDigest(sources as unknown as Json) },
  };
  return Buffer.from(`${canonicalJson(file as unknown as Json)}\n`);
}

/** @throws PlanDamaged when it is not the plan of a visualize run that riffle wrote */
export function decodePlanFile(data: Uint8Array, output: Prefix): VisualizeRun {
  const where = `${formatPrefix(output)}/_riffle/plan.json`;
  const damaged = (reason: string, cause?: unknown): PlanDamaged =>
    new PlanDamaged(
      `${where} is not the plan that riffle wrote: ${reason}. Restore it from a backup, or use another output prefix; ` +
        'nothing at this one was touched.',
      { key: where },
      { cause },
    );
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(data);
    const { format, layout, plan, sources, digests } = parseBoundedJson(text, {
      depth: 12,
      values: 50_000_000,
    }) as PlanFile;
    if (format !== planFormat) {
      throw damaged(`its format is ${JSON.stringify(format)}, and a visualize run's is ${planFormat}`);
    }
    checkDataset(sources.activations, where);
    checkDataset(sources.tokens, where);
    for (const [name, value] of Object.entries({ layout, plan, sources })) {
      if (jsonDigest(value as unknown as Json) !== digests[name as keyof typeof digests]) {
        throw damaged(`its ${name} does not have the digest that it names`);
      }
    }
    if (plan.layout !== digests.layout) throw damaged('its plan belongs to another layout');
    return new VisualizeRun(output, layout, plan, sources);
  } catch (error) {
    throw error instanceof PlanDamaged ? error : damaged((error as Error).message, error);
  }
}

/** @throws LayoutMismatch when the stored run is not the one that is wanted */
export function checkSameLayout(stored: VisualizeRun, wanted: Layout): void {
  const difference = layoutDifference(stored.layout, wanted);
  if (difference === undefined) return;
  const output = formatPrefix(stored.output);
  throw new LayoutMismatch(
    `${output} belongs to another run of visualize: ${difference}. Use another output prefix; nothing was touched.`,
    { output, difference },
  );
}
