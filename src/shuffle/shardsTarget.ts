import { batchRecords } from '../memory/workMemory.js';
import type { WorkMemory } from '../memory/workMemory.js';
import type { ColumnarFile } from './columnarFile.js';
import type { Placement } from './placement.js';
import type { RecordTarget } from './recordTarget.js';

/** The output shards of a gather task, as files. */
export class ShardsTarget implements RecordTarget {
  /** @param files one per group of the placement, with as many rows */
  constructor(
    private readonly memory: WorkMemory,
    private readonly placement: Placement,
    private readonly files: readonly ColumnarFile[],
  ) {}

  place(first: number, count: number, offset: number, source: number, stride: number, length: number): void {
    const { memory, files } = this;
    const { slots, groups, groupStarts } = this.placement;
    for (const { index, from, skip, bytes } of files[0]!.piecesOf(offset, length)) {
      for (let done = 0; done < count; done += batchRecords) {
        const batch = Math.min(batchRecords, count - done);
        const start = source + done * stride + skip;
        for (let i = 0; i < batch; i++) {
          const slot = slots[first + done + i]!;
          const shard = groups[slot]!;
          const file = files[shard]!;
          const column = file.columns[index]!;
          const position = column.inFile + (slot - groupStarts[shard]!) * column.bytes + from;
          const address = file.slab.address(position, bytes);
          memory.addresses[i] = address;
          if (address < 0) file.slab.write(position, memory.view(start + i * stride, bytes));
        }
        memory.scatter(start, stride, bytes, batch);
      }
    }
  }
}
