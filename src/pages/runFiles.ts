/**
 * The files of a visualize run, wherever they lie. Whoever reads a run needs nothing else, so the same readers work in
 * Node and in a browser.
 */
export interface RunFiles {
  /**
   * Bytes [start, end) of a file; `start` < `end`.
   * @param file relative to the run's prefix
   * @throws RunDamaged that names the file when it is missing or shorter; RangeIgnored
   */
  read(file: string, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;

  /**
   * A whole file of at most `limit` bytes, or undefined when there is none.
   * @throws RunDamaged that names the file when it is longer
   */
  readWhole(file: string, limit: number, signal?: AbortSignal): Promise<Uint8Array | undefined>;
}
