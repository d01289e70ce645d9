import { ObjectChanged, ObjectConflict, ObjectMissing, type RunDamaged } from '../errors.js';
import type { ObjectStore } from '../storage/objectStore.js';
import type { Prefix } from '../storage/uri.js';
import { damaged } from './pack.js';
import type { RunFiles } from './runFiles.js';

/** A run in S3. */
export function storedRunFiles(store: ObjectStore, { bucket, prefix }: Prefix): RunFiles {
  const locate = (file: string): { bucket: string; key: string } => ({ bucket, key: prefix + file });
  return {
    async read(file, start, end, signal) {
      const target = new Uint8Array(end - start);
      try {
        await store.readInto(locate(file), { start, end }, target, { signal });
      } catch (error) {
        throw faultOf(error, file, end);
      }
      return target;
    },
    async readWhole(file, limit, signal) {
      try {
        return (await store.readWhole(locate(file), limit, { signal }))?.data;
      } catch (error) {
        throw faultOf(error, file, limit);
      }
    },
  };
}

function faultOf(error: unknown, file: string, end: number): unknown {
  let fault: RunDamaged | undefined;
  if (error instanceof ObjectMissing) fault = damaged(file, 'it is missing');
  if (error instanceof ObjectChanged) fault = damaged(file, `it ends before byte ${end}, or was replaced just now`);
  if (error instanceof ObjectConflict) fault = damaged(file, `it is longer than ${end} bytes`);
  if (fault === undefined) return error;
  fault.cause = error;
  return fault;
}
