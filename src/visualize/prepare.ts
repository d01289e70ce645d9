import {
  InvalidInput,
  ObjectMissing,
  OutputForeign,
  PlanDamaged,
  RunDamaged,
  SaeInvalid,
  UnembeddingInvalid,
} from '../errors.js';
import { openDump, type Dump } from '../dump/dump.js';
import { checkDatasetAgainstFiles } from '../formats/checkDataset.js';
import type { PlacedDataset } from '../formats/concatenation.js';
import { readDataset } from '../formats/readDataset.js';
import { parseFeatures } from '../pages/featureSet.js';
import { filesOfRun, runFile, type RunDescription } from '../pages/run.js';
import { planLocation } from '../runs/planLocation.js';
import { abortUploads, removeLeftovers } from '../runs/cleanUp.js';
import { doneGroups, type DoneGroups } from '../runs/groupManifest.js';
import { surveyOutput, type Survey } from '../runs/survey.js';
import { openSae } from '../sae/openSae.js';
import { checkApart } from '../shuffle/prepare.js';
import { indexFile, readApp } from '../site/app.js';
import { publishApp } from '../site/publishApp.js';
import { probeConditionalPut } from '../storage/conditionalPutProbe.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { formatPrefix, parseObject, parsePrefix, type Prefix } from '../storage/uri.js';
import { maxTokenizerBytes } from '../tokens/tokenizerFile.js';
import { openTokenizer, type Tokenizer } from '../tokens/tokenizer.js';
import { readCommitted, resultOf, type VisualizeResult } from './commit.js';
import type { VisualizeInput } from './input.js';
import { parseLabels } from './labels.js';
import { algorithm, shardsOf, type Layout, type Settings, type SourceObject } from './layout.js';
import { planRun } from './planner.js';
import { summarizeRun, type VisualizePlanSummary } from './planSummary.js';
import { checkSameLayout, decodePlanFile, encodePlanFile, VisualizeRun, type SourceDatasets } from './run.js';
import { labelsLimit, type SourceUris } from './sources.js';
import { openUnembedding } from './unembedding.js';

/** What a run has still to do. */
export interface Prepared {
  readonly run: VisualizeRun;
  readonly warnings: readonly string[];
  /** What is done already of each pass. */
  readonly done: ReadonlyMap<number, DoneGroups>;
  /** The result, when the run is committed. */
  readonly result: VisualizeResult | undefined;
}

const planLimit = 1024 ** 3;

export function urisOf(input: VisualizeInput): SourceUris {
  const { activations, tokens = activations, sae, tokenizer, unembedding, labels } = input;
  return { activations, tokens, sae, tokenizer, unembedding, labels };
}

/**
 * Checks the input of a run and fixes its plan: the stored one where there is one.
 * @param compute kind of the machines that take part
 * @throws every refusal
 */
export async function prepareVisualize(
  store: ObjectStore,
  input: VisualizeInput,
  compute: string,
  signal: AbortSignal,
): Promise<Prepared> {
  const output = parsePrefix(input.output);
  const { layout, sources, warnings } = await checkSources(store, input, output, signal);
  const found = await surveyOutput(store, output, runFile, signal);
  const stored = found.plans > 0 ? await loadPlan(store, output, signal) : undefined;
  if (stored) checkSameLayout(stored, layout);
  const run = stored ?? planRun(output, layout, sources, input, compute);
  const strangers = [...found.others.keys(), ...(found.committed && !stored ? [runFile] : [])].filter(
    (key) => !stored || run.owns(key) === undefined,
  );
  if (strangers.length > 0) throw foreign(output, strangers);
  const committed = stored && found.committed ? await readCommitted(store, run, signal) : undefined;
  if (committed) {
    checkFilesThere(run, committed, found);
    // Somebody deleted it, to have the app of this riffle; or the run was made before there was one.
    if (!found.others.has(indexFile)) await publishApp(store, output, await readApp(), signal);
    await removeLeftovers(store, run, found, signal);
    return { run, warnings, done: new Map(), result: resultOf(run, committed) };
  }
  // What the commit needs must not be missing after hours of work.
  await readApp();
  const kept = stored ? run : await storePlan(store, run, signal);
  await abortUploads(store, kept, signal);
  return { run: kept, warnings, done: await findDone(store, kept, found, signal), result: undefined };
}

/** A run of which files were deleted later is not reported as done. @throws RunDamaged */
function checkFilesThere(run: VisualizeRun, committed: RunDescription, { others }: Survey): void {
  for (const key of filesOfRun(committed)) {
    if (others.has(key)) continue;
    const place = formatPrefix(run.output);
    throw new RunDamaged(
      `${place}/${runFile} says that this run is done, but ${key} is gone. Restore it, or delete ${place}/${runFile} and ` +
        'start again: it writes what is missing.',
      { output: place, file: key },
    );
  }
}

