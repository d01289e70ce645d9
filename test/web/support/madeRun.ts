import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sharedServers } from '../../support/stack.js';
import { openTestBucket } from '../../support/testBucket.js';
import { type RunShape, writeRun } from '../../support/visualizeRun.js';

let runs = 0;

/** A small run with made-up pages, written as a workflow's tasks do, as a folder for file servers. */
export async function makeRun(shape: RunShape): Promise<string> {
  const bucket = await openTestBucket();
  try {
    const place = bucket.newPlace();
    await writeRun(bucket.store, place, shape);
    const folder = join((await sharedServers()).dataFolder, `made-run-${runs++}`);
    for (const key of await bucket.keys(place)) {
      if (key.startsWith('_riffle/')) continue;
      const { data } = (await bucket.store.readWhole({ ...place, key: place.prefix + key }, 2 ** 30))!;
      await mkdir(dirname(join(folder, key)), { recursive: true });
      await writeFile(join(folder, key), data);
    }
    return folder;
  } finally {
    bucket.store.close();
  }
}
