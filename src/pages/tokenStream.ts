import { crc32 } from './crc32.js';
import { damaged, viewOf } from './pack.js';

/**
 * All token ids of a run once, in reading order, so that more of an example's context can be shown. Blocks of fixed size
 * lie where their number says; each has its own CRC. docs/formats.md has the layout byte by byte.
 */
export const streamMagic = 'RIFTOKS1';
export const streamHeaderBytes = 32;
export const rowsPerBlock = 1024;
/** Rows of one file: about 10 MB for a small vocabulary, 18 MB for a large one. */
export const rowsPerFile = 4 * 1024 * 1024;

/** Consecutive tokens. */
export interface Tokens {
  readonly ids: Uint32Array;
  /** 1 where a token is the first of its context, else 0. */
  readonly startsContext: Uint8Array;
  /** 1 where a token is the first of its document, else 0. */
  readonly startsDocument: Uint8Array;
  /** 1 where a token was left out of all counts, else 0. */
  readonly excluded: Uint8Array;
}

const planes = ['startsContext', 'startsDocument', 'excluded'] as const;
const planeBytes = rowsPerBlock / 8;

/** Bytes of a token id in the stream. @param vocabulary ids are below this */
export function idBytesOf(vocabulary: number): 2 | 4 {
  return vocabulary <= 65_536 ? 2 : 4;
}

export function blockBytesOf(idBytes: number): number {
  return rowsPerBlock * idBytes + planes.length * planeBytes + 4;
}

export function newTokens(rows: number): Tokens {
  const flags = (): Uint8Array => new Uint8Array(rows);
  return { ids: new Uint32Array(rows), startsContext: flags(), startsDocument: flags(), excluded: flags() };
}

/**
 * One file of the stream.
 * @param firstRow the dataset's row of the first token: a multiple of `rowsPerFile`
 * @param tokens up to `rowsPerFile` of them
 */
export function encodeStreamFile(firstRow: number, tokens: Tokens, idBytes: 2 | 4): Uint8Array {
  const rows = tokens.ids.length;
  const blockBytes = blockBytesOf(idBytes);
  const blocks = Math.ceil(rows / rowsPerBlock);
  const file = new Uint8Array(streamHeaderBytes + blocks * blockBytes);
  const header = viewOf(file);
  file.set(new TextEncoder().encode(streamMagic));
  header.setBigUint64(8, BigInt(firstRow), true);
  header.setUint32(16, rows, true);
  header.setUint32(20, rowsPerBlock, true);
  header.setUint32(24, idBytes, true);
  header.setUint32(28, crc32(file.subarray(0, 28)), true);
  for (let block = 0; block < blocks; block++) {
    const start = streamHeaderBytes + block * blockBytes;
    encodeBlock(file.subarray(start, start + blockBytes), firstRow, block * rowsPerBlock, tokens, idBytes);
  }
  return file;
}

function encodeBlock(bytes: Uint8Array, firstRow: number, from: number, tokens: Tokens, idBytes: 2 | 4): void {
  const view = viewOf(bytes);
  const rows = Math.min(rowsPerBlock, tokens.ids.length - from);
  for (let n = 0; n < rows; n++) {
    const id = tokens.ids[from + n]!;
    if (idBytes === 2) view.setUint16(2 * n, id, true);
    else view.setUint32(4 * n, id, true);
    planes.forEach((name, plane) => {
      const at = rowsPerBlock * idBytes + plane * planeBytes + (n >>> 3);
      if (tokens[name][from + n]) bytes[at]! |= 1 << (n & 7);
    });
  }
  view.setUint32(bytes.length - 4, blockCrc(bytes, firstRow + from), true);
}

/** Where rows [from, to) of the dataset lie; `file` counts the stream's files. They may not cross into another file. */
export function locateRows(from: number, to: number, idBytes: number): { file: number; start: number; end: number } {
  const file = Math.floor(from / rowsPerFile);
  const blockBytes = blockBytesOf(idBytes);
  const firstBlock = Math.floor((from - file * rowsPerFile) / rowsPerBlock);
  const endBlock = Math.ceil((to - file * rowsPerFile) / rowsPerBlock);
  return { file, start: streamHeaderBytes + firstBlock * blockBytes, end: streamHeaderBytes + endBlock * blockBytes };
}

/**
 * Reads rows out of the blocks that hold them.
 * @param blocks all blocks that hold a row of [from, to), as `locateRows` says
 * @param into their place in `target`
 * @throws RunDamaged that names `file`
 */
export function decodeRows(
  blocks: Uint8Array,
  range: { from: number; to: number },
  idBytes: number,
  target: Tokens,
  into: number,
  file: string,
): void {
  const blockBytes = blockBytesOf(idBytes);
  const firstRow = Math.floor(range.from / rowsPerBlock) * rowsPerBlock;
  for (let start = 0, row = firstRow; start < blocks.length; start += blockBytes, row += rowsPerBlock) {
    const bytes = blocks.subarray(start, start + blockBytes);
    const view = viewOf(bytes);
    if (view.getUint32(blockBytes - 4, true) !== blockCrc(bytes, row)) {
      throw damaged(file, `the block of row ${row} is corrupt`);
    }
    for (let n = Math.max(0, range.from - row); n < Math.min(rowsPerBlock, range.to - row); n++) {
      const to = into + row + n - range.from;
      target.ids[to] = idBytes === 2 ? view.getUint16(2 * n, true) : view.getUint32(4 * n, true);
      planes.forEach((name, plane) => {
        const byte = bytes[rowsPerBlock * idBytes + plane * planeBytes + (n >>> 3)]!;
        target[name][to] = (byte >>> (n & 7)) & 1;
      });
    }
  }
}

/** CRC-32 of the block's first row and its bytes. */
function blockCrc(bytes: Uint8Array, row: number): number {
  const number = new Uint8Array(8);
  viewOf(number).setBigUint64(0, BigInt(row), true);
  return crc32(bytes.subarray(0, -4), crc32(number));
}
