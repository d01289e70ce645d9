import { gather } from './gather.js';
import {
  damaged,
  decodeEntries,
  decodeHeader,
  checkStored,
  entryOffset,
  maxItemBytes,
  type PackEntry,
} from './pack.js';
import type { RunFiles } from './runFiles.js';

/** Items that lie together are read together, up to so many bytes. */
const readBytes = 16 * 1024 * 1024;

/** A pack of a run: its file, and the number of its first item. */
export interface Pack {
  readonly file: string;
  readonly first: number;
}

/**
 * Items [from, to) of a pack, unpacked; undefined for those that do not exist. One request for their index entries,
 * and one for each 16 MiB of items.
 * @throws RunDamaged that names the file
 */
export async function readItems(
  files: RunFiles,
  pack: Pack,
  from: number,
  to: number,
  signal?: AbortSignal,
): Promise<(Uint8Array | undefined)[]> {
  const entries = await readEntries(files, pack, from, to, signal);
  const stored = await readStored(files, pack, entries, signal);
  return Promise.all(stored.map(async (bytes) => bytes && unpackItem(bytes, pack.file)));
}

/** The index entries of items [from, to) of a pack. */
export async function readEntries(
  files: RunFiles,
  { file, first }: Pack,
  from: number,
  to: number,
  signal?: AbortSignal,
): Promise<PackEntry[]> {
  return decodeEntries(await files.read(file, entryOffset(from - first), entryOffset(to - first), signal), from, file);
}

/** The packed bytes of items, checked. @param entries of consecutive items */
export async function readStored(
  files: RunFiles,
  { file }: Pack,
  entries: readonly PackEntry[],
  signal?: AbortSignal,
): Promise<(Uint8Array | undefined)[]> {
  const stored: (Uint8Array | undefined)[] = [];
  for (const run of runsOf(entries)) {
    const present = run.filter(({ length }) => length > 0);
    const start = present[0]?.offset ?? 0;
    const end = present.reduce((sum, { length }) => sum + length, start);
    const bytes = present.length > 0 ? await files.read(file, start, end, signal) : new Uint8Array(0);
    for (const entry of run) {
      const { offset, length } = entry;
      const item = length > 0 ? bytes.subarray(offset - start, offset - start + length) : undefined;
      if (item) checkStored(entry, item, file);
      stored.push(item);
    }
  }
  return stored;
}

/** Cuts entries into runs whose items stand one after the other. */
function* runsOf(entries: readonly PackEntry[]): Generator<readonly PackEntry[]> {
  let run: PackEntry[] = [];
  let [end, bytes] = [0, 0];
  for (const entry of entries) {
    const joins = entry.length === 0 || bytes === 0 || (entry.offset === end && bytes + entry.length <= readBytes);
    if (!joins) {
      yield run;
      [run, bytes] = [[], 0];
    }
    run.push(entry);
    bytes += entry.length;
    if (entry.length > 0) end = entry.offset + entry.length;
  }
  if (run.length > 0) yield run;
}

/**
 * All items of a pack that was read as a whole, unpacked.
 * @throws RunDamaged that names `file`
 */
export async function unpackAll(bytes: Uint8Array, file: string): Promise<(Uint8Array | undefined)[]> {
  const header = decodeHeader(bytes, file);
  if (header.bytes !== bytes.length) throw damaged(file, `it has ${bytes.length} bytes, not ${header.bytes}`);
  const entries = decodeEntries(bytes.subarray(entryOffset(0), entryOffset(header.items)), header.first, file);
  return Promise.all(
    entries.map(async (entry) => {
      if (entry.length === 0) return undefined;
      const stored = bytes.subarray(entry.offset, entry.offset + entry.length);
      checkStored(entry, stored, file);
      return unpackItem(stored, file);
    }),
  );
}

/** Unpacks one item. @throws RunDamaged that names `file` */
export async function unpackItem(stored: Uint8Array, file: string): Promise<Uint8Array> {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-assertion -- the browser's types ask for it
  const packed = new Blob([stored as Uint8Array<ArrayBuffer>]).stream();
  try {
    return await gather(packed.pipeThrough(new DecompressionStream('gzip')), maxItemBytes);
  } catch (error) {
    throw damaged(file, `an item cannot be unpacked (${(error as Error).message})`);
  }
}
