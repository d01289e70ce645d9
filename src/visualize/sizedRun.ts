import { InvalidInput } from '../errors.js';
import type { Dataset } from '../formats/dataset.js';
import { parsePrefix } from '../storage/uri.js';
import type { SizedVisualizeInput } from './input.js';
import { algorithm, type Layout } from './layout.js';
import { planRun } from './planner.js';
import { summarizeRun, type VisualizePlanSummary } from './planSummary.js';
import type { VisualizeRun } from './run.js';

/** Token ids of a tokenizer whose size is not said. */
const usualVocabulary = 65_536;

/**
 * Plans a run of this size as the workflow would. Nothing is read.
 * @throws MemoryTooSmall, InvalidInput
 */
export function planSizedRun(input: SizedVisualizeInput, compute: string): VisualizePlanSummary {
  const unembedded = input.unembedding?.tokens ?? 0;
  const vocabulary = input.tokenizer?.tokens ?? (unembedded || usualVocabulary);
  return summarizeRun(sizedRun(input, compute), vocabulary, unembedded, []);
}

/** A run of this size, as it would be cut. @throws MemoryTooSmall, InvalidInput */
export function sizedRun(input: SizedVisualizeInput, compute: string): VisualizeRun {
  const { rows, width, dtype } = input.activations;
  const { features, k } = input.sae;
  if (input.sae.width !== undefined && input.sae.width !== width) {
    throw new InvalidInput(
      `sae.width is ${input.sae.width}, and activations.width ${width}: an SAE takes activations of its own width.`,
      { fields: ['sae.width', 'activations.width'] },
    );
  }
  if (k !== undefined && k > features) {
    throw new InvalidInput(`sae.k is ${k}, and the SAE has ${features} features.`, { fields: ['sae.k'] });
  }
  const dataset: Dataset = {
    format: 'riffle.dataset/1',
    rows,
    encoding: 'safetensors',
    columns: [{ name: input.columns.activations ?? 'activations', dtype, shape: [width] }],
    shards: [],
  };
  const { top, random = 10 * top, distinct = 'context' } = input.examples;
  const { columns, seed, window, exclude, nonFinite, logits, neighbours, featuresPerPack } = input;
  const unembedded = input.unembedding?.tokens ?? 0;
  const layout: Layout = {
    algorithm,
    settings: {
      columns,
      seed,
      features: input.features,
      window,
      exclude,
      nonFinite,
      logits,
      neighbours,
      featuresPerPack,
      examples: { ...input.examples, random, distinct },
    },
    activations: [],
    sae: {
      format: 'saelens',
      architecture: k === undefined ? 'standard' : 'topk',
      inputWidth: width,
      outputWidth: width,
      features,
      normalization: 'none',
      inputScale: 1,
      outputScale: 1,
      subtractDecoderBias: false,
      ...(k === undefined ? {} : { k }),
      metadata: {},
      objects: [],
    },
    tokenizer: { bytes: 0, etag: '' },
    ...(unembedded > 0 ? { unembedding: { bytes: 2 * unembedded * width, etag: '' } } : {}),
  };
  const sources = { activations: dataset, tokens: dataset, rows };
  return planRun(parsePrefix(input.output), layout, sources, input, compute);
}
