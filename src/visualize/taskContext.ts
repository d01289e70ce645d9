import type { Compute } from '../encoder/session.js';
import type { Shapes } from '../encoder/tiles.js';
import type { WorkMemory } from '../memory/workMemory.js';
import type { ObjectStore } from '../storage/objectStore.js';
import type { Dump } from '../dump/dump.js';
import type { VisualizeRun } from './run.js';
import type { SourceUris } from './sources.js';

/** What a task of a visualize run works with. */
export interface StageContext {
  readonly run: VisualizeRun;
  readonly uris: SourceUris;
  readonly dump: Dump;
  readonly store: ObjectStore;
  /** Where the task may spread out; nobody else uses it meanwhile. */
  readonly memory: WorkMemory;
  /** Waits until the task may hold so many bytes; asked once, before the memory is used. */
  readonly reserve: (bytes: number) => Promise<void>;
  readonly compute: Compute;
  /** What `checkEncoder` found of this machine. */
  readonly shapes: Shapes;
  readonly signal: AbortSignal;
  /** Called with the number of bytes read or written since the last call; what `store` moves is counted already. */
  readonly onBytes: (bytes: number) => void;
  /** Lets other work of the thread go on; throws when the task is cancelled. */
  readonly pause: () => Promise<void>;
}
