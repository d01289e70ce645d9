import { InvalidInput, UploadConflict } from '../errors.js';
import {
  partBytes,
  type CallOptions,
  type ObjectLocation,
  type ObjectStore,
  type Part,
} from '../storage/objectStore.js';
import { formatPrefix, relativeKeyFault, type Prefix } from '../storage/uri.js';
import { compareWithObject } from './compareFile.js';
import { Budget, forEachConcurrently } from '../concurrently.js';
import { findFiles, withFile, type LocalEntry, type LocalFile } from './localFiles.js';
import { compareText } from './shardHeader.js';

/** Files in work at a time. */
const concurrency = 16;

/** Bytes of files held at a time. */
const memory = 256 * 1024 * 1024;

/** S3 takes this many parts an object. */
const maxParts = 10_000;

/** Conflicts that a message names. */
const namedConflicts = 10;

export interface PutOptions extends CallOptions {
  /** Called after each file. `bytes` counts what was uploaded. */
  readonly onProgress?: ((progress: PutProgress) => void) | undefined;
}

export interface PutProgress {
  readonly stage: 'compare' | 'upload';
  /** Files of this stage. */
  readonly done: number;
  readonly total: number;
  readonly bytes: number;
}

export interface PutResult {
  /** Files. */
  readonly uploaded: number;
  /** Files that were there already, with the same content. */
  readonly skipped: number;
  /** Bytes uploaded. */
  readonly bytes: number;
  /** Dot files, links and other things that are no files; a folder counts as one. */
  readonly ignored: number;
}

/**
 * Uploads the files of a directory and the directories in it, under their relative paths. Objects of the same content
 * are skipped; an object of other content is never overwritten: all files are compared before the first is uploaded.
 * A dataset.json goes last, because it is what makes its prefix a dataset.
 * @throws UploadConflict naming the keys; InvalidInput for a directory that cannot be read, holds nothing to upload or
 *   has names that S3 cannot have; FileChanged; what the store throws
 */
export async function putDirectory(
  store: ObjectStore,
  directory: string,
  place: Prefix,
  options: PutOptions = {},
): Promise<PutResult> {
  const { entries, ignored } = await findFiles(directory, options.signal);
  if (entries.length === 0) {
    throw new InvalidInput(`${directory} holds nothing to upload (${ignored} dot files, links or the like ignored).`);
  }
  for (const entry of entries) checkName(entry, directory, place);
  const missing = await findMissing(store, entries, place, options);
  const isCommit = ({ path }: LocalEntry) => /(^|\/)dataset\.json$/.test(path);
  const phases = [missing.filter((entry) => !isCommit(entry)), missing.filter(isCommit)];
  const bytes = await uploadAll(store, phases, place, options);
  return { uploaded: missing.length, skipped: entries.length - missing.length, bytes, ignored };
}

function checkName({ path, bytes }: LocalEntry, directory: string, place: Prefix): void {
  const fault = relativeKeyFault(place.prefix + path);
  if (fault) throw new InvalidInput(`The name ${JSON.stringify(path)} in ${directory} ${fault}: rename the file.`);
  if (bytes > maxParts * partBytes) {
    throw new InvalidInput(
      `${JSON.stringify(path)} in ${directory} has ${bytes} bytes; riffle puts at most ${maxParts * partBytes} in one ` +
        'object: split it.',
    );
  }
}

/** The files that have no object yet. @throws UploadConflict when any has an object of other content */
async function findMissing(
  store: ObjectStore,
  entries: readonly LocalEntry[],
  place: Prefix,
  { signal, onProgress }: PutOptions,
): Promise<LocalEntry[]> {
  const missing = new Set<LocalEntry>();
  const conflicts: string[] = [];
  let done = 0;
  await forEachConcurrently(entries, concurrency, signal, async (entry, abort) => {
    const relation = await withFile(entry, (file) => compareWithObject(store, file, locate(entry, place), abort));
    if (relation === 'missing') missing.add(entry);
    if (relation === 'different') conflicts.push(entry.path);
    onProgress?.({ stage: 'compare', done: ++done, total: entries.length, bytes: 0 });
  });
  if (conflicts.length > 0) throw conflict(place, conflicts.sort(compareText));
  return entries.filter((entry) => missing.has(entry));
}

/** Uploads one phase after the other; returns the bytes. */
async function uploadAll(
  store: ObjectStore,
  phases: readonly (readonly LocalEntry[])[],
  place: Prefix,
  { signal, onProgress }: PutOptions,
): Promise<number> {
  const budget = new Budget(memory);
  const total = phases.reduce((sum, phase) => sum + phase.length, 0);
  let done = 0;
  let bytes = 0;
  for (const phase of phases) {
    await forEachConcurrently(phase, concurrency, signal, async (entry, abort) => {
      await budget.run(entry.bytes, async () => {
        abort.throwIfAborted();
        await withFile(entry, (file) => upload(store, file, place, abort));
      });
      bytes += entry.bytes;
      onProgress?.({ stage: 'upload', done: ++done, total, bytes });
    });
  }
  return bytes;
}

async function upload(store: ObjectStore, file: LocalFile, place: Prefix, signal: AbortSignal): Promise<void> {
  const { bytes } = file.entry;
  const parts: Part[] = [];
  if (bytes <= partBytes) parts.push(await file.read(0, bytes));
  else {
    for (let start = 0; start < bytes; start += partBytes) {
      const end = Math.min(bytes, start + partBytes);
      parts.push({ length: end - start, read: () => file.read(start, end) });
    }
  }
  const object = locate(file.entry, place);
  const outcome = await store.putIfAbsent(object, parts, { signal });
  if (outcome.created) return;
  // It may be this very upload, whose first answer was lost.
  const relation = await compareWithObject(store, file, object, signal);
  if (relation !== 'same') throw conflict(place, [file.entry.path]);
}

function locate({ path }: LocalEntry, place: Prefix): ObjectLocation {
  return { bucket: place.bucket, key: place.prefix + path };
}

function conflict(place: Prefix, paths: readonly string[]): UploadConflict {
  const named = paths.slice(0, namedConflicts).map((path) => JSON.stringify(path));
  const more = paths.length > named.length ? ` and ${paths.length - named.length} more` : '';
  return new UploadConflict(
    `${formatPrefix(place)} holds other content under ${named.join(', ')}${more}. riffle put never overwrites: use ` +
      'another prefix, or delete these objects first.',
    { where: formatPrefix(place), keys: paths.slice(0, namedConflicts), count: paths.length },
  );
}
