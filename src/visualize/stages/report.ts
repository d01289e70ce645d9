import { sumDigests } from '../../digests.js';
import type { TaskReport, WrittenObject } from '../../runs/checkpoint.js';

/** What a task did. @param records features, rows or pages, whatever its pass counts */
export function reportOf(pass: number, task: number, records: number, wrote: readonly WrittenObject[]): TaskReport {
  return { pass, task, records, digest: sumDigests([]), bytesRead: 0, wrote };
}
