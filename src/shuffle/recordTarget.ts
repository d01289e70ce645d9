/** Where a task puts records. Records are numbered as the task reads them. */
export interface RecordTarget {
  /**
   * Copies `count` pieces of `length` bytes to byte `offset` of the records `first`, `first + 1`, ….
   * @param source address of the first piece in the task's memory
   * @param stride bytes from one piece to the next
   */
  place(first: number, count: number, offset: number, source: number, stride: number, length: number): void;
}

/** Lets timers and heartbeats run between pieces of long computations. */
export type Pause = () => Promise<void>;
