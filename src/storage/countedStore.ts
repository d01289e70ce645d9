import { MemorySink } from './byteSinks.js';
import type { ByteSink, ObjectStore, Part } from './objectStore.js';

/** What is told of the bytes that pass. */
export interface ByteCounts {
  /** Called with bytes as they arrive. */
  readonly onRead: (bytes: number) => void;
  /** Called with the bytes of an object when it is written. */
  readonly onWritten: (bytes: number) => void;
}

/** The same store, which tells how many bytes of objects are read and written. */
export function countedStore(store: ObjectStore, { onRead, onWritten }: ByteCounts): ObjectStore {
  const counted: Pick<ObjectStore, 'read' | 'readInto' | 'readWhole' | 'put' | 'putIfAbsent'> = {
    read: (object, range, sink, options) => store.read(object, range, countedSink(sink, onRead), options),
    readInto: (object, range, target, options) =>
      target.length === range.end - range.start
        ? counted.read(object, range, new MemorySink(target), options)
        : store.readInto(object, range, target, options),
    readWhole: async (object, limit, options) => {
      const found = await store.readWhole(object, limit, options);
      onRead(found?.data.length ?? 0);
      return found;
    },
    put: async (object, parts, options) => {
      const outcome = await store.put(object, parts, options);
      onWritten(lengthOf(parts));
      return outcome;
    },
    putIfAbsent: async (object, parts, options) => {
      const outcome = await store.putIfAbsent(object, parts, options);
      if (outcome.created) onWritten(lengthOf(parts));
      return outcome;
    },
  };
  return {
    ...counted,
    head: (object, options) => store.head(object, options),
    list: (bucket, prefix, options) => store.list(bucket, prefix, options),
    delete: (bucket, keys, options) => store.delete(bucket, keys, options),
    abortUploads: (bucket, prefix, belongs, options) => store.abortUploads(bucket, prefix, belongs, options),
  };
}

function countedSink(sink: ByteSink, onRead: (bytes: number) => void): ByteSink {
  return {
    room: () => sink.room(),
    arrived: (bytes) => {
      sink.arrived(bytes);
      onRead(bytes);
    },
  };
}

function lengthOf(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + ('bytes' in part ? part.bytes.length : part.length), 0);
}
