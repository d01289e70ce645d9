import type { ThreadPool } from '../dataPlane/threadPool.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { admissionActivities } from './admission.js';
import type { AdmissionActivities, ClusterTiming } from './admission.js';
import { pipelineActivities } from './pipeline.js';
import type { PipelineActivities } from './pipeline.js';
import { shuffleActivities } from './shuffle.js';
import type { ShuffleActivities } from './shuffle.js';
import { verifyActivities } from './verify.js';
import type { VerifyActivities } from './verify.js';
import { visualizeActivities } from './visualize.js';
import type { VisualizeActivities } from './visualize.js';

/** All activities that a worker offers. */
export type Activities = AdmissionActivities &
  PipelineActivities &
  ShuffleActivities &
  VerifyActivities &
  VisualizeActivities;

/** @param threads do the work on data */
export function createActivities(store: ObjectStore, threads: ThreadPool, timing: ClusterTiming): Activities {
  return {
    ...admissionActivities(timing),
    ...pipelineActivities(store),
    ...shuffleActivities(store, threads),
    ...verifyActivities(store, threads),
    ...visualizeActivities(store, threads),
  };
}
