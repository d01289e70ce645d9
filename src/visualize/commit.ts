import { createHash } from 'node:crypto';
import { DatasetConflict, RunDamaged, WorkDamaged } from '../errors.js';
import { mergeSlices } from '../pages/mergeSlices.js';
import { packVocabulary } from '../pages/packVocabulary.js';
import { formatFeatures } from '../pages/featureSet.js';
import {
  decodeRun,
  encodeRun,
  maxRunBytes,
  runFile,
  runFormat,
  vocabularyFile,
  type RunDescription,
} from '../pages/run.js';
import { tableColumns } from '../pages/table.js';
import { idBytesOf, rowsPerFile } from '../pages/tokenStream.js';
import { packageVersion } from '../packageFolder.js';
import { cleanUp } from '../runs/cleanUp.js';
import { readApp } from '../site/app.js';
import { publishApp } from '../site/publishApp.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { formatPrefix } from '../storage/uri.js';
import { dumpOf, tokenizerOf, type SourceUris } from './sources.js';
import { readExcluded, readNorms } from './collected.js';
import { shardRows } from './cut.js';
import { NormHistogram } from './norms.js';
import { passes, type VisualizeRun } from './run.js';
import { readSection } from './sections.js';

export const visualizeResultFormat = 'riffle.visualize-result/1';

/** What the workflow `visualize` returns. */
export interface VisualizeResult {
  readonly format: typeof visualizeResultFormat;
  readonly output: string;
  /** Tokens counted. */
  readonly tokens: number;
  /** Features that the run is about. */
  readonly features: number;
  readonly alive: number;
  readonly dense: number;
  readonly dead: number;
  readonly warnings: readonly string[];
}

/**
 * Commits a run whose pages are written: the feature table, the search index, the vocabulary, the feature browser's app, and
 * last run.json. May be repeated.
 * @throws WorkDamaged when something that a task wrote is gone, DatasetConflict when another run.json stands there,
 *   ObjectConflict when something else stands where the app goes
 */
export async function commitVisualize(
  store: ObjectStore,
  run: VisualizeRun,
  uris: SourceUris,
  warnings: readonly string[],
  signal: AbortSignal,
): Promise<VisualizeResult> {
  const committed = await readCommitted(store, run, signal);
  if (committed) return resultOf(run, committed);
  const tokenizer = await tokenizerOf(store, run, uris, signal);
  const { counts, ...merged } = await mergeSlices({
    store,
    place: run.output,
    slice: (pack) => run.sliceKey(pack),
    features: run.features,
    of: run.layout.sae.features,
    featuresPerPack: run.layout.settings.featuresPerPack,
    vocabulary: tokenizer.size,
    columns: tableColumns(run.sources.rows),
    signal,
  }).catch((error: unknown) => {
    throw sliceFault(run, error);
  });
  const vocabulary = packVocabulary(
    Array.from({ length: tokenizer.size }, (_, id) => (tokenizer.has(id) ? tokenizer.bytesOf(id) : new Uint8Array(0))),
  );
  await store.put(run.file(vocabularyFile), vocabulary.parts, { signal });
  const { excluded, warning } = await surveyTokens(store, run, signal);
  const dump = dumpOf(run, uris);
  const description: RunDescription = {
    format: runFormat,
    riffle: packageVersion(),
    rows: dump.rows,
    tokens: dump.rows - excluded,
    excluded,
    features: { of: run.layout.sae.features, set: formatFeatures(run.features), ...counts },
    provenance: provenanceOf(run),
    warnings: [...warnings, ...(warning === undefined ? [] : [warning])],
    ...merged,
    stream: {
      rows: dump.rows,
      idBytes: idBytesOf(tokenizer.size),
      contexts: dump.known.context,
      documents: dump.known.document,
      digest: await streamDigest(store, run, signal),
    },
    vocabulary: { tokens: tokenizer.size, digest: Buffer.from(vocabulary.digest).toString('hex') },
  };
  await publishApp(store, run.output, await readApp(), signal);
  await writeRun(store, run, description, signal);
  return resultOf(run, description);
}

/** Deletes all that tasks wrote for each other. May be repeated. */
export async function cleanUpVisualize(store: ObjectStore, run: VisualizeRun, signal: AbortSignal): Promise<void> {
  await cleanUp(store, run, signal);
  const packs = Math.ceil(run.layout.sae.features / run.layout.settings.featuresPerPack);
  const slices = Array.from({ length: packs }, (_, pack) => run.file(run.sliceKey(pack)).key);
  await store.delete(run.output.bucket, slices, { signal });
}

