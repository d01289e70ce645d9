import { bindKernels } from './kernels.js';
import type { Kernels } from './kernels.js';

const pageBytes = 65_536;

/** Bytes that a WebAssembly memory can have, less a page: its last address must not be one. */
export const largestBank = 2 ** 32 - pageBytes;

/** A digest stands at the beginning of every bank; the kernels' own data follow. */
const digestAddress = 0;

/** One WebAssembly memory, handed out from its start. It grows and never shrinks. */
export class Bank {
  readonly kernels: Kernels;
  private readonly memory = new WebAssembly.Memory({ initial: 1 });
  private bytes = new Uint8Array(this.memory.buffer);
  private used: number;

  /** @param limit bytes to which it may grow */
  constructor(private readonly limit: number) {
    this.kernels = bindKernels(this.memory);
    this.used = this.kernels.firstFree();
  }

  /** Bytes that it has taken from the machine. */
  get size(): number {
    return this.bytes.length;
  }

  /** Address of `length` bytes with any content; undefined when the limit is reached. Earlier views become void. */
  take(length: number): number | undefined {
    const address = this.used;
    const end = address + length;
    if (end > this.limit) return undefined;
    // Whole words: records are copied in words where they can.
    this.used = Math.ceil(end / 16) * 16;
    const missing = Math.ceil(this.used / pageBytes) - this.bytes.length / pageBytes;
    if (missing > 0) {
      this.memory.grow(missing);
      this.bytes = new Uint8Array(this.memory.buffer);
    }
    return address;
  }

  /** Bytes that are taken. */
  get taken(): number {
    return this.used;
  }

  /** Forgets all that was taken, but the first `kept` bytes. */
  release(kept = this.kernels.firstFree()): void {
    this.used = kept;
  }

  view(address: number, length: number): Uint8Array {
    return this.bytes.subarray(address, address + length);
  }

  /** `sum` and the hashes of `count` records of `width` bytes, which stand together, modulo 2^128. */
  addHashes(sum: bigint, records: number, count: number, width: number): bigint {
    const state = new BigUint64Array(this.bytes.buffer, digestAddress, 2);
    state[0] = sum;
    state[1] = sum >> 64n;
    this.kernels.digestRecords(records, count, width, digestAddress);
    return state[0] + (state[1] << 64n);
  }
}
