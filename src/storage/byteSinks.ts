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

/** A sink threw `cause`. No other try makes up for it: the sink has seen bytes that it has not worked on. */
export class SinkFailure extends Error {
  constructor(cause: unknown) {
    super('The sink of a read failed', { cause });
  }
}

/** Hands on to another sink, counts, and tells its errors from those of the network. @throws SinkFailure */
export class WatchedSink implements ByteSink {
  count = 0;

  constructor(private readonly sink: ByteSink) {}

  room(): Uint8Array {
    return watched(() => {
      const room = this.sink.room();
      if (room.length === 0) throw new RangeError('It has no room for the bytes that are to come');
      return room;
    });
  }

  arrived(bytes: number): void {
    this.count += bytes;
    watched(() => this.sink.arrived(bytes));
  }
}

function watched<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw new SinkFailure(error);
  }
}

/** Hands a sink bytes that lie elsewhere. */
export function fillSink(sink: ByteSink, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    const room = sink.room();
    const piece = bytes.subarray(at, at + room.length);
    room.set(piece);
    sink.arrived(piece.length);
    at += piece.length;
  }
}
