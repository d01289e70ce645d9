import type { Dataset } from '../formats/dataset.js';
import { packedOffsets } from '../formats/columns.js';
import { columnBytes, recordBytes } from '../formats/encoding.js';
import type { Codec } from '../formats/encoding.js';
import { PartedBuffer, scratchFor } from '../storage/partedBuffer.js';
import { hashRecord, MultisetDigest } from './recordHash.js';
import type { Pause, RecordTarget } from './recordTarget.js';

interface ColumnPlace {
  /** Offset in the record. */
  readonly inRecord: number;
  /** Bytes of one row. */
  readonly bytes: number;
  /** Offset of the column's data in the file. */
  readonly inFile: number;
}

/** Rows between two chances for timers to run. */
const rowsBetweenPauses = 65_536;

/** Rows in memory as a shard file holds them: a header, then column after column. */
export class ColumnarFile implements RecordTarget {
  readonly bytes: PartedBuffer;
  readonly headerBytes: number;
  private readonly columns: readonly ColumnPlace[];
  private readonly recordBytes: number;

  /** @param dataset whose columns the rows have */
  constructor(
    header: Uint8Array,
    dataset: Pick<Dataset, 'columns'>,
    readonly rows: number,
  ) {
    this.headerBytes = header.length;
    this.recordBytes = recordBytes(dataset);
    this.bytes = new PartedBuffer(header.length + rows * this.recordBytes);
    this.bytes.write(0, header, 0, header.length);
    const offsets = packedOffsets(dataset.columns, rows);
    let inRecord = 0;
    this.columns = dataset.columns.map((column, index) => {
      const place = { inRecord, bytes: columnBytes(column), inFile: header.length + offsets[index]! };
      inRecord += place.bytes;
      return place;
    });
  }

  /** A shard file of `rows` rows, with its header in place. */
  static shard(codec: Codec, dataset: Pick<Dataset, 'columns' | 'metadata'>, rows: number): ColumnarFile {
    return new ColumnarFile(codec.encodeHeader(dataset.columns, rows, dataset.metadata), dataset, rows);
  }

  write(row: number, offset: number, source: Uint8Array, start: number, end: number): void {
    for (const column of this.columns) {
      const from = Math.max(offset, column.inRecord);
      const to = Math.min(offset + end - start, column.inRecord + column.bytes);
      if (from >= to) continue;
      const position = column.inFile + row * column.bytes + from - column.inRecord;
      this.bytes.write(position, source, start + from - offset, start + to - offset);
    }
  }

  /** CRC-32 of the data of one column. */
  columnCrc32(index: number): number {
    const { inFile, bytes } = this.columns[index]!;
    return this.bytes.crc32(inFile, this.rows * bytes);
  }

  /** Multiset digest of the rows, hex. */
  async digest(pause: Pause): Promise<string> {
    const sum = new MultisetDigest();
    await this.eachHash((hash) => {
      sum.add(hash);
    }, pause);
    return sum.toHex();
  }

  /** Calls `visit` with the hash of every row (valid during the call). */
  async eachHash(visit: (hash: Uint32Array, row: number) => void, pause: Pause): Promise<void> {
    const width = this.recordBytes;
    const scratch = scratchFor(width);
    const hash = new Uint32Array(4);
    const only = this.columns.length === 1 ? this.columns[0] : undefined;
    for (let row = 0; row < this.rows; row++) {
      if (only) {
        this.bytes.read(only.inFile + row * width, width, scratch, (view, at) => {
          hashRecord(view, at, width, hash);
        });
      } else {
        for (const { inFile, inRecord, bytes } of this.columns) {
          this.bytes.copyTo(inFile + row * bytes, bytes, scratch.bytes, inRecord);
        }
        hashRecord(scratch.view, 0, width, hash);
      }
      visit(hash, row);
      if (row % rowsBetweenPauses === rowsBetweenPauses - 1) await pause();
    }
  }
}
