import { Bank, largestBank } from './bank.js';
import { nowhere } from './kernels.js';
import type { Kernels } from './kernels.js';

/** Records that are handled by one call of a kernel. */
export const batchRecords = 65_536;

/**
 * The memory in which a thread does its tasks, one after the other, and the loops over records in it. It is kept from
 * task to task, because fresh pages cost more than copying into them.
 *
 * An address is a number: the index of a WebAssembly memory (a bank) times 2^32 plus the place in it. So tasks may hold
 * more than the 4 GiB at which a memory, like every typed array, ends.
 */
export class WorkMemory {
  /** Room for the addresses of a batch; free for whoever calls `scatter`. */
  readonly addresses = new Float64Array(batchRecords);
  private readonly banks: Bank[] = [];
  /** The bank that is being handed out. */
  private current = 0;
  /** Where kernels find the targets of a batch, in the first bank. */
  private readonly targets: number;
  private labels: [Uint32Array, Uint32Array] = [new Uint32Array(0), new Uint32Array(0)];

  /** @param bankBytes bytes of a bank [just under 4 GiB]; for tests */
  constructor(private readonly bankBytes = largestBank) {
    this.targets = this.take(batchRecords * 4);
  }

  /** Bytes that are kept. */
  get size(): number {
    return this.banks.reduce((sum, bank) => sum + bank.size, 0) + this.labels[0].byteLength * 2;
  }

  /** Forgets all that was taken: the next task may begin. */
  reset(): void {
    for (const bank of this.banks) bank.release();
    this.current = 0;
    this.take(batchRecords * 4);
  }

  /** How much is taken, for `rewind`. */
  mark(): readonly number[] {
    return this.banks.map((bank) => bank.taken);
  }

  /** Forgets what was taken since the mark. */
  rewind(mark: readonly number[]): void {
    this.banks.forEach((bank, index) => bank.release(mark[index]));
    this.current = mark.length - 1;
  }

  /** For work that takes memory of its own, in one bank. */
  get firstBank(): Bank {
    return this.banks[0]!;
  }

  /**
   * Address of `length` bytes that lie together, with any content. It makes earlier views void, so a task first takes all
   * its memory.
   */
  take(length: number): number {
    for (; ; this.current++) {
      const bank = (this.banks[this.current] ??= new Bank(this.bankBytes));
      const address = bank.take(length);
      if (address !== undefined) return this.current * 2 ** 32 + address;
      if (length > this.bankBytes) throw new RangeError(`${length} bytes do not fit into a bank`);
    }
  }

  view(address: number, length: number): Uint8Array {
    return this.bankOf(address).view(address % 2 ** 32, length);
  }

  /** Two arrays of `length` numbers, with any content, kept like the rest. */
  takeLabels(length: number): [Uint32Array, Uint32Array] {
    if (this.labels[0].length < length) {
      // The old ones go first, so that both generations are never held at once.
      this.labels = [new Uint32Array(0), new Uint32Array(0)];
      this.labels = [new Uint32Array(length), new Uint32Array(length)];
    }
    return [this.labels[0].subarray(0, length), this.labels[1].subarray(0, length)];
  }

  /**
   * Copies `count` pieces of `length` bytes, which stand at `source` and every `stride` bytes after it, to
   * `this.addresses`; those below zero are left out.
   * @param source in the first bank
   */
  scatter(source: number, stride: number, length: number, count: number): void {
    const { addresses } = this;
    const first = this.banks[0]!;
    const targets = new Uint32Array(first.view(this.targets, count * 4).buffer, this.targets, count);
    let elsewhere = 0;
    for (let i = 0; i < count; i++) {
      const address = addresses[i]!;
      const here = address >= 0 && address < nowhere;
      targets[i] = here ? address : nowhere;
      if (!here && address > 0) elsewhere++;
    }
    first.kernels.scatter(source, stride, length, count, this.targets);
    // Kernels see one memory. Few tasks are larger than that, and for them plain copies are fast enough.
    for (let i = 0; elsewhere > 0; i++) {
      if (addresses[i]! < nowhere) continue;
      this.view(addresses[i]!, length).set(this.view(source + i * stride, length));
      elsewhere--;
    }
  }

  /** Copies `count` pieces of `length` bytes from every `sourceStride` to every `targetStride` bytes, in the first bank. */
  copyStrided(
    source: number,
    sourceStride: number,
    target: number,
    targetStride: number,
    length: number,
    count: number,
  ): void {
    this.banks[0]!.kernels.copyStrided(source, sourceStride, target, targetStride, length, count);
  }

  /**
   * Hashes `count` records of `width` bytes that stand together in the first bank, 16 bytes each.
   * @param hashes address in the first bank
   */
  hashRecords(records: number, count: number, width: number, hashes: number): void {
    this.banks[0]!.kernels.hashRecords(records, count, width, hashes);
  }

  /** `sum` and the hashes of `count` records of `width` bytes, which stand together, modulo 2^128. */
  addHashes(sum: bigint, records: number, count: number, width: number): bigint {
    return this.bankOf(records).addHashes(sum, records % 2 ** 32, count, width);
  }

  /**
   * The kernels for work that stays in one bank, which know an address by its last 32 bits.
   * @throws RangeError when the addresses lie in several banks
   */
  kernelsAt(...addresses: readonly number[]): Kernels {
    const [bank, ...others] = addresses.map((address) => this.bankOf(address));
    if (!bank || others.some((other) => other !== bank)) throw new RangeError('the addresses lie in several banks');
    return bank.kernels;
  }

  private bankOf(address: number): Bank {
    return this.banks[Math.floor(address / 2 ** 32)]!;
  }
}
