import { sumDigests } from '../../digests.js';
import type { TaskReport, WrittenObject } from '../../runs/checkpoint.js';

/** What a task did; the bytes that it read are counted where they pass. */
export type StageReport = Omit<TaskReport, 'bytesRead'>;

/** @param records features, rows or pages, whatever its pass counts */
export function reportOf(pass: number, task: number, records: number, wrote: readonly WrittenObject[]): StageReport {
  return { pass, task, records, digest: sumDigests([]), wrote };
}
