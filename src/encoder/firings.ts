import type { WorkMemory } from '../memory/workMemory.js';

/**
 * Where features fire: a list in work memory. The views are void when the next firings are found, and when memory is taken.
 */
export class Firings {
  /** How many there are. */
  count = 0;
  /** Address of each firing's row (u32), counted from the batch's first. */
  readonly rows: number;
  /** Address of each firing's feature (u32), counted from the encoder's first. */
  readonly features: number;
  /** Address of each firing's activation (float32, > 0). */
  readonly activations: number;

  /** @param capacity the most firings that the list holds */
  constructor(
    private readonly memory: WorkMemory,
    address: number,
    readonly capacity: number,
  ) {
    this.rows = address;
    this.features = address + 4 * capacity;
    this.activations = address + 8 * capacity;
  }

  rowView(): Uint32Array {
    return new Uint32Array(...this.place(this.rows));
  }

  featureView(): Uint32Array {
    return new Uint32Array(...this.place(this.features));
  }

  activationView(): Float32Array {
    return new Float32Array(...this.place(this.activations));
  }

  private place(address: number): [ArrayBufferLike, number, number] {
    const bytes = this.memory.view(address, 4 * this.count);
    return [bytes.buffer, bytes.byteOffset, this.count];
  }
}

/** Bytes of a list. */
export function firingBytes(capacity: number): number {
  return 12 * capacity;
}
