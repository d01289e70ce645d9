import { ObjectChanged, ObjectMissing } from '../errors.js';
import { openDump, type Dump } from '../dump/dump.js';
import type { PlacedDataset } from '../formats/concatenation.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { formatObject, parseObject, parsePrefix } from '../storage/uri.js';
import { openTokenizer, type Tokenizer } from '../tokens/tokenizer.js';
import { maxTokenizerBytes } from '../tokens/tokenizerFile.js';
import type { SourceObject } from './layout.js';
import type { VisualizeRun } from './run.js';

/** Where the sources of a run lie now; they may have moved since it was planned, but not changed. */
export interface SourceUris {
  readonly activations: string;
  readonly tokens: string;
  readonly sae: string;
  readonly tokenizer: string;
  readonly unembedding?: string | undefined;
  readonly labels?: string | undefined;
}

/** No labels take more bytes. */
export const labelsLimit = 256 * 1024 * 1024;

/** The rows of a run. @throws as `openDump` */
export function dumpOf(run: VisualizeRun, uris: SourceUris): Dump {
  const { layout, sources } = run;
  const activations: PlacedDataset = { place: parsePrefix(uris.activations), dataset: sources.activations };
  const together = uris.tokens === uris.activations;
  const tokens = together ? activations : { place: parsePrefix(uris.tokens), dataset: sources.tokens };
  return openDump(activations, tokens, layout.sae.inputWidth, layout.settings.columns);
}

/** @throws ObjectMissing, ObjectChanged, TokenizerInvalid, TokenizerUnsupported */
export async function tokenizerOf(
  store: ObjectStore,
  { layout }: Pick<VisualizeRun, 'layout'>,
  uris: SourceUris,
  signal: AbortSignal,
): Promise<Tokenizer> {
  const data = await readSource(store, uris.tokenizer, layout.tokenizer, maxTokenizerBytes, signal);
  return openTokenizer(data, uris.tokenizer);
}

/**
 * Reads a source object whole.
 * @param expected what it was when the run was planned
 * @throws ObjectMissing, ObjectChanged
 */
export async function readSource(
  store: ObjectStore,
  uri: string,
  expected: SourceObject,
  limit: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const location = parseObject(uri);
  const found = await store.readWhole(location, limit, { signal });
  if (!found) throw new ObjectMissing(`${formatObject(location)} is gone: restore it and start again.`, { uri });
  if (found.etag === expected.etag && found.data.length === expected.bytes) return found.data;
  throw new ObjectChanged(
    `${formatObject(location)} was replaced since the run was planned: restore it, or use another output prefix.`,
    { uri, expected: expected.etag, found: found.etag },
  );
}
