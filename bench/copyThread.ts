import { parentPort } from 'node:worker_threads';
import { forEachConcurrently } from '../src/concurrently.js';
import { PartChecksums, Slab } from '../src/memory/slab.js';
import { WorkMemory } from '../src/memory/workMemory.js';
import { readBytes } from '../src/formats/planReads.js';
import { readsAtOnce } from '../src/shuffle/reading.js';
import { createS3Store } from '../src/storage/s3.js';
import type { CopyOrder } from './copy.js';

/** Copies whole objects: ranges of riffle's size, as many at a time as a task reads, then one write with its CRC-32. */
const store = createS3Store();
const memory = new WorkMemory();
const { signal } = new AbortController();

async function copy({ bucket, objects, from, to }: CopyOrder): Promise<void> {
  for (const { key, bytes, etag } of objects) {
    memory.reset();
    const slab = new Slab(memory, bytes);
    const starts = Array.from({ length: Math.ceil(bytes / readBytes) }, (_, index) => index * readBytes);
    await forEachConcurrently(starts, readsAtOnce(bytes, readBytes), signal, async (start, stop) => {
      const end = Math.min(start + readBytes, bytes);
      const target = memory.view(slab.address(start, end - start), end - start);
      await store.readInto({ bucket, key }, { start, end }, target, { ifMatch: etag, signal: stop });
    });
    const checksums = new PartChecksums(slab);
    checksums.add(0, bytes);
    await store.put({ bucket, key: to + key.slice(from.length) }, slab.settledParts(checksums), { signal });
  }
}

parentPort!.on('message', (order: CopyOrder) => {
  copy(order).then(
    () => parentPort!.postMessage('copied'),
    (error: unknown) => {
      throw error;
    },
  );
});
