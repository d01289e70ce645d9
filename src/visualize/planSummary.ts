import { bytesPerFeature } from '../features/collectorLayout.js';
import { rowCutOffBytes } from './cutOffs.js';
import { exampleSettings } from './exampleSettings.js';
import { activationBytes, mostBytes, mostExamples, tileFeatures } from './memoryNeeds.js';
import { besides } from './ranges.js';
import { passes, passNames, type VisualizeRun } from './run.js';

/** One stage of a run. What depends on the data is a bound: `atMost`. */
export interface StageSummary {
  readonly name: (typeof passNames)[number];
  readonly tasks: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Floating-point operations of products. */
  readonly flops: number;
  readonly atMost: boolean;
}

/** What `riffle plan` tells of a visualize run. */
export interface VisualizePlanSummary {
  readonly format: 'riffle.visualize-plan-summary/1';
  readonly layout: string;
  readonly tokens: number;
  readonly features: number;
  readonly tokenShards: number;
  readonly featureBlocks: number;
  readonly stages: readonly StageSummary[];
  readonly flops: number;
  readonly peakMemoryBytes: number;
  readonly peakTemporaryBytes: number;
  /** Objects of the finished run, and those that its tasks write on the way. */
  readonly objects: { readonly final: number; readonly temporary: number };
  readonly warnings: readonly string[];
}

/** Integers of a row: token, context, position and document. */
const integerBytes = 16;
/** A page as it is stored, about. */
const pageBytes = 8192;
/** Token ids of a pack of the search index, and the columns of the feature table. */
const tokensPerPack = 1024;
const tableFiles = 6;

/** Bytes that a pass reads, where they are known before it has begun. */
export function knownBytes(run: VisualizeRun, name: StageSummary['name']): number {
  if (name !== 'prepare' && name !== 'cut off' && name !== 'collect') return 0;
  return summarizeRun(run, 0, 0, []).stages.find((stage) => stage.name === name)?.bytesRead ?? 0;
}

/** @param vocabulary token ids of the tokenizer @param unembedding columns, 0 where there is none */
export function summarizeRun(
  run: VisualizeRun,
  vocabulary: number,
  unembedding: number,
  warnings: readonly string[],
): VisualizePlanSummary {
  const { sae, settings } = run.layout;
  const { rows } = run.sources;
  const { tokenShards } = run.plan;
  const rowBytes = activationBytes(run) + integerBytes;
  const data = rows * rowBytes;
  const encoder = 4 * sae.features * (sae.inputWidth + 4);
  const decoder = 4 * sae.features * (sae.outputWidth + 1);
  const active = run.blocks.filter((block) => run.featuresIn(block).length > 0).length;
  const share = active / run.blocks.length;
  const encode = 2 * rows * sae.features * sae.inputWidth;
  const cutOffs = run.needsCutOffs ? rows * rowCutOffBytes(run) : 0;
  const states = run.featureCount * tokenShards * bytesPerFeature(exampleSettings(settings));
  const selections = run.featureCount * (2048 + 64 * mostExamples(run));
  const { before, after } = settings.window;
  const windowRows = run.renders.reduce((sum, range) => {
    const wanted = run.featuresIn(range).reduce((all, { from, to }) => all + to - from, 0);
    return sum + Math.min(rows, wanted * mostExamples(run) * (before + 1 + after));
  }, 0);
  const neighbours = settings.neighbours > 0 ? 2 * run.featureCount * sae.features * sae.outputWidth : 0;
  const packs = Math.ceil(sae.features / settings.featuresPerPack);
  // Neighbours of the features of a pack are looked for among all.
  const comparisons = settings.neighbours > 0 ? packs * Math.ceil(settings.featuresPerPack / tileFeatures) : 0;
  const logits = 2 * run.featureCount * unembedding * sae.outputWidth;
  const stages: StageSummary[] = [
    stage('prepare', encoder + decoder + (run.layout.unembedding?.bytes ?? 0), encoder + decoder, 0, false),
    stage('cut off', run.blocks.length * data + tokenShards * encoder, cutOffs, encode, false),
    stage('collect', active * (data + cutOffs) + tokenShards * encoder * share, states, encode * share, true),
    stage('select', states, selections + (active * rows) / 8, 0, true),
    stage(
      'gather',
      Math.min(rows, windowRows * (1 + besides)) * activationBytes(run) + rows * integerBytes + (active * rows) / 8,
      windowRows * (rowBytes + integerBytes),
      0,
      true,
    ),
    stage(
      'render',
      windowRows * (rowBytes + integerBytes) + encoder * share + decoder * (1 + comparisons),
      run.featureCount * pageBytes,
      2 * windowRows * (sae.features / run.renders.length) * sae.inputWidth + neighbours + logits,
      true,
    ),
  ].filter(({ tasks }) => tasks > 0);
  const streamFiles = run.taskCount(passes.render) - run.renders.length;
  const final = packs + tableFiles + Math.ceil(vocabulary / tokensPerPack) + streamFiles + 2;
  return {
    format: 'riffle.visualize-plan-summary/1',
    layout: run.layoutDigest,
    tokens: rows,
    features: run.featureCount,
    tokenShards,
    featureBlocks: run.blocks.length,
    stages,
    flops: stages.reduce((sum, { flops }) => sum + flops, 0),
    peakMemoryBytes: mostBytes(run),
    peakTemporaryBytes: stages.slice(0, -1).reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
    objects: { final, temporary: stages.reduce((sum, { tasks }) => sum + 2 * tasks, packs) },
    warnings,
  };

  function stage(
    name: StageSummary['name'],
    bytesRead: number,
    bytesWritten: number,
    flops: number,
    atMost: boolean,
  ): StageSummary {
    const tasks = run.taskCount(passNames.indexOf(name) + 1);
    return {
      name,
      tasks,
      bytesRead: Math.ceil(bytesRead),
      bytesWritten: Math.ceil(bytesWritten),
      flops: Math.ceil(flops),
      atMost,
    };
  }
}
