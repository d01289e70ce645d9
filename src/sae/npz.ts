import { fromRandomAccessReaderPromise, RandomAccessReader, type Entry, type ZipFile } from 'yauzl';
import { npyHeaderBytes, parseNpyHeader } from '../formats/npy.js';
import { quoted } from '../formats/shardHeader.js';
import type { CallOptions, ObjectHead, ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import { saeFault, saeUnsupported, withSaeFaults } from './faults.js';
import { headOf, type StoredTensor, type TensorFile } from './tensorFile.js';

/** SAEs have about five arrays. */
const maxArrays = 64;

/** Nearly every npy header is shorter. */
const firstReadBytes = 4096;

const stored = 0;

/**
 * Finds the arrays of an npz object: a zip of npy files, which numpy.savez stores uncompressed. Reads the zip's
 * directory and the arrays' headers by ranges. The CRC-32 of an array cannot be checked without reading it whole.
 * @throws SaeMissing; SaeInvalid for a damaged zip or npy header; SaeUnsupported for compressed arrays; what the store
 *   throws
 */
export async function openNpz(
  store: ObjectStore,
  location: ObjectLocation,
  options?: CallOptions,
): Promise<TensorFile> {
  const { head, where } = await headOf(store, location, options);
  const reader = new RangeReader(store, location, head, options);
  const zip = await reader.run(where, fromRandomAccessReaderPromise(reader, head.bytes, { autoClose: false }));
  try {
    const tensors: StoredTensor[] = [];
    const entries = await reader.run(where, listEntries(zip));
    if (entries.length > maxArrays) throw saeFault(where, `it holds more than ${maxArrays} files`);
    for (const entry of entries) {
      const name = arrayName(where, entry);
      if (tensors.some((tensor) => tensor.name === name)) throw saeFault(where, `it holds ${quoted(name)} twice`);
      const { fileDataStart, fileName } = await reader.run(where, zip.readLocalFileHeaderPromise(entry));
      if (fileName.compare(entry.fileNameRaw) !== 0) {
        throw saeFault(
          where,
          `the file of ${quoted(name)} is ${quoted(fileName.toString('latin1'))} in its own header`,
        );
      }
      tensors.push(await openArray(reader, where, name, fileDataStart, entry.uncompressedSize));
    }
    return { location, head, where, tensors };
  } finally {
    zip.close();
  }
}

async function listEntries(zip: ZipFile): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of zip.eachEntry()) {
    if (entries.push(entry) > maxArrays) break;
  }
  return entries;
}

function arrayName(where: string, entry: Entry): string {
  const { fileName } = entry;
  if (!fileName.endsWith('.npy')) throw saeFault(where, `its file ${quoted(fileName)} is not an array (.npy)`);
  if (entry.isEncrypted() || entry.compressionMethod !== stored) {
    throw saeUnsupported(
      where,
      `its file ${quoted(fileName)} is ${entry.isEncrypted() ? 'encrypted' : 'compressed'}`,
      'riffle reads parts of arrays, and so needs them uncompressed: save it with numpy.savez.',
    );
  }
  return fileName.slice(0, -'.npy'.length);
}

/** The header of the npy file at the bytes [start, start + bytes). */
async function openArray(
  reader: RangeReader,
  where: string,
  name: string,
  start: number,
  bytes: number,
): Promise<StoredTensor> {
  const file = `${where} array ${quoted(name)}`;
  const first = await reader.bytes(start, Math.min(bytes, firstReadBytes));
  const length = withSaeFaults(file, () => npyHeaderBytes(first, bytes, file));
  const header = length <= first.length ? first : await reader.bytes(start, length);
  const { rows, columns, header: dataStart } = withSaeFaults(file, () => parseNpyHeader(header, bytes, file));
  const [{ dtype, shape } = { dtype: '', shape: [] }] = columns;
  return { name, dtype, shape: [rows, ...shape], start: start + dataStart };
}

/** Lets yauzl read ranges of an object. */
class RangeReader extends RandomAccessReader {
  /** What the store threw; yauzl passes errors on, but not all as they are. */
  private failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly store: ObjectStore,
    private readonly location: ObjectLocation,
    private readonly head: ObjectHead,
    private readonly options: CallOptions | undefined,
  ) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    if (!(position + length <= this.head.bytes)) {
      callback(new Error(`its directory points to byte ${position + length}, beyond its end`));
      return;
    }
    const target = buffer.subarray(offset, offset + length);
    const range = { start: position, end: position + length };
    this.store.readInto(this.location, range, target, { ...this.options, ifMatch: this.head.etag }).then(
      () => callback(null),
      (error: unknown) => {
        this.failure = { error };
        callback(error as Error);
      },
    );
  }

  async bytes(start: number, length: number): Promise<Uint8Array> {
    const target = new Uint8Array(length);
    if (length > 0) {
      const range = { start, end: start + length };
      await this.store.readInto(this.location, range, target, { ...this.options, ifMatch: this.head.etag });
    }
    return target;
  }

  /** Waits for yauzl; what it finds wrong with the zip becomes SaeInvalid. */
  async run<T>(where: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (this.failure) throw this.failure.error;
      throw saeFault(where, `it is not an npz file that can be read: ${(error as Error).message}`, error);
    }
  }
}