/** run.json, when this run is committed. @throws DatasetConflict when that of another run stands there */
export async function readCommitted(
  store: ObjectStore,
  run: VisualizeRun,
  signal: AbortSignal,
): Promise<RunDescription | undefined> {
  const found = await store.readWhole(run.file(runFile), maxRunBytes, { signal });
  if (!found) return undefined;
  const description = decodeRun(found.data, `${formatPrefix(run.output)}/${runFile}`);
  if (description.provenance.layout !== run.layoutDigest) throw foreignRun(run);
  return description;
}

export function resultOf(run: VisualizeRun, { tokens, features, warnings }: RunDescription): VisualizeResult {
  const { count, alive, dense, dead } = features;
  return {
    format: visualizeResultFormat,
    output: formatPrefix(run.output),
    tokens,
    features: count,
    alive,
    dense,
    dead,
    warnings,
  };
}

/** How many tokens are left out, and a warning where the norms of others are extreme. */
async function surveyTokens(
  store: ObjectStore,
  run: VisualizeRun,
  signal: AbortSignal,
): Promise<{ excluded: number; warning: string | undefined }> {
  const norms = new NormHistogram();
  let excluded = 0;
  for (let shard = 0; shard < run.plan.tokenShards; shard++) {
    const { first, end } = shardRows(run.sources.rows, run.plan.tokenShards, shard);
    if (first === end) continue;
    const reading = { store, run, signal };
    excluded += (await readExcluded(reading, run.leadingBlock, shard)).count();
    norms.unite(await readNorms(reading, shard));
  }
  return { excluded, warning: norms.warning() };
}

async function streamDigest(store: ObjectStore, run: VisualizeRun, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const files = Math.ceil(run.sources.rows / rowsPerFile);
  for (let file = 0; file < files; file++) {
    const name = { pass: passes.render, task: run.renders.length + file, section: 0 };
    hash.update(await readSection(store, run, name, 0, 32, signal));
  }
  return hash.digest('hex');
}

/** A slice that is missing or corrupt is damaged work: the render task of its pack writes it again. */
function sliceFault(run: VisualizeRun, error: unknown): unknown {
  const file = error instanceof RunDamaged ? String(error.fields.file) : '';
  const packs = Math.ceil(run.layout.sae.features / run.layout.settings.featuresPerPack);
  const pack = Array.from({ length: packs }, (_, index) => index).find((index) => run.sliceKey(index) === file);
  if (pack === undefined) return error;
  const feature = pack * run.layout.settings.featuresPerPack;
  const task = run.renders.findIndex(({ from, to }) => from <= feature && feature < to);
  return new WorkDamaged((error as Error).message, { pass: passes.render, tasks: [task], key: run.file(file).key });
}

/** Where a run comes from: all that its pages depend on. */
function provenanceOf({ layout, layoutDigest, plan }: VisualizeRun): Record<string, unknown> {
  const { settings, sae, activations, tokens, tokenizer, unembedding, labels } = layout;
  return {
    layout: layoutDigest,
    units: 'raw',
    settings,
    sae,
    activations,
    tokens: tokens ?? null,
    tokenizer,
    unembedding: unembedding ?? null,
    labels: labels ?? null,
    compute: plan.compute,
  };
}

async function writeRun(
  store: ObjectStore,
  run: VisualizeRun,
  description: RunDescription,
  signal: AbortSignal,
): Promise<void> {
  const data = encodeRun(description);
  signal.throwIfAborted();
  const served = { contentType: 'application/json', cacheControl: 'no-cache' };
  const outcome = await store.putIfAbsent(run.file(runFile), [data], { ...served, signal });
  if (outcome.created) return;
  const there = await store.readWhole(run.file(runFile), maxRunBytes, { signal });
  if (there && Buffer.from(data).equals(there.data)) return;
  throw foreignRun(run);
}

function foreignRun(run: VisualizeRun): DatasetConflict {
  const { bucket, key } = run.file(runFile);
  return new DatasetConflict(
    `s3://${bucket}/${key} was written by somebody else while this run was at work. Move it away and start again; it was ` +
      'not touched.',
    { key },
  );
}
