import { WorkMemory } from '../../src/memory/workMemory.js';
import { checkEncoder } from '../../src/encoder/checkEncoder.js';
import { writeDataset } from '../../src/formats/writeDataset.js';
import { cleanUpVisualize, commitVisualize, type VisualizeResult } from '../../src/visualize/commit.js';
import { computeKind } from '../../src/visualize/computeKind.js';
import { parseVisualizeInput } from '../../src/visualize/input.js';
import { prepareVisualize, urisOf } from '../../src/visualize/prepare.js';
import type { VisualizeRun } from '../../src/visualize/run.js';
import { dumpOf } from '../../src/visualize/sources.js';
import { runVisualizeTask } from '../../src/visualize/task.js';
import type { TaskReport } from '../../src/runs/checkpoint.js';
import type { ObjectStore } from '../../src/storage/objectStore.js';
import { formatPrefix } from '../../src/storage/uri.js';
import { writeByteLevelTokenizer } from '../features/oracle/byteLevelTokenizer.js';
import { vocabulary, type CutCase } from '../features/oracle/cases.js';
import type { Sae } from '../features/oracle/shapes.js';
import { makeDump, type MadeColumn } from './makeDump.js';
import { tensor, tensorsFile, uploadSae, type TestTensor } from './saeFiles.js';
import type { TestBucket } from './testBucket.js';

const { signal } = new AbortController();
const compute = { provider: 'cpu', threads: 1 } as const;
const memory = new WorkMemory();

/** Uploads what a case of the oracle consists of; returns the input of `visualize` for it, without an output. */
export async function uploadCase(
  bucket: TestBucket,
  { dataset, sae, tokenizer, unembedding, settings, activationShards, tokenShards }: CutCase,
): Promise<Record<string, unknown>> {
  const d = dataset.activations[0]!.length;
  const activations = await makeDump(
    bucket,
    [
      {
        name: 'activations',
        dtype: 'F32',
        shape: [d],
        value: (i) => bitsOf(dataset.activations[Math.floor(i / d)]![i % d]!),
      },
    ],
    activationShards,
  );
  const integers = (['tokens', 'context', 'position', 'document'] as const).flatMap((name): MadeColumn[] => {
    const values = dataset[name];
    return values ? [{ name, dtype: 'I32', shape: [], value: (i) => values[i]! }] : [];
  });
  const tokens = await makeDump(bucket, integers, tokenShards);
  for (const { place, dataset: made } of [activations, tokens]) await writeDataset(bucket.store, place, made);
  const { uri: saeUri } = await uploadSae(bucket, saeObjects(sae));
  const put = async (name: string, data: string | Uint8Array): Promise<string> => {
    const place = bucket.newPlace();
    await bucket.store.put({ bucket: place.bucket, key: place.prefix + name }, [Buffer.from(data)]);
    return `s3://${place.bucket}/${place.prefix}${name}`;
  };
  const { labels, ...plain } = settings;
  return {
    ...plain,
    ...(sae.inputScale === undefined ? {} : { inputScale: sae.inputScale }),
    activations: formatPrefix(activations.place),
    tokens: formatPrefix(tokens.place),
    sae: saeUri,
    tokenizer: await put('tokenizer.json', JSON.stringify(writeByteLevelTokenizer(vocabulary, tokenizer.special))),
    ...(unembedding ? { unembedding: await put('unembed.safetensors', unembeddingFile(unembedding)) } : {}),
    ...(labels && labels.length > 0
      ? { labels: await put('labels.jsonl', labels.map((label) => JSON.stringify(label)).join('\n')) }
      : {}),
  };
}