async function findDone(
  store: ObjectStore,
  run: VisualizeRun,
  found: Survey,
  signal: AbortSignal,
): Promise<Map<number, DoneGroups>> {
  const done = new Map<number, DoneGroups>();
  for (let pass = 1; pass <= run.passes; pass++) done.set(pass, await doneGroups(store, run, pass, found, signal));
  return done;
}

/** The run that an input without a stored plan would get; writes nothing. For `riffle plan`. */
export async function planVisualize(
  store: ObjectStore,
  input: VisualizeInput,
  compute: string,
  signal: AbortSignal,
): Promise<VisualizePlanSummary> {
  const output = parsePrefix(input.output);
  const { layout, sources, warnings, vocabulary, columns } = await checkSources(store, input, output, signal);
  return summarizeRun(planRun(output, layout, sources, input, compute), vocabulary, columns, warnings);
}

interface Checked {
  readonly layout: Layout;
  readonly sources: SourceDatasets;
  readonly warnings: string[];
  /** Token ids of the tokenizer, and columns of the unembedding. */
  readonly vocabulary: number;
  readonly columns: number;
}

/** Opens all sources and checks that they fit each other. */
async function checkSources(
  store: ObjectStore,
  input: VisualizeInput,
  output: Prefix,
  signal: AbortSignal,
): Promise<Checked> {
  const uris = urisOf(input);
  for (const uri of new Set([uris.activations, uris.tokens])) checkApart(parsePrefix(uri), output);
  const activations = await place(store, uris.activations, signal);
  const tokens = uris.tokens === uris.activations ? activations : await place(store, uris.tokens, signal);
  const { description: sae } = await openSae(store, input.sae, { signal, inputScale: input.inputScale });
  const dump = openDump(activations, tokens, sae.inputWidth, input.columns);
  const settings = settingsOf(input, dump);
  checkSettings(input, dump, sae.features);
  for (const { place: at, dataset } of new Set([activations, tokens])) {
    await checkDatasetAgainstFiles(store, at, dataset, undefined, { headers: true, signal });
  }

  const tokenizerObject = await readObject(store, uris.tokenizer, maxTokenizerBytes, signal);
  const tokenizer = openTokenizer(tokenizerObject.data, uris.tokenizer);
  const warnings: string[] = [];
  const unembedding = uris.unembedding
    ? await checkUnembedding(store, uris.unembedding, sae.outputWidth, tokenizer, warnings, signal)
    : undefined;
  const labels = uris.labels ? await readObject(store, uris.labels, labelsLimit, signal) : undefined;
  if (labels) parseLabels(labels.data, sae.features, uris.labels!);
  const layout: Layout = {
    algorithm,
    settings,
    activations: shardsOf(activations.dataset),
    ...(tokens === activations ? {} : { tokens: shardsOf(tokens.dataset) }),
    sae,
    ...(input.inputScale === undefined ? {} : { inputScale: input.inputScale }),
    tokenizer: tokenizerObject.source,
    ...(unembedding ? { unembedding: unembedding.source } : {}),
    ...(labels ? { labels: labels.source } : {}),
  };
  const sources = { activations: activations.dataset, tokens: tokens.dataset, rows: dump.rows };
  return { layout, sources, warnings, vocabulary: tokenizer.size, columns: unembedding?.columns ?? 0 };
}

function settingsOf(input: VisualizeInput, dump: Dump): Settings {
  const { columns, seed, features, window, exclude, nonFinite, logits, neighbours, featuresPerPack, examples } = input;
  const { random = 10 * examples.top, distinct = dump.known.context ? 'context' : 'none' } = examples;
  return {
    columns,
    seed,
    features,
    window,
    exclude,
    nonFinite,
    logits,
    neighbours,
    featuresPerPack,
    examples: { ...examples, random, distinct },
  };
}

function checkSettings({ examples, exclude, features }: VisualizeInput, dump: Dump, featureCount: number): void {
  const { distinct } = examples;
  if (distinct !== undefined && distinct !== 'none' && !dump.known[distinct]) {
    throw new InvalidInput(
      `examples.distinct is "${distinct}", but ${dump.where} has no column for it: name one in columns.${distinct}, or use ` +
        'another distinct.',
      { fields: ['examples.distinct'] },
    );
  }
  if (exclude.positions.length > 0 && !dump.known.position) {
    throw new InvalidInput(
      `exclude.positions needs positions, but ${dump.where} has no column for them: name one in columns.position.`,
      { fields: ['exclude.positions'] },
    );
  }
  const end = features === 'all' ? 0 : parseFeatures(features, 'features').at(-1)!.to;
  if (end > featureCount) {
    throw new InvalidInput(
      `features is ${JSON.stringify(features)}, but the SAE has ${featureCount} features, from 0 to ${featureCount - 1}.`,
      { fields: ['features'] },
    );
  }
  if (featureCount === 0) throw new SaeInvalid('The SAE has no features.', {});
}

