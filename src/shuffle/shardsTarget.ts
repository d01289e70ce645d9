import { batchRecords } from '../memory/workMemory.js';
import type { WorkMemory } from '../memory/workMemory.js';
import type { ColumnarFile } from './columnarFile.js';
import type { Placement } from './placement.js';
import type { RecordTarget } from './recordTarget.js';

/** The output shards of a gather task, as files. */
export class ShardsTarget implements RecordTarget {
  /** For each column and shard, where slot 0 would lie if the shard's rows went on to it; NaN for rows in several places. */
  private readonly origins: readonly Float64Array[];

  /** @param files one per group of the placement, with as many rows */
  constructor(
    private readonly memory: WorkMemory,
    private readonly placement: Placement,
    private readonly files: readonly ColumnarFile[],
  ) {
    this.origins = (files[0]?.columns ?? []).map((_, index) =>
      Float64Array.from(files, ({ slab, columns, rows }, shard) => {
        const { inFile, bytes } = columns[index]!;
        const address = slab.address(inFile, rows * bytes);
        return address < 0 ? NaN : address - placement.groupStarts[shard]! * bytes;
      }),
    );
  }

  place(first: number, count: number, offset: number, source: number, stride: number, length: number): void {
    const { memory, files } = this;
    const { addresses } = memory;
    const { slots, groups, groupStarts } = this.placement;
    for (const { index, from, skip, bytes } of files[0]!.piecesOf(offset, length)) {
      const rowBytes = files[0]!.columns[index]!.bytes;
      const origins = this.origins[index]!;
      // Which shard a slot falls in need not be looked up, mostly outside of the cache, where there is only one.
      const onlyShard = files.length === 1 ? 0 : undefined;
      for (let done = 0; done < count; done += batchRecords) {
        const batch = Math.min(batchRecords, count - done);
        const start = source + done * stride + skip;
        for (let i = 0; i < batch; i++) {
          const slot = slots[first + done + i]!;
          const shard = onlyShard ?? groups[slot]!;
          const origin = origins[shard]!;
          if (!Number.isNaN(origin)) {
            addresses[i] = origin + slot * rowBytes + from;
            continue;
          }
          const file = files[shard]!;
          const position = file.columns[index]!.inFile + (slot - groupStarts[shard]!) * rowBytes + from;
          const address = file.slab.address(position, bytes);
          addresses[i] = address;
          if (address < 0) file.slab.write(position, memory.view(start + i * stride, bytes));
        }
        memory.scatter(start, stride, bytes, batch);
      }
    }
  }
}
