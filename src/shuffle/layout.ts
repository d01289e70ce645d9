import type { Dataset, Encoding } from '../formats/dataset.js';
import { recordBytes } from '../formats/encoding.js';
import { jsonDigest } from '../json.js';
import type { Json } from '../json.js';
import type { Shape } from './shape.js';
import type { Split } from './split.js';

export const algorithm = 'riffle-shuffle/1';

/** All that the bytes of a shuffle's output depend on. */
export interface Layout {
  readonly algorithm: typeof algorithm;
  readonly seed: string;
  readonly blockRows: number;
  readonly outputShardRows: number;
  /** Absent where the output is one dataset. */
  readonly split?: Split;
  readonly encoding: Encoding;
  readonly inputs: readonly {
    readonly key: string;
    readonly rows: number;
    readonly bytes: number;
    readonly etag: string;
  }[];
}

export interface LayoutOptions {
  readonly seed: string;
  readonly blockRows?: number | undefined;
  readonly outputShardRows?: number | undefined;
  readonly split?: Split | undefined;
}

/** Bytes that a block holds by default, and an output shard (with the 8 bytes a record that a gather task needs). */
const defaultBlockBytes = 262_144;
const defaultShardBytes = 536_870_912;

export function defaultBlockRows(recordBytes: number): number {
  return Math.max(1, Math.floor(defaultBlockBytes / recordBytes));
}

/** Never depends on memory: the same input and seed give the same files on every machine. */
export function defaultOutputShardRows(recordBytes: number, rows: number): number {
  return Math.max(1, Math.floor(defaultShardBytes / (recordBytes + 8)), Math.ceil(rows / 2 ** 20));
}

export function layoutOf(dataset: Dataset, options: LayoutOptions): Layout {
  const width = recordBytes(dataset);
  return {
    algorithm,
    seed: options.seed,
    blockRows: options.blockRows ?? defaultBlockRows(width),
    outputShardRows: options.outputShardRows ?? defaultOutputShardRows(width, dataset.rows),
    ...(options.split === undefined ? {} : { split: { heldOut: options.split.heldOut } }),
    encoding: dataset.encoding,
    inputs: dataset.shards.map(({ key, rows, bytes, etag }) => ({ key, rows, bytes, etag })),
  };
}

export function layoutDigest(layout: Layout): string {
  return jsonDigest(asJson(layout));
}

function asJson({ split, inputs, ...layout }: Layout): { readonly [name: string]: Json } {
  return { ...layout, ...(split ? { split: { ...split } } : {}), inputs: inputs.map((input) => ({ ...input })) };
}

export function shapeOf(rows: number, layout: Pick<Layout, 'blockRows' | 'outputShardRows'>): Shape {
  return { rows, blockRows: layout.blockRows, shards: Math.ceil(rows / layout.outputShardRows) };
}

/** The first thing in which two layouts differ, for people; undefined when they are equal. */
export function layoutDifference(stored: Layout, wanted: Layout): string | undefined {
  for (const field of ['algorithm', 'seed', 'blockRows', 'outputShardRows', 'split', 'encoding'] as const) {
    const [there, here] = [stored[field], wanted[field]].map((value) => JSON.stringify(value) ?? 'absent');
    if (there !== here) return `${field} is ${there} there and ${here} here`;
  }
  if (stored.inputs.length !== wanted.inputs.length) {
    return `the input has ${stored.inputs.length} shards there and ${wanted.inputs.length} here`;
  }
  for (const [index, there] of stored.inputs.entries()) {
    const here = wanted.inputs[index]!;
    for (const field of ['key', 'rows', 'bytes', 'etag'] as const) {
      if (there[field] !== here[field]) {
        return `input shard ${index} has ${field} ${JSON.stringify(there[field])} there and ${JSON.stringify(here[field])} here`;
      }
    }
  }
  return undefined;
}

/** Name of output shard `shard`: padded, so that byte order is row order. */
export function outputShardKey(shard: number, shards: number, extension: string): string {
  const digits = Math.max(5, String(shards - 1).length);
  return `${String(shard).padStart(digits, '0')}${extension}`;
}
