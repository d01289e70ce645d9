/** Where a task puts records. `record` numbers them as the task reads them. */
export interface RecordTarget {
  /** Copies source[start, end) to the bytes of `record` from `offset`. */
  write(record: number, offset: number, source: Uint8Array, start: number, end: number): void;
}

/** Lets timers and heartbeats run between pieces of long computations. */
export type Pause = () => Promise<void>;
