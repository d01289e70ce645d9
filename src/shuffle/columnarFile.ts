import { packedOffsets } from '../formats/columns.js';
import type { Dataset } from '../formats/dataset.js';
import { columnBytes, recordBytes } from '../formats/encoding.js';
import type { Codec } from '../formats/encoding.js';
import { PartChecksums, Slab } from '../memory/slab.js';
import type { RecordRun } from '../memory/slab.js';
import { combineCrc32 } from '../storage/crc32.js';
import { batchRecords } from '../memory/workMemory.js';
import type { WorkMemory } from '../memory/workMemory.js';
import type { SettledPart } from '../storage/objectStore.js';
import { digestOf } from './recordHash.js';
import type { Pause, RecordTarget } from './recordTarget.js';

/** Where a column stands. */
export interface ColumnPlace {
  /** Offset in the record. */
  readonly inRecord: number;
  /** Bytes of one row. */
  readonly bytes: number;
  /** Offset of the column's data in the file. */
  readonly inFile: number;
}

/** Bytes of rows that are put together from their columns at a time (at least one row): they stay in the cache. */
const assemblyBytes = 256 * 1024;

/** Room in a task's memory in which rows are put together from their columns. */
export interface Assembly {
  /** Rows that it holds, twice. */
  readonly rows: number;
  readonly address: number;
}

/** @param width bytes of a row */
export function takeAssembly(memory: WorkMemory, width: number): Assembly {
  const rows = Math.min(batchRecords, Math.max(1, Math.floor(assemblyBytes / Math.max(1, width))));
  return { rows, address: memory.take(2 * rows * width) };
}

/** Rows in memory as a shard file holds them: a header, then column after column. */
export class ColumnarFile implements RecordTarget {
  readonly headerBytes: number;
  /** The file. */
  readonly slab: Slab;
  readonly columns: readonly ColumnPlace[];
  private readonly width: number;

  /** @param dataset whose columns the rows have */
  constructor(
    private readonly memory: WorkMemory,
    private readonly assembly: Assembly,
    header: Uint8Array,
    dataset: Pick<Dataset, 'columns'>,
    readonly rows: number,
  ) {
    this.headerBytes = header.length;
    this.width = recordBytes(dataset);
    this.slab = new Slab(memory, header.length + rows * this.width);
    this.slab.write(0, header);
    const offsets = packedOffsets(dataset.columns, rows);
    let inRecord = 0;
    this.columns = dataset.columns.map((column, index) => {
      const place = { inRecord, bytes: columnBytes(column), inFile: header.length + offsets[index]! };
      inRecord += place.bytes;
      return place;
    });
  }

  /** A shard file of `rows` rows, with its header in place. */
  static shard(
    memory: WorkMemory,
    assembly: Assembly,
    codec: Codec,
    dataset: Pick<Dataset, 'columns' | 'metadata'>,
    rows: number,
  ): ColumnarFile {
    return new ColumnarFile(
      memory,
      assembly,
      codec.encodeHeader(dataset.columns, rows, dataset.metadata),
      dataset,
      rows,
    );
  }

  /** Bytes of the file. */
  get length(): number {
    return this.slab.length;
  }

  /** Rows take the numbers of their records. */
  place(first: number, count: number, offset: number, source: number, stride: number, length: number): void {
    for (const { index, from, skip, bytes } of this.piecesOf(offset, length)) {
      const column = this.columns[index]!;
      if (stride === column.bytes && bytes === stride) {
        this.slab.write(column.inFile + first * bytes, this.memory.view(source + skip, count * bytes));
        continue;
      }
      for (let i = 0; i < count; i++) {
        const position = column.inFile + (first + i) * column.bytes + from;
        this.slab.write(position, this.memory.view(source + i * stride + skip, bytes));
      }
    }
  }

  /** How bytes [offset, offset + length) of a record fall into the columns; those of equal datasets fall alike. */
  *piecesOf(
    offset: number,
    length: number,
  ): Generator<{
    /** Index of the column. */
    index: number;
    /** Where the piece begins in the column's row. */
    from: number;
    /** Where it begins in the bytes. */
    skip: number;
    bytes: number;
  }> {
    for (const [index, column] of this.columns.entries()) {
      const start = Math.max(offset, column.inRecord);
      const end = Math.min(offset + length, column.inRecord + column.bytes);
      if (start < end) yield { index, from: start - column.inRecord, skip: start - offset, bytes: end - start };
    }
  }

  /** CRC-32 of the data of one column. */
  columnCrc32(index: number): number {
    const { inFile, bytes } = this.columns[index]!;
    return this.slab.crc32(inFile, this.rows * bytes);
  }

  /** The file as it is uploaded, with the CRC-32 of the whole, and the multiset digest of its rows, hex. */
  async seal(pause: Pause): Promise<{ parts: readonly SettledPart[]; crc32: number; digest: string }> {
    const checksums = new PartChecksums(this.slab);
    let digest = 0n;
    let summed = 0;
    let crc32 = 0;
    const sum = (end: number): void => {
      crc32 = combineCrc32(crc32, checksums.add(summed, end - summed), end - summed);
      summed = end;
    };
    await this.eachRun(pause, ({ address, count }, firstRow) => {
      digest = this.memory.addHashes(digest, address, count, this.width);
      // Bytes that were just hashed are still in the processor's cache.
      if (this.columns.length === 1) sum(this.columns[0]!.inFile + (firstRow + count) * this.width);
    });
    sum(this.length);
    return { parts: this.slab.settledParts(checksums), crc32, digest: digestOf(digest) };
  }

  /** Calls `visit` with the rows as records that lie together, run after run; valid during the call. */
  async eachRun(pause: Pause, visit: (run: RecordRun, firstRow: number) => void): Promise<void> {
    const { assembly, width, rows } = this;
    const [only] = this.columns;
    let row = 0;
    if (this.columns.length === 1) {
      for (const run of this.slab.recordRuns(only!.inFile, rows, width, assembly.rows, assembly.address)) {
        visit(run, row);
        row = await this.next(row, run.count, pause);
      }
      return;
    }
    while (row < rows) {
      const count = Math.min(assembly.rows, rows - row);
      this.assemble(row, count);
      visit({ address: assembly.address, count }, row);
      row = await this.next(row, count, pause);
    }
  }

  /** Puts rows together from their columns: each column's rows in one piece first, then record by record. */
  private assemble(row: number, count: number): void {
    const { memory, assembly, width } = this;
    const gathered = assembly.address + assembly.rows * width;
    for (const { inFile, inRecord, bytes } of this.columns) {
      let filled = gathered;
      for (const piece of this.slab.views(inFile + row * bytes, count * bytes)) {
        memory.view(filled, piece.length).set(piece);
        filled += piece.length;
      }
      memory.copyStrided(gathered, bytes, assembly.address + inRecord, width, bytes, count);
    }
  }

  /** The row after a run; pauses now and then. */
  private async next(row: number, count: number, pause: Pause): Promise<number> {
    const every = 32 * this.assembly.rows;
    if (Math.floor(row / every) < Math.floor((row + count) / every)) await pause();
    return row + count;
  }
}
