import type { Dataset } from '../formats/dataset.js';
import { codecOf } from '../formats/encoding.js';
import { headerReads } from '../formats/readShardHeader.js';
import { racers } from '../storage/conditionalPutProbe.js';
import { deleteBatch } from '../storage/s3Bucket.js';
import { batch } from './cleanUp.js';
import type { Geometry } from './geometry.js';
import { addRequests } from './requests.js';
import type { Requests } from './requests.js';

/*
 * The requests of a fault-free run on a fresh output that move no records, one function per step. Each must say what
 * the code of its step does; a test holds their sum against real runs behind a counting proxy.
 */

/** `prepareShuffle`: dataset.json, a survey, every shard's HEAD and header, the probe, plan.json. */
export function prepareRequests(dataset: Dataset): Partial<Requests> {
  const codec = codecOf(dataset);
  const headers = dataset.shards.reduce((sum, shard) => sum + headerReads(codec, shard), 0);
  return { get: 1 + headers + 1, head: dataset.shards.length, put: racers + 1, list: 1, delete: 1 };
}

/** What each worker process reads once, when it first works for the run: plan.json. */
export const workerRequests: Partial<Requests> = { get: 1 };

/** A task looks for its checkpoint. */
export const taskStartRequests: Partial<Requests> = { get: 1 };

/** A task writes its checkpoint. */
export const taskEndRequests: Partial<Requests> = { put: 1 };

/** `completePass`: the record of the pass before is read, this one's written; then the pass before may be deleted. */
export function passEndRequests(geometry: Geometry, pass: number, keepIntermediates: boolean): Partial<Requests> {
  const deletes = !keepIntermediates && pass > 1 && !geometry.isGather(pass) ? passDeletes(geometry, pass - 1) : 0;
  return { get: pass > 1 ? 1 : 0, put: 1, delete: deletes };
}

/** `commitShuffle`: looks for dataset.json, reads the pass record, all gather checkpoints, looks at their shards. */
export function commitRequests(geometry: Geometry): Partial<Requests> {
  return { get: 2 + geometry.taskCount(geometry.passes), head: geometry.shape.shards, put: 1, list: 1 };
}

/** `cleanUp`, unless intermediates are kept: all passes, then their records. */
export function cleanUpRequests(geometry: Geometry): Partial<Requests> {
  let deletes = Math.ceil(geometry.passes / deleteBatch);
  for (let pass = 1; pass <= geometry.passes; pass++) deletes += passDeletes(geometry, pass);
  return { delete: deletes };
}

/** All of them but those of the tasks, with one worker process. */
export function controlRequests(dataset: Dataset, geometry: Geometry, keepIntermediates: boolean): Requests {
  const passEnds = Array.from({ length: geometry.passes }, (_, index) =>
    passEndRequests(geometry, index + 1, keepIntermediates),
  );
  return addRequests(
    prepareRequests(dataset),
    workerRequests,
    ...passEnds,
    commitRequests(geometry),
    keepIntermediates ? {} : cleanUpRequests(geometry),
  );
}

/** DeleteObjects requests of `deletePass`. */
function passDeletes(geometry: Geometry, pass: number): number {
  const keysPerTask = geometry.isGather(pass) ? 1 : 2;
  const requests = (tasks: number): number => Math.ceil((tasks * keysPerTask) / deleteBatch);
  const tasks = geometry.taskCount(pass);
  return Math.floor(tasks / batch) * requests(batch) + requests(tasks % batch);
}