async function place(store: ObjectStore, uri: string, signal: AbortSignal): Promise<PlacedDataset> {
  const at = parsePrefix(uri);
  return { place: at, dataset: await readDataset(store, at, { signal }) };
}

async function readObject(
  store: ObjectStore,
  uri: string,
  limit: number,
  signal: AbortSignal,
): Promise<{ data: Uint8Array; source: SourceObject }> {
  const found = await store.readWhole(parseObject(uri), limit, { signal });
  if (found) return { data: found.data, source: { bytes: found.data.length, etag: found.etag } };
  throw new ObjectMissing(`${uri} does not exist: check the location, or upload the object.`, { uri });
}

/** @throws UnembeddingInvalid when none of its tokens are the tokenizer's, or it has not all of them and does not say which */
async function checkUnembedding(
  store: ObjectStore,
  uri: string,
  width: number,
  tokenizer: Tokenizer,
  warnings: string[],
  signal: AbortSignal,
): Promise<{ source: SourceObject; columns: number }> {
  const { ids, idsGiven, columns, matrix } = await openUnembedding(store, uri, width, signal);
  const padding = ids.filter((id) => !tokenizer.has(id)).length;
  if (padding === ids.length) {
    throw new UnembeddingInvalid(
      `None of the ${ids.length} columns of ${uri} belongs to a token of the tokenizer: they do not fit each other.`,
      { unembedding: uri },
    );
  }
  const missing = idsGiven ? 0 : countIds(tokenizer, columns);
  if (missing > 0 && matrix === 'W_U') {
    throw new UnembeddingInvalid(
      `W_U of ${uri} has ${columns} columns and no token_ids, and the tokenizer has ${missing} tokens beyond them: give the ` +
        'tokenizer of the same model, or say in token_ids which token each column belongs to.',
      { unembedding: uri },
    );
  }
  if (missing > 0) {
    warnings.push(
      `${missing} tokens of the tokenizer have no row in the unembedding, which has ${columns}: they are not among the ` +
        'logit effects. Do both belong to one model?',
    );
  }
  if (padding > 0) {
    warnings.push(`${padding} of ${ids.length} columns of the unembedding belong to no token and are left out.`);
  }
  const head = await store.head(parseObject(uri), { signal });
  if (head) return { source: { bytes: head.bytes, etag: head.etag }, columns: ids.length };
  throw new ObjectMissing(`${uri} has just been deleted: upload it again.`, { uri });
}

/** Token ids from `from` on. */
function countIds(tokenizer: Tokenizer, from: number): number {
  let count = 0;
  for (let id = from; id < tokenizer.size; id++) if (tokenizer.has(id)) count++;
  return count;
}

async function loadPlan(store: ObjectStore, output: Prefix, signal: AbortSignal): Promise<VisualizeRun> {
  const found = await store.readWhole(planLocation(output), planLimit, { signal });
  if (found) return decodePlanFile(found.data, output);
  throw new PlanDamaged(`The plan of ${formatPrefix(output)} vanished while it was read: start again.`);
}

/** Stores the plan; of two executions that start at once, the first to store wins. */
async function storePlan(store: ObjectStore, run: VisualizeRun, signal: AbortSignal): Promise<VisualizeRun> {
  await probeConditionalPut(store, run.output, { signal });
  const outcome = await store.putIfAbsent(planLocation(run.output), [encodePlanFile(run)], { signal });
  if (outcome.created) return run;
  const stored = await loadPlan(store, run.output, signal);
  checkSameLayout(stored, run.layout);
  return stored;
}

function foreign(output: Prefix, keys: readonly string[]): OutputForeign {
  const shown = keys.slice(0, 3).map((key) => JSON.stringify(key));
  const more = keys.length > shown.length ? ` and ${keys.length - shown.length} more` : '';
  return new OutputForeign(
    `${formatPrefix(output)} holds objects that are not this run's: ${shown.join(', ')}${more}. Use an empty output ` +
      'prefix; nothing was touched.',
    { output: formatPrefix(output), keys: keys.slice(0, 10) },
  );
}
