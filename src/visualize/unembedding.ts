import { ObjectChanged, RiffleError, UnembeddingInvalid } from '../errors.js';
import { widenIntegers } from '../dump/integers.js';
import { readFeatures, readVector } from '../sae/readWeights.js';
import {
  checkTensor,
  modelHeaderLimit,
  openSafetensors,
  type StoredTensor,
  type TensorFile,
  type WeightTensor,
} from '../sae/tensorFile.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { parseObject } from '../storage/uri.js';

/** From what the SAE writes to the logits of tokens. */
export interface Unembedding {
  /** Columns, some of which may belong to no token of the tokenizer. */
  readonly columns: number;
  /** Token id of each column. */
  readonly ids: Float64Array;
  /** Which tensor it is, and whether it says which token a column belongs to; else that is the column's number. */
  readonly matrix: string;
  readonly idsGiven: boolean;
  /** [d]: weights of the final norm, with which decoder rows are multiplied; ones where there are none. */
  readonly normWeight: Float32Array;
  /** Reads columns [from, to) as float32 [to - from, d]. */
  readonly read: (from: number, to: number) => Promise<Float32Array>;
  /** Reads all of it once. @throws UnembeddingInvalid where it holds NaN or infinities */
  readonly check: (pause: () => Promise<void>) => Promise<void>;
}

/** Numbers that `check` reads at a time. */
const checkedNumbers = 4 * 1024 * 1024;

/** Names under which the matrix stands, and whether it has a row a token. */
const matrices = [
  { name: 'W_U', rowsAreTokens: false, norm: 'final_norm_weight' },
  { name: 'lm_head.weight', rowsAreTokens: true, norm: 'model.norm.weight' },
  { name: 'model.embed_tokens.weight', rowsAreTokens: true, norm: 'model.norm.weight' },
] as const;

/**
 * Opens an unembedding: safetensors with `W_U` [d, V] (and `token_ids` [V], `final_norm_weight` [d]), or a Hugging Face
 * model's `lm_head.weight` or `model.embed_tokens.weight` [V, d] (and `model.norm.weight` [d]).
 * @param width d, what the SAE's decoder writes
 * @param etag that the object must have, if it is known
 * @throws UnembeddingInvalid, ObjectChanged; what the store throws
 */
export async function openUnembedding(
  store: ObjectStore,
  uri: string,
  width: number,
  signal: AbortSignal,
  etag?: string,
): Promise<Unembedding> {
  return asUnembedding(uri, async () => {
    const file = await openSafetensors(store, parseObject(uri), { signal }, modelHeaderLimit);
    if (etag !== undefined && file.head.etag !== etag) {
      throw new ObjectChanged(
        `${uri} was replaced since the run was planned: restore it, or use another output prefix.`,
        { uri, expected: etag, found: file.head.etag },
      );
    }
    const named = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
    const kind = matrices.find(({ name }) => named.has(name));
    if (!kind) throw invalid(uri, `it has no tensor ${matrices.map(({ name }) => name).join(', ')}`);
    const stored = named.get(kind.name)!;
    const columns = stored.shape[kind.rowsAreTokens ? 0 : 1] ?? 0;
    const tensor = checkTensor(uri, stored, kind.rowsAreTokens ? [columns, width] : [width, columns]);
    const norm = named.get(kind.norm);
    const ids = kind.name === 'W_U' ? named.get('token_ids') : undefined;
    return {
      columns,
      matrix: kind.name,
      ids: ids
        ? await readIds(store, file, ids, columns, uri, signal)
        : Float64Array.from({ length: columns }, (_, id) => id),
      idsGiven: ids !== undefined,
      normWeight: norm
        ? await readNorm(store, file, checkTensor(uri, norm, [width]), signal)
        : new Float32Array(width).fill(1),
      read: (from, to) =>
        asUnembedding(uri, () =>
          readFeatures(store, file, { tensor, featureAxis: kind.rowsAreTokens ? 0 : 1 }, from, to, { signal }),
        ),
      check: (pause) =>
        asUnembedding(uri, async () => {
          // In the order of the file, whichever way the matrix lies.
          for (let from = 0; from < columns * width; from += checkedNumbers) {
            await readVector(store, file, tensor, from, Math.min(from + checkedNumbers, columns * width), { signal });
            await pause();
          }
        }),
    };
  });
}

async function readNorm(
  store: ObjectStore,
  file: TensorFile,
  tensor: WeightTensor,
  signal: AbortSignal,
): Promise<Float32Array> {
  return readVector(store, file, tensor, 0, tensor.shape[0]!, { signal });
}

async function readIds(
  store: ObjectStore,
  file: TensorFile,
  { dtype, shape, start }: StoredTensor,
  columns: number,
  uri: string,
  signal: AbortSignal,
): Promise<Float64Array> {
  if (dtype !== 'I32' && dtype !== 'I64') throw invalid(uri, `tensor "token_ids" has dtype ${dtype}, not I32 or I64`);
  if (String(shape) !== String([columns])) {
    throw invalid(uri, `tensor "token_ids" has the shape [${shape.join(', ')}], not [${columns}]`);
  }
  const bytes = new Uint8Array(columns * (dtype === 'I32' ? 4 : 8));
  const range = { start, end: start + bytes.length };
  await store.readInto(file.location, range, bytes, { signal, ifMatch: file.head.etag });
  const ids = widenIntegers(bytes, dtype);
  if (ids.some((id) => !(id >= 0 && id < 2 ** 31)))
    throw invalid(uri, 'tensor "token_ids" holds numbers that are no ids');
  if (new Set(ids).size < ids.length) throw invalid(uri, 'tensor "token_ids" holds an id twice');
  return ids;
}

/** Faults of tensors are raised as those of an unembedding: the reader is that of SAEs. */
async function asUnembedding<T>(uri: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const ofTensors = error instanceof RiffleError && /^Sae/.test(error.code);
    throw ofTensors ? new UnembeddingInvalid(error.message, { unembedding: uri }, { cause: error }) : error;
  }
}

function invalid(uri: string, what: string): UnembeddingInvalid {
  return new UnembeddingInvalid(`${uri} is no unembedding that riffle reads: ${what}.`, { unembedding: uri });
}
