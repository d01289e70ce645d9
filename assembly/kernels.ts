/**
 * The loops that JavaScript is slow at, over records, random bits, the cells of the table, activations and firing tokens,
 * compiled to WebAssembly (`npm run build`). They work on one linear memory; all addresses are bytes in it. Who calls them:
 * src/memory, src/shuffle/random.ts, src/shuffle/cellDraws.ts, src/encoder and src/features.
 */
export { chachaBlocks } from './chacha';
export { addRoom, collectFirings, prepareCollector, sortFirings } from './collector';
export { scanFirings, scanGated, scanTop } from './firings';
export { drawCells, hypergeometric, smallestSaddleCell } from './hypergeometric';
export { digestRecords, hashRecords } from './recordHash';
export { hashRows } from './rowHash';
export { inverseProbability } from './saddlePoint';
export { cutoffsOfTop, offerTop } from './topFeatures';

/** The first address behind the kernels' own data, a multiple of 16. The first KiB is free as well. */
export function firstFree(): u32 {
  return <u32>__heap_base;
}

/** An address that says: this record lies elsewhere. */
const nowhere: u32 = 0xffff_ffff;

/**
 * Copies `count` pieces of `length` bytes, which begin at `source` and every `stride` bytes after it, each to its own
 * place.
 * @param targets address of `count` addresses (u32)
 */
export function scatter(source: u32, stride: u32, length: u32, count: u32, targets: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const target = load<u32>(targets + (i << 2));
    if (target != nowhere) copy(source, target, length);
    source += stride;
  }
}

/** Copies `count` pieces of `length` bytes from every `sourceStride` bytes to every `targetStride` bytes. */
export function copyStrided(
  source: u32,
  sourceStride: u32,
  target: u32,
  targetStride: u32,
  length: u32,
  count: u32,
): void {
  for (let i: u32 = 0; i < count; i++) {
    copy(source, target, length);
    source += sourceStride;
    target += targetStride;
  }
}

/** For pieces of a few bytes to a few KiB, which a call of memory.copy costs more than the bytes. */
function copy(source: u32, target: u32, length: u32): void {
  const end = source + length;
  for (; source + 64 <= end; source += 64, target += 64) {
    v128.store(target, v128.load(source));
    v128.store(target, v128.load(source, 16), 16);
    v128.store(target, v128.load(source, 32), 32);
    v128.store(target, v128.load(source, 48), 48);
  }
  for (; source + 8 <= end; source += 8, target += 8) store<u64>(target, load<u64>(source));
  for (; source + 2 <= end; source += 2, target += 2) store<u16>(target, load<u16>(source));
  if (source < end) store<u8>(target, load<u8>(source));
}
