import { SaeMissing } from '../errors.js';
import { quoted } from '../formats/shardHeader.js';
import { parseSafetensorsTensors, safetensorsHeaderBytes } from '../formats/safetensors.js';
import type { CallOptions, ObjectHead, ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import { saeFault, saeUnsupported, withSaeFaults } from './faults.js';
import { floatDtypes, isFloatDtype, type FloatDtype } from '../formats/float32.js';

/** An object that holds tensors, and where in it they are. Reads are bound to its ETag. */
export interface TensorFile {
  readonly location: ObjectLocation;
  readonly head: ObjectHead;
  /** Its URI, for messages. */
  readonly where: string;
  readonly tensors: readonly StoredTensor[];
}

export interface StoredTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Byte of the object at which its elements begin, in C order. */
  readonly start: number;
}

/** A tensor whose dtype and shape have been checked. */
export interface WeightTensor extends StoredTensor {
  readonly dtype: FloatDtype;
}

/** SAEs have about ten tensors: this is room enough, and one read. */
const firstRead = 64 * 1024;
/** The header of a whole model may be as long. */
export const modelHeaderLimit = 16 * 1024 * 1024;

/**
 * Reads the header of a safetensors object.
 * @param headerLimit bytes that it may have [64 KiB]
 * @throws SaeMissing, SaeInvalid; what the store throws
 */
export async function openSafetensors(
  store: ObjectStore,
  location: ObjectLocation,
  options?: CallOptions,
  headerLimit = firstRead,
): Promise<TensorFile> {
  const { head, where } = await headOf(store, location, options);
  const read = async (bytes: number): Promise<Uint8Array> => {
    const start = new Uint8Array(Math.min(head.bytes, bytes));
    const range = { start: 0, end: start.length };
    if (start.length > 0) await store.readInto(location, range, start, { ...options, ifMatch: head.etag });
    return start;
  };
  const first = await read(firstRead);
  const length = withSaeFaults(where, () => safetensorsHeaderBytes(first, head.bytes, where));
  if (length > headerLimit) throw saeFault(where, `its header takes ${length} bytes, and riffle reads ${headerLimit}`);
  const start = length > first.length ? await read(length) : first;
  const { header, tensors } = withSaeFaults(where, () => parseSafetensorsTensors(start, head.bytes, where));
  return {
    location,
    head,
    where,
    tensors: tensors.map(({ name, dtype, shape, begin }) => ({ name, dtype, shape, start: header + begin })),
  };
}

/** Length and ETag of an object that must be there. @throws SaeMissing */
export async function headOf(
  store: ObjectStore,
  location: ObjectLocation,
  options?: CallOptions,
): Promise<{ head: ObjectHead; where: string }> {
  const where = `s3://${location.bucket}/${location.key}`;
  const head = await store.head(location, options);
  if (head) return { head, where };
  throw new SaeMissing(`${where} does not exist: check the location of the SAE, or upload the object.`, {
    object: where,
  });
}

/**
 * The tensors of an SAE, by name. The file must hold these, in these shapes, and no others.
 * @param ignored names of tensors that may be there besides
 * @throws SaeInvalid for missing tensors and other shapes, SaeUnsupported for unknown tensors and dtypes
 */
export function checkTensors(
  file: TensorFile,
  shapes: Readonly<Record<string, readonly number[]>>,
  ignored: readonly string[] = [],
): (name: string) => WeightTensor {
  const found = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
  const wanted = Object.entries(shapes);
  const missing = wanted.map(([name]) => name).filter((name) => !found.has(name));
  if (missing.length > 0) {
    throw saeFault(file.where, `it has no tensor ${list(missing)}; it has ${list([...found.keys()])}`);
  }
  const known = [...Object.keys(shapes), ...ignored];
  const unknown = [...found.keys()].filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw saeUnsupported(
      file.where,
      `it has a tensor ${list(unknown)}, which SAEs of its kind do not have`,
      `riffle knows ${known.join(', ')} there, and does not guess what others do to activations.`,
    );
  }
  const checked = new Map(wanted.map(([name, shape]) => [name, checkTensor(file.where, found.get(name)!, shape)]));
  return (name) => {
    const tensor = checked.get(name);
    if (!tensor) throw new RangeError(`Tensor ${name} was not asked for`);
    return tensor;
  };
}

/** @throws SaeInvalid for another shape, SaeUnsupported for a dtype that is not a float */
export function checkTensor(where: string, tensor: StoredTensor, shape: readonly number[]): WeightTensor {
  const { name, dtype } = tensor;
  if (String(tensor.shape) !== String(shape)) {
    throw saeFault(
      where,
      `tensor ${quoted(name)} has the shape [${tensor.shape.join(', ')}], not [${shape.join(', ')}]`,
    );
  }
  if (isFloatDtype(dtype)) return { ...tensor, dtype };
  throw saeUnsupported(
    where,
    `tensor ${quoted(name)} has dtype ${quoted(dtype)}`,
    `riffle reads weights in ${floatDtypes.join(', ')}.`,
  );
}

function list(names: readonly string[]): string {
  return names.slice(0, 16).map(quoted).join(', ');
}
