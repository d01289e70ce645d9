import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from '../packageFolder.js';

/** What `assembly/kernels.ts` exports. All numbers are addresses and lengths in bytes of one memory, or counts. */
export interface Kernels {
  firstFree(): number;
  scatter(source: number, stride: number, length: number, count: number, targets: number): void;
  copyStrided(
    source: number,
    sourceStride: number,
    target: number,
    targetStride: number,
    length: number,
    count: number,
  ): void;
  chachaBlocks(state: number, rounds: number, counting: number, output: number): void;
  drawCells(state: number, rounds: number, cells: number, count: number, blocks: number): void;
  hypergeometric(good: number, bad: number, draws: number, uniform: number): number;
  readonly smallestSaddleCell: { readonly value: number };
  inverseProbability(goodIn: number, goodOut: number, badIn: number, badOut: number): number;
  hashRecords(records: number, count: number, width: number, hashes: number): void;
  digestRecords(records: number, count: number, width: number, digest: number): void;
  scanFirings(
    product: number,
    stride: number,
    width: number,
    first: number,
    firstRow: number,
    rows: number,
    excludedRows: number,
    bias: number,
    bound: number,
    firings: number,
    capacity: number,
    state: number,
  ): void;
  scanGated(
    product: number,
    stride: number,
    width: number,
    first: number,
    firstRow: number,
    rows: number,
    excludedRows: number,
    gateBias: number,
    scale: number,
    bias: number,
    firings: number,
    capacity: number,
    state: number,
  ): void;
  scanTop(
    product: number,
    stride: number,
    width: number,
    first: number,
    firstRow: number,
    rows: number,
    excludedRows: number,
    bias: number,
    norm: number,
    base: number,
    groupSize: number,
    groups: number,
    cutoffs: number,
    firings: number,
    capacity: number,
    state: number,
  ): void;
  offerTop(
    product: number,
    stride: number,
    width: number,
    first: number,
    rows: number,
    excludedRows: number,
    bias: number,
    norm: number,
    groupSize: number,
    groups: number,
    kept: number,
    sizes: number,
    heaps: number,
  ): number;
  cutoffsOfTop(lists: number, kept: number, sizes: number, heaps: number, cutoffs: number): void;
  hashRows(feature: number, rows: number, count: number, seed: bigint): void;
  prepareCollector(
    collector: number,
    seed: bigint,
    firstRow: bigint,
    firstFeature: number,
    features: number,
    top: number,
    sample: number,
    perInterval: number,
    separateOctaves: number,
    records: number,
    recordBytes: number,
    ends: number,
    sorted: number,
  ): void;
  addRoom(collector: number, start: number, end: number): void;
  sortFirings(
    collector: number,
    rows: number,
    features: number,
    activations: number,
    count: number,
    excluded: number,
  ): void;
  collectFirings(collector: number, from: number, tileRow: number, keys: number, ids: number): number;
}

/** The target that `scatter` skips. */
export const nowhere = 0xffff_ffff;

let compiled: WebAssembly.Module | undefined;

/** Binds the kernels to a memory. The build makes the file; each thread compiles it once. */
export function bindKernels(memory: WebAssembly.Memory): Kernels {
  compiled ??= new WebAssembly.Module(readFileSync(join(packageFolder(), 'dist', 'kernels.wasm')));
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as Kernels;
}
