import { crc32 } from '@node-rs/crc32';
import { ObjectChanged, ObjectMissing, WorkDamaged } from '../errors.js';
import { encodeTrailer, trailerBytes, trailerFault } from '../runs/segment.js';
import type { SegmentIdentity } from '../runs/segment.js';
import { partBytes } from '../storage/objectStore.js';
import type { LazyPart, ObjectStore, SettledPart } from '../storage/objectStore.js';
import { combineCrc32 } from '../storage/crc32.js';
import type { WrittenObject } from '../runs/checkpoint.js';
import type { VisualizeRun } from './run.js';

/** Which section of which task's packed object. */
export interface SectionName {
  readonly pass: number;
  readonly task: number;
  /** Its number in the object. */
  readonly section: number;
}

/** Bytes of a section in its object. */
export function sectionBytes(content: number): number {
  return content + trailerBytes;
}

/**
 * Writes a task's packed object: sections one after the other, each with the trailer that a shuffle's segments have. A
 * section counts as so many records of one byte.
 * @param sections bytes of each section, in pieces
 * @param rest what follows them, which proves itself
 */
export async function writeSections(
  store: ObjectStore,
  run: VisualizeRun,
  pass: number,
  task: number,
  sections: readonly (readonly Uint8Array[])[],
  signal: AbortSignal,
  rest: readonly Uint8Array[] = [],
): Promise<WrittenObject> {
  const pieces = sections.flatMap((section, index) => {
    let [bytes, crc] = [0, 0];
    for (const piece of section) {
      crc = combineCrc32(crc, crc32(piece), piece.length);
      bytes += piece.length;
    }
    return [
      ...section,
      encodeTrailer(identify(run, { pass, task, section: index }, bytes), { crc32: crc, digest: 0n }),
    ];
  });
  pieces.push(...rest);
  const location = run.packedObject(pass, task);
  signal.throwIfAborted();
  const { etag } = await store.put(location, cutParts(pieces), { signal });
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return { key: location.key.slice(run.output.prefix.length), bytes, etag };
}

/**
 * Writes a task's packed object whose sections together may not fit in memory: each is made when its turn to be sent comes,
 * and again where it must be sent again. One of them is held, and the parts that are under way.
 * @param lengths bytes of each section
 * @param fill fills a section, in the same way each time
 */
export async function writeLazySections(
  store: ObjectStore,
  run: VisualizeRun,
  pass: number,
  task: number,
  lengths: readonly number[],
  fill: (section: number, content: Uint8Array) => void,
  signal: AbortSignal,
): Promise<WrittenObject> {
  const starts = [0];
  for (const length of lengths) starts.push(starts.at(-1)! + sectionBytes(length));
  const total = starts.at(-1)!;
  let held = { section: -1, bytes: new Uint8Array(0) };
  const make = (section: number): Uint8Array => {
    if (held.section === section) return held.bytes;
    // The old one goes first, so that two are never held at once.
    held = { section, bytes: new Uint8Array(0) };
    const bytes = new Uint8Array(sectionBytes(lengths[section]!));
    const content = bytes.subarray(0, lengths[section]);
    fill(section, content);
    bytes.set(trailerOf(run, { pass, task, section }, content), content.length);
    held = { section, bytes };
    return bytes;
  };
  const parts = Array.from({ length: Math.ceil(total / partBytes) }, (_, index): LazyPart => {
    const start = index * partBytes;
    const length = Math.min(partBytes, total - start);
    const read = (): Promise<Uint8Array> => {
      const part = new Uint8Array(length);
      for (
        let section = starts.findIndex((_, next) => starts[next + 1]! > start);
        starts[section]! < start + length;
        section++
      ) {
        const from = Math.max(0, start - starts[section]!);
        part.set(make(section).subarray(from, start + length - starts[section]!), starts[section]! + from - start);
      }
      return Promise.resolve(part);
    };
    return { length, read };
  });
  const location = run.packedObject(pass, task);
  signal.throwIfAborted();
  const { etag } = await store.put(location, parts, { signal });
  return { key: location.key.slice(run.output.prefix.length), bytes: total, etag };
}

/** Reads a section whose place is known. @throws WorkDamaged where its task must be done again */
export async function readSection(
  store: ObjectStore,
  run: VisualizeRun,
  name: SectionName,
  offset: number,
  bytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const range = { start: offset, end: offset + sectionBytes(bytes) };
  const data = new Uint8Array(range.end - range.start);
  try {
    await store.readInto(run.packedObject(name.pass, name.task), range, data, { signal });
  } catch (error) {
    if (!(error instanceof ObjectMissing || error instanceof ObjectChanged)) throw error;
    throw damaged(run, name, `it cannot be read (${error.code})`);
  }
  return checked(run, name, data);
}

function checked(run: VisualizeRun, name: SectionName, data: Uint8Array): Uint8Array {
  const content = data.subarray(0, data.length - trailerBytes);
  const identity = identify(run, name, content.length);
  const fault = trailerFault(data.subarray(content.length), identity, { crc32: crc32(content), digest: 0n });
  if (fault !== undefined) throw damaged(run, name, fault);
  return content;
}

function trailerOf(run: VisualizeRun, name: SectionName, content: Uint8Array): Uint8Array {
  return encodeTrailer(identify(run, name, content.length), { crc32: crc32(content), digest: 0n });
}

function identify(run: VisualizeRun, { pass, task, section }: SectionName, bytes: number): SegmentIdentity {
  return { layout: run.layoutDigest, plan: run.planDigest, pass, task, bucket: section, records: bytes };
}

function damaged(run: VisualizeRun, { pass, task, section }: SectionName, fault: string): WorkDamaged {
  const { bucket, key } = run.packedObject(pass, task);
  return new WorkDamaged(
    `Section ${section} of s3://${bucket}/${key} must be written again (task ${task} of pass ${pass}): ${fault}.`,
    { pass, tasks: [task], key },
  );
}

/** Pieces as an upload takes them: all parts but the last have `partBytes`. */
function cutParts(pieces: readonly Uint8Array[]): SettledPart[] {
  const parts: SettledPart[] = [];
  let [held, length]: [Uint8Array[], number] = [[], 0];
  const flush = (): void => {
    const bytes = held.length === 1 ? held[0]! : Buffer.concat(held);
    parts.push({ bytes, crc32: crc32(bytes) });
    [held, length] = [[], 0];
  };
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const taken = piece.subarray(at, at + partBytes - length);
      held.push(taken);
      length += taken.length;
      at += taken.length;
      if (length === partBytes) flush();
    }
  }
  if (length > 0 || parts.length === 0) flush();
  return parts;
}
