import type { ByteSink } from './objectStore.js';

/** Fills memory from its beginning. */
export class MemorySink implements ByteSink {
  #filled = 0;

  constructor(private readonly memory: Uint8Array) {}

  room(): Uint8Array {
    return this.memory.subarray(this.#filled);
  }

  arrived(bytes: number): void {
    this.#filled += bytes;
  }
}

/** Hands on to another sink and counts. */
export class CountingSink implements ByteSink {
  count = 0;

  constructor(private readonly sink: ByteSink) {}

  room(): Uint8Array {
    return this.sink.room();
  }

  arrived(bytes: number): void {
    this.count += bytes;
    this.sink.arrived(bytes);
  }
}

/** Hands a sink bytes that lie elsewhere. */
export function fillSink(sink: ByteSink, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    const room = sink.room();
    if (room.length === 0) throw new RangeError(`A sink has no room for ${bytes.length - at} more bytes`);
    const piece = bytes.subarray(at, at + room.length);
    room.set(piece);
    sink.arrived(piece.length);
    at += piece.length;
  }
}
