import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatPrefix, type Prefix } from '../../../src/storage/uri.js';
import { sharedServers } from '../../support/stack.js';
import { openTestBucket } from '../../support/testBucket.js';
import { carryOutVisualize } from '../../support/visualizeCases.js';
import { uploadSample } from '../../support/visualizeSample.js';

/** A run of `visualize` on the sample that ships with riffle, on the shared S3 server. */
export interface SampleRun {
  readonly place: Prefix;
  /** `s3://…` of it. */
  readonly uri: string;
  /** A local copy of all its files, for file servers. */
  readonly folder: string;
}

let made: Promise<SampleRun> | undefined;

/**
 * The run that all tests of one mocha process share: made at the first call (some 15 s; give hooks `stackTimeout`), never
 * changed. Whoever damages something works on a copy.
 */
export function sampleRun(): Promise<SampleRun> {
  made ??= make();
  return made;
}

async function make(): Promise<SampleRun> {
  const bucket = await openTestBucket();
  try {
    const { input } = await uploadSample(bucket);
    const place = bucket.newPlace();
    const uri = formatPrefix(place);
    await carryOutVisualize(bucket.store, { ...input, output: uri });
    const folder = join((await sharedServers()).dataFolder, 'sample-run');
    for (const key of await bucket.keys(place)) {
      if (key.startsWith('_riffle/')) continue;
      const { data } = (await bucket.store.readWhole({ ...place, key: place.prefix + key }, 2 ** 30))!;
      await mkdir(dirname(join(folder, key)), { recursive: true });
      await writeFile(join(folder, key), data);
    }
    return { place, uri, folder };
  } finally {
    bucket.store.close();
  }
}
