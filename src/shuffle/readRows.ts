import type { ColumnSpan, Read } from '../formats/planReads.js';
import type { ByteRange, ObjectStore } from '../storage/objectStore.js';
import { readEach } from './reading.js';
import type { ReadOptions, ReadWindow } from './reading.js';
import type { RecordTarget } from './recordTarget.js';

/**
 * Reads rows of a dataset, whatever shards they lie in.
 * @param reads of `planReads`; its first row becomes record 0
 * @throws ObjectMissing or ObjectChanged when a shard is not the one that dataset.json describes
 */
export async function readRows(
  store: ObjectStore,
  reads: readonly Read[],
  windows: readonly ReadWindow[],
  target: RecordTarget,
  options: ReadOptions,
): Promise<void> {
  await readEach(reads, windows, options.signal, async (read, window, signal) => {
    const { range, spans } = read;
    let { start } = range;
    window.begin(range.end - range.start, (address, held) => {
      const arrived = { start, end: start + held };
      for (const span of spans) placeSpan(span, arrived, address, target);
      options.onBytes(held);
      start += held;
      return held;
    });
    await store.read(read.object, range, window, { ifMatch: read.etag, signal });
  });
}

/** Hands out the part of a column that a range holds: whole rows at once; the first and the last may be cut. */
function placeSpan(span: ColumnSpan, range: ByteRange, address: number, target: RecordTarget): void {
  const { rowBytes } = span;
  const end = Math.min(span.end, range.end);
  for (let at = Math.max(span.start, range.start); at < end;) {
    const row = Math.floor((at - span.start) / rowBytes);
    const inRow = at - span.start - row * rowBytes;
    const whole = inRow === 0 ? Math.floor((end - at) / rowBytes) : 0;
    const count = Math.max(1, whole);
    const length = whole > 0 ? rowBytes : Math.min(rowBytes - inRow, end - at);
    target.place(span.firstRecord + row, count, span.inRecord + inRow, address + at - range.start, rowBytes, length);
    at += whole > 0 ? whole * rowBytes : length;
  }
}
