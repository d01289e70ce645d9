import { createHash } from 'node:crypto';
import type { ObjectLocation } from '../storage/objectStore.js';
import type { Prefix } from '../storage/uri.js';
import { groupCount } from '../taskGroups.js';

/**
 * Work below one output prefix whose plan is fixed: passes of tasks that are numbered from 0. Each task writes at most one
 * packed object, or a part of the output, and then its checkpoint manifest. This class knows where all that lies.
 */
export abstract class PlannedRun {
  /** SHA-256 of what decides the output's bytes, hex. */
  abstract readonly layoutDigest: string;
  /** SHA-256 of how the work is cut into tasks, hex. */
  abstract readonly planDigest: string;
  /** Numbered from 1. */
  abstract readonly passes: number;
  /** Runs of earlier plans of the same layout, the oldest first, where this plan replaced others. */
  abstract readonly superseded: readonly PlannedRun[];

  constructor(readonly output: Prefix) {}

  abstract taskCount(pass: number): number;
  /** Whether the tasks of a pass write packed objects; else what they write is output. */
  abstract writesPacked(pass: number): boolean;
  /** Whether a key, relative to the output prefix, is one of the output's. */
  abstract ownsOutput(key: string): boolean;
  /** Keys of what a pass that writes output has written, relative to the output prefix. */
  abstract outputKeys(pass: number): Iterable<string>;

  protected at(key: string): ObjectLocation {
    return { bucket: this.output.bucket, key: this.output.prefix + key };
  }

  private intermediate(pass: number, name: string): ObjectLocation {
    return this.at(`_riffle/${this.planDigest}/pass-${pass}${name}`);
  }

  packedObject(pass: number, task: number): ObjectLocation {
    return this.intermediate(pass, `/${taskName(pass, task)}.bin`);
  }

  checkpoint(pass: number, task: number): ObjectLocation {
    return this.intermediate(pass, `/${taskName(pass, task)}.json`);
  }

  /** Written when all tasks of a group are done. */
  groupManifest(pass: number, group: number): ObjectLocation {
    return this.intermediate(pass, `/group-${String(group).padStart(6, '0')}.json`);
  }

  /** Written when all tasks of a pass are done. */
  passRecord(pass: number): ObjectLocation {
    return this.intermediate(pass, '.json');
  }

  /** What a key, relative to the output prefix, is to this run; undefined for keys that its plans do not name. */
  owns(key: string): 'output' | 'intermediate' | undefined {
    if (this.ownsOutput(key)) return 'output';
    const full = this.output.prefix + key;
    return [this, ...this.superseded].some((run) => run.names(full)) ? 'intermediate' : undefined;
  }

  /** Whether a whole key is that of an intermediate of this plan. */
  private names(key: string): boolean {
    const match = /\/pass-(\d+)(?:\/[0-9a-f]{4}-(\d+)\.(?:bin|json)|\/group-(\d+)\.json|\.json)$/.exec(key);
    const pass = Number(match?.[1]);
    if (!match || !(pass >= 1 && pass <= this.passes)) return false;
    const tasks = this.taskCount(pass);
    if (match[2] !== undefined) {
      const task = Number(match[2]);
      return task < tasks && (key === this.checkpoint(pass, task).key || key === this.packedObject(pass, task).key);
    }
    if (match[3] === undefined) return key === this.passRecord(pass).key;
    const group = Number(match[3]);
    return group < groupCount(tasks) && key === this.groupManifest(pass, group).key;
  }
}

/** Name of a task's objects below its pass: a hash first, which spreads the keys over S3's partitions. */
function taskName(pass: number, task: number): string {
  const hash = createHash('sha256').update(`${pass}-${task}`).digest('hex').slice(0, 4);
  return `${hash}-${String(task).padStart(8, '0')}`;
}
