import type { Dataset } from '../formats/dataset.js';
import { codecOf } from '../formats/encoding.js';
import { headerReads } from '../formats/readShardHeader.js';
import { racers } from '../storage/conditionalPutProbe.js';
import { deleteBatch } from '../storage/s3Bucket.js';
import { groupCount } from '../taskGroups.js';
import { batch } from '../runs/cleanUp.js';
import type { Geometry } from './geometry.js';
import { addRequests } from './requests.js';
import type { Requests } from './requests.js';
import type { Split } from './split.js';

/*
 * The requests of a fault-free run on a fresh output that move no records, one function per step. Each must say what
 * the code of its step does; a test holds their sum against real runs behind a counting proxy.
 */

/** What the control requests of a shuffle depend on besides its plan. */
export interface ControlOptions {
  readonly keepIntermediates: boolean;
  /** Absent where the output is one dataset. */
  readonly split?: Split | undefined;
  /** Datasets that the input is a concatenation of. */
  readonly datasets: number;
  /** Whether the dataset is shuffled by the same permutation as others. */
  readonly aligned: boolean;
}

/** `checkShuffle`: the dataset.json of each dataset, a survey, every shard's HEAD and header. */
export function checkRequests(dataset: Dataset, datasets: number): Partial<Requests> {
  const codec = codecOf(dataset);
  const headers = dataset.shards.reduce((sum, shard) => sum + headerReads(codec, shard), 0);
  return { get: datasets + headers, head: dataset.shards.length, list: 1 };
}

/** `alignShuffles`, for one of the aligned datasets: reads it to find the common cut, then checks it. */
export function alignRequests(dataset: Dataset, datasets: number): Partial<Requests> {
  return addRequests({ get: datasets }, checkRequests(dataset, datasets));
}

/** `prepareShuffle`: the checks, the probe, plan.json. */
export function prepareRequests(dataset: Dataset, datasets: number): Partial<Requests> {
  return addRequests(checkRequests(dataset, datasets), { get: 1, put: racers + 1, delete: 1 });
}

/** What each worker process reads once, when it first works for the run: plan.json. */
export const workerRequests: Partial<Requests> = { get: 1 };

/** A task looks for its checkpoint. */
export const taskStartRequests: Partial<Requests> = { get: 1 };

/** A task writes its checkpoint. */
export const taskEndRequests: Partial<Requests> = { put: 1 };

/** `foldGroup`, for all groups of a pass: reads the checkpoints of their tasks, writes one manifest each. */
export function foldRequests(tasks: number): Partial<Requests> {
  return { get: tasks, put: groupCount(tasks) };
}

/** `completePass`: the record of the pass before is read, this one's written; then the pass before may be deleted. */
export function passEndRequests(geometry: Geometry, pass: number, keepIntermediates: boolean): Partial<Requests> {
  const deletes = !keepIntermediates && pass > 1 && !geometry.isGather(pass) ? passDeletes(geometry, pass - 1) : 0;
  return { get: pass > 1 ? 1 : 0, put: 1, delete: deletes };
}

/**
 * `commitShuffle`: looks for dataset.json, reads the pass record and the group manifests of the gather pass, looks at
 * their shards, writes dataset.json, or two of a split output.
 */
export function commitRequests(geometry: Geometry, split: Split | undefined): Partial<Requests> {
  const groups = groupCount(geometry.taskCount(geometry.passes));
  return { get: 2 + groups, head: geometry.shape.shards, put: split ? 2 : 1, list: 1 };
}

/** `cleanUp`, unless intermediates are kept: all passes, then their records. */
export function cleanUpRequests(geometry: Geometry): Partial<Requests> {
  let deletes = Math.ceil(geometry.passes / deleteBatch);
  for (let pass = 1; pass <= geometry.passes; pass++) deletes += passDeletes(geometry, pass);
  return { delete: deletes };
}

/** All of them but those of the tasks, with one worker process. */
export function controlRequests(dataset: Dataset, geometry: Geometry, options: ControlOptions): Requests {
  const { keepIntermediates, split, datasets, aligned } = options;
  const passEnds = Array.from({ length: geometry.passes }, (_, index) =>
    passEndRequests(geometry, index + 1, keepIntermediates),
  );
  return addRequests(
    aligned ? alignRequests(dataset, datasets) : {},
    prepareRequests(dataset, datasets),
    workerRequests,
    ...passEnds,
    commitRequests(geometry, split),
    keepIntermediates ? {} : cleanUpRequests(geometry),
  );
}

/** DeleteObjects requests of `deletePass`. */
function passDeletes(geometry: Geometry, pass: number): number {
  const keysPerTask = geometry.isGather(pass) ? 1 : 2;
  const tasks = geometry.taskCount(pass);
  const requests = (count: number, others: number): number => Math.ceil((count * keysPerTask + others) / deleteBatch);
  // The group manifests go with the first batch.
  const first = requests(Math.min(tasks, batch), groupCount(tasks));
  const rest = Math.max(0, tasks - batch);
  return first + Math.floor(rest / batch) * requests(batch, 0) + requests(rest % batch, 0);
}
