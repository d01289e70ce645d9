import type { ByteRange, CallOptions, ObjectHead, ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import { Budget } from '../concurrently.js';
import type { Codec } from './encoding.js';
import type { ShardHeader } from './shardHeader.js';

/** Nearly every header is shorter than this, so that one request reads it; hundreds of thousands of them add up. */
const firstReadBytes = 16 * 1024;

/** Headers may take 100 MB: the longer ones share this many bytes, so that many at once cannot exhaust memory. */
const longHeaders = new Budget(64 * 1024 * 1024);

/** GETs that `readShardHeader` sends for a shard whose data begins at `header`. */
export function headerReads(codec: Codec, { header }: { readonly header: number }): number {
  if (codec.encoding === 'raw') return 0;
  return header > firstReadBytes ? 2 : 1;
}

/**
 * Reads and checks the header of a shard file, with one ranged read (none for raw), or two where it is long.
 * @param head the object's length and ETag; the reads are bound to this ETag
 * @throws ShardInvalid, ObjectChanged, ObjectMissing
 */
export async function readShardHeader(
  store: ObjectStore,
  codec: Codec,
  object: ObjectLocation,
  head: ObjectHead,
  options?: CallOptions,
): Promise<ShardHeader> {
  const where = `s3://${object.bucket}/${object.key}`;
  const read = async ({ start, end }: ByteRange): Promise<Uint8Array> => {
    const target = new Uint8Array(end - start);
    if (end > start) await store.readInto(object, { start, end }, target, { ...options, ifMatch: head.etag });
    return target;
  };
  if (codec.encoding === 'raw') return codec.parseHeader(new Uint8Array(0), head.bytes, where);

  const start = await read({ start: 0, end: Math.min(head.bytes, firstReadBytes) });
  const length = codec.headerBytes(start, head.bytes, where);
  if (length <= start.length) return codec.parseHeader(start, head.bytes, where);
  return longHeaders.run(length, async () => {
    options?.signal?.throwIfAborted();
    const whole = new Uint8Array(length);
    whole.set(start);
    whole.set(await read({ start: start.length, end: length }), start.length);
    return codec.parseHeader(whole, head.bytes, where);
  });
}