/** An SAE of the oracle as files: SAELens', or sparsify's for groupmax. */
export function saeObjects(sae: Sae): Record<string, Uint8Array | string> {
  const d = sae.encoder.length;
  const features = sae.decoder.length;
  const outputWidth = sae.decoder[0]!.length;
  const vector = (values: readonly number[]): TestTensor => tensor([values.length], (i) => values[i]!);
  const subtracted = vector(sae.subtracted ?? new Array<number>(outputWidth).fill(0));
  const decoder = tensor([features, outputWidth], (i) => sae.decoder[Math.floor(i / outputWidth)]![i % outputWidth]!);
  if (sae.architecture === 'groupmax') {
    return {
      'cfg.json': JSON.stringify({ activation: 'groupmax', d_in: d, num_latents: features, k: sae.k }),
      'sae.safetensors': tensorsFile({
        'encoder.weight': tensor([features, d], (i) => sae.encoder[i % d]![Math.floor(i / d)]!),
        'encoder.bias': vector(sae.bias),
        W_dec: decoder,
        b_dec: subtracted,
      }),
    };
  }
  const own: Record<string, TestTensor> =
    sae.architecture === 'gated'
      ? { b_gate: vector(sae.gateBias), b_mag: vector(sae.magnitudeBias), r_mag: vector(sae.logMagnitude) }
      : { b_enc: vector(sae.bias) };
  if (sae.architecture === 'jumprelu') own.threshold = vector(sae.threshold);
  const topk =
    sae.architecture === 'topk' ? { k: sae.k, rescale_acts_by_decoder_norm: sae.rescaleByDecoderNorm ?? false } : {};
  return {
    'cfg.json': JSON.stringify({
      architecture: sae.architecture,
      d_in: d,
      d_sae: features,
      dtype: 'float32',
      apply_b_dec_to_input: sae.subtracted !== undefined,
      normalize_activations: sae.inputScale === undefined ? 'none' : 'expected_average_only_in',
      ...topk,
    }),
    'sae_weights.safetensors': tensorsFile({
      W_enc: tensor([d, features], (i) => sae.encoder[Math.floor(i / features)]![i % features]!),
      W_dec: decoder,
      b_dec: subtracted,
      ...own,
    }),
  };
}

function unembeddingFile({ weights, tokenIds, finalNormWeight }: NonNullable<CutCase['unembedding']>): Uint8Array {
  const columns = weights[0]!.length;
  return tensorsFile({
    W_U: tensor([weights.length, columns], (i) => weights[Math.floor(i / columns)]![i % columns]!),
    ...(tokenIds
      ? {
          token_ids: {
            dtype: 'I32',
            shape: [columns],
            data: new Uint8Array(Int32Array.from(tokenIds).buffer),
          },
        }
      : {}),
    ...(finalNormWeight ? { final_norm_weight: tensor([finalNormWeight.length], (i) => finalNormWeight[i]!) } : {}),
  });
}

/** Does all tasks of a run as the workflow would, in this thread. @param order of the tasks of a pass */
export async function carryOutVisualize(
  store: ObjectStore,
  input: object,
  order: (tasks: number[]) => number[] | Promise<number[]> = (tasks) => tasks,
): Promise<{ run: VisualizeRun; result: VisualizeResult; reports: readonly TaskReport[] }> {
  const parsed = parseVisualizeInput(input);
  const { run, warnings, result } = await prepareVisualize(store, parsed, computeKind(compute), signal);
  if (result) return { run, result, reports: [] };
  const reports: TaskReport[] = [];
  const uris = urisOf(parsed);
  const shapes = await checked();
  for (let pass = 1; pass <= run.passes; pass++) {
    for (const task of await order(Array.from({ length: run.taskCount(pass) }, (_, task) => task))) {
      const { report } = await runVisualizeTask(pass, task, true, {
        run,
        uris,
        dump: dumpOf(run, uris),
        store,
        memory,
        reserve: () => Promise.resolve(),
        compute,
        shapes,
        signal,
        onBytes: () => undefined,
        pause: () => Promise.resolve(),
      });
      reports.push(report);
    }
  }
  const committed = await commitVisualize(store, run, uris, warnings, signal);
  await cleanUpVisualize(store, run, signal);
  return { run, result: committed, reports };
}

let shapes: ReturnType<typeof checkEncoder> | undefined;
const checked = (): ReturnType<typeof checkEncoder> => (shapes ??= checkEncoder(compute));

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}
