import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { DumpIncomplete } from '../errors.js';
import { isComplete, openDump } from '../pipeline/dump.js';
import type { DumpSummary } from '../pipeline/dump.js';
import type { PipelineInput } from '../pipeline/input.js';
import type { ObjectStore } from '../storage/objectStore.js';
import { parseObject, parsePrefix } from '../storage/uri.js';
import { attempt } from './attempt.js';

export interface PipelineActivities {
  /**
   * Ends when a dump is complete; fails, to be tried again, when it is not.
   * @param marker URI of the object that its writer leaves in the end
   */
  awaitDump(dump: string, marker: string): Promise<void>;
  /** Writes dataset.json where none is; else checks that the shards are those that it lists. */
  describeDump(input: Pick<PipelineInput, 'dump' | 'encoding' | 'recordBytes'>): Promise<DumpSummary>;
}

export function pipelineActivities(store: ObjectStore): PipelineActivities {
  return {
    awaitDump: (dump, marker) =>
      attempt(
        async ({ signal }) => {
          if (!(await isComplete(store, parsePrefix(dump), parseObject(marker), { signal }))) throw notYet(marker);
        },
        { refusal: true },
      ),

    describeDump: ({ dump, encoding, recordBytes }) =>
      attempt(({ signal }) => openDump(store, parsePrefix(dump), { encoding, recordBytes, signal }), { refusal: true }),
  };
}

/** Nothing is wrong: workers do not log it. */
function notYet(marker: string): ApplicationFailure {
  const { code, message } = new DumpIncomplete(`${marker} is not there yet: the dump is not complete.`);
  return ApplicationFailure.create({ type: code, message, category: ApplicationFailureCategory.BENIGN });
}
