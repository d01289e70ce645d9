import { crc32 } from '@node-rs/crc32';
import { z } from 'zod';
import { concatenate, readDatasets } from '../formats/concatenation.js';
import type { Dataset } from '../formats/dataset.js';
import { readDataset } from '../formats/readDataset.js';
import { jsonDigest } from '../json.js';
import { withHeldOut } from '../shuffle/split.js';
import type { ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import { parsePrefix } from '../storage/uri.js';
import type { Prefix } from '../storage/uri.js';
import type { Pause } from '../shuffle/recordTarget.js';
import { checkInput, datasetUris, prefixUri } from '../validation.js';
import { checkComparable, judge } from './verdict.js';
import type { Verdict } from './verdict.js';
import { sampleThreshold, verifyShards, verifyTasks } from './verifyTask.js';
import type { ShardRange, VerifyContext, VerifyPart } from './verifyTask.js';

const verifySchema = z.strictObject({ input: datasetUris, output: prefixUri });

/** S3 URIs of the datasets that were shuffled (as one, where there are several) and of the result. */
export type VerifyInput = z.output<typeof verifySchema>;

/** @throws InvalidInput */
export function parseVerifyInput(input: unknown): VerifyInput {
  return checkInput(verifySchema, input, 'verify');
}

/** One side of a verification. */
interface Side {
  /** Of the output side there is one. */
  readonly places: readonly Prefix[];
  readonly dataset: Dataset;
  readonly tasks: readonly ShardRange[];
}

/** A verification: the tasks of the input dataset come first, then those of the output dataset. */
export class VerifyRun {
  /** What both datasets are: SHA-256 over keys, lengths and ETags of all shards, in hex. */
  readonly digest: string;

  private constructor(
    private readonly input: Side,
    private readonly output: Side,
  ) {
    const shards = ({ dataset }: Side): string[] =>
      dataset.shards.map(({ key, bytes, etag }) => `${key} ${bytes} ${etag}`);
    this.digest = jsonDigest([shards(input), shards(output)]);
  }

  /** @throws DatasetMissing, DatasetInvalid, DatasetsDiffer */
  static async open(store: ObjectStore, { input, output }: VerifyInput, signal?: AbortSignal): Promise<VerifyRun> {
    const [from, to] = await Promise.all([openInput(store, [input].flat(), signal), openOutput(store, output, signal)]);
    checkComparable(from.dataset, to.dataset);
    return new VerifyRun(from, to);
  }

  get taskCount(): number {
    return this.input.tasks.length + this.output.tasks.length;
  }

  /** Bytes of all shards. */
  get bytes(): number {
    const shards = [...this.input.dataset.shards, ...this.output.dataset.shards];
    return shards.reduce((sum, shard) => sum + shard.bytes, 0);
  }

  async runTask(task: number, context: VerifyContext): Promise<VerifyPart> {
    const side = task < this.input.tasks.length ? this.input : this.output;
    const range = side.tasks[side === this.input ? task : task - this.input.tasks.length]!;
    return verifyShards(side.places, side.dataset, range, sampleThreshold(this.input.dataset.rows), context);
  }

  /** @param parts of all tasks, in their order */
  judge(parts: readonly VerifyPart[], pause: Pause): Promise<Verdict> {
    return judge(parts.slice(0, this.input.tasks.length), parts.slice(this.input.tasks.length), pause);
  }

  /** Where a distributed verification keeps what a task found. */
  partLocation(task: number): ObjectLocation {
    const { bucket, prefix } = this.output.places[0]!;
    return { bucket, key: `${prefix}_riffle/verify/${this.digest}/${task}.bin` };
  }
}

async function openInput(store: ObjectStore, uris: readonly string[], signal: AbortSignal | undefined): Promise<Side> {
  const places = uris.map(parsePrefix);
  const dataset = concatenate(await readDatasets(store, places, { signal }));
  return { places, dataset, tasks: verifyTasks(dataset) };
}

/** The output of a shuffle is all that it wrote: what it held out belongs to it. */
async function openOutput(store: ObjectStore, uri: string, signal: AbortSignal | undefined): Promise<Side> {
  const place = parsePrefix(uri);
  const dataset = await withHeldOut(store, place, await readDataset(store, place, { signal }), { signal });
  return { places: [place], dataset, tasks: verifyTasks(dataset) };
}

const partLimit = 256 * 1024 * 1024;

/** A part as bytes: a line of JSON with counts and the CRC-32 of the sample, then the sample. */
export function encodePart(part: VerifyPart): Uint8Array {
  const { sample, ...facts } = part;
  return Buffer.concat([Buffer.from(`${JSON.stringify({ ...facts, crc: crc32(sample) })}\n`), sample]);
}

/** @returns undefined when the bytes are not what `encodePart` wrote */
export function decodePart(data: Uint8Array): VerifyPart | undefined {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  const end = bytes.indexOf('\n');
  try {
    const { crc, ...facts } = JSON.parse(bytes.toString('utf8', 0, end)) as Omit<VerifyPart, 'sample'> & {
      crc: number;
    };
    const sample = bytes.subarray(end + 1);
    return crc === crc32(sample) ? { ...facts, sample } : undefined;
  } catch {
    return undefined;
  }
}

export async function readPart(
  store: ObjectStore,
  run: VerifyRun,
  task: number,
  signal: AbortSignal,
): Promise<VerifyPart | undefined> {
  const found = await store.readWhole(run.partLocation(task), partLimit, { signal });
  return found && decodePart(found.data);
}
