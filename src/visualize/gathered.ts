import { WorkDamaged } from '../errors.js';
import type { TokenRows } from '../dump/tokenRows.js';
import { Bitmap, bitmapBytes } from './bitmap.js';
import { rowCutOffBytes } from './cutOffs.js';
import { shardRows } from './cut.js';
import { runsOf } from './ranges.js';
import { passes, type VisualizeRun } from './run.js';
import { readSection, sectionBytes } from './sections.js';
import type { StageContext } from './taskContext.js';

/** The rows of a gather shard, of which render tasks want some. */
export interface ShardRows {
  /** Of these rows at least. */
  readonly tokens: TokenRows;
  /** A byte a row. */
  readonly excluded: Uint8Array;
  /** [rows, cut-off bytes]; empty where features do not compete. */
  readonly cutOffs: Uint8Array;
  /** As they are stored; those that nobody wants may hold anything. */
  readonly activations: Uint8Array;
}

/** Rows of one gather shard that the windows of a render task need, ascending. */
export interface GatheredRows {
  readonly rows: readonly number[];
  readonly tokens: Omit<TokenRows, 'first'>;
  /** A byte a row, 1 where it counts for nothing. */
  readonly excluded: Uint8Array;
  /** [rows, cut-off bytes]; empty where features do not compete. */
  readonly cutOffs: Uint8Array;
  /** As they are stored. */
  readonly activations: Uint8Array;
}

type Reading = Pick<StageContext, 'run' | 'dump' | 'store' | 'signal'>;

/** Planes of a section behind the set of its rows; numbers a row in bytes. */
function planeBytes({ run, dump }: Pick<Reading, 'run' | 'dump'>): number[] {
  const { context, position, document } = dump.known;
  const cutOffs = run.needsCutOffs ? rowCutOffBytes(run) : 0;
  return [4, context ? 8 : 0, position ? 8 : 0, document ? 8 : 0, 1, cutOffs, dump.rowBytes];
}

/** Bytes of the section that holds the rows of a set. */
export function gatheredLength(reading: Pick<Reading, 'run' | 'dump'>, set: Bitmap): number {
  return set.bytes.length + set.count() * planeBytes(reading).reduce((sum, bytes) => sum + bytes, 0);
}

/** Fills the section that holds the rows of a set. @param content `gatheredLength` bytes */
export function fillGathered(
  content: Uint8Array,
  reading: Pick<Reading, 'run' | 'dump'>,
  set: Bitmap,
  { tokens, excluded, cutOffs, activations }: ShardRows,
): void {
  const widths = planeBytes(reading);
  const numbers = [tokens.tokens, tokens.context, tokens.position, tokens.document].map((values) =>
    values ? new Uint8Array(values.buffer, values.byteOffset, values.byteLength) : new Uint8Array(0),
  );
  const planes = [
    ...numbers.map((bytes) => ({ bytes, first: tokens.first })),
    ...[excluded, cutOffs, activations].map((bytes) => ({ bytes, first: set.first })),
  ];
  const runs = runsOf(set);
  content.set(set.bytes);
  let at = set.bytes.length;
  for (const [plane, { bytes, first }] of planes.entries()) {
    const width = widths[plane]!;
    for (const { from, to } of width > 0 ? runs : []) {
      content.set(bytes.subarray((from - first) * width, (to - first) * width), at);
      at += (to - from) * width;
    }
  }
}

/** Section 0 of a gather task's object: the bytes of each of the others (u64). */
export function encodeLengths(lengths: readonly number[]): Uint8Array {
  return new Uint8Array(new Float64Array(lengths).buffer);
}

/** The rows of one gather shard for one render task. @throws WorkDamaged */
export async function readGathered(reading: Reading, shard: number, render: number): Promise<GatheredRows> {
  const { run, dump, store, signal } = reading;
  const { first, end } = shardRows(run.sources.rows, run.plan.gatherShards, shard);
  const lengths = await readLengths(reading, shard);
  const before = lengths.slice(0, render).reduce((sum, bytes) => sum + sectionBytes(bytes), 0);
  const offset = sectionBytes(8 * run.renders.length) + before;
  const name = { pass: passes.gather, task: shard, section: 1 + render };
  const content = await readSection(store, run, name, offset, lengths[render]!, signal);
  const setBytes = bitmapBytes(end - first);
  const rows = [...new Bitmap(first, end - first, content.subarray(0, setBytes)).members()];
  const planes: Uint8Array[] = [];
  let at = setBytes;
  for (const bytes of planeBytes(reading)) {
    // Copied: numbers of 8 bytes must be aligned.
    planes.push(content.slice(at, at + bytes * rows.length));
    at += bytes * rows.length;
  }
  if (at !== content.length) throw malformed(run, shard);
  const [tokens, context, position, document, excluded, cutOffs, activations] = planes as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const { known } = dump;
  return {
    rows,
    tokens: {
      tokens: new Int32Array(tokens.buffer),
      context: known.context ? new Float64Array(context.buffer) : null,
      position: known.position ? new Float64Array(position.buffer) : null,
      document: known.document ? new Float64Array(document.buffer) : null,
    },
    excluded,
    cutOffs,
    activations,
  };
}

async function readLengths({ run, store, signal }: Reading, shard: number): Promise<number[]> {
  const name = { pass: passes.gather, task: shard, section: 0 };
  const content = await readSection(store, run, name, 0, 8 * run.renders.length, signal);
  return [...new Float64Array(content.slice().buffer)];
}

function malformed(run: VisualizeRun, shard: number): WorkDamaged {
  return new WorkDamaged(`What gather task ${shard} wrote does not have the length that it names.`, {
    pass: passes.gather,
    tasks: [shard],
    key: run.packedObject(passes.gather, shard).key,
  });
}
