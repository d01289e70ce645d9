import { once } from 'node:events';
import { createS3Store } from '../src/storage/s3.js';
import type { ThrottledClient } from './throttle.js';

/** A process of the bench `throttle`: reads one byte again and again, over so many lanes, for so many milliseconds. */
const [endpoint, lanes, duration] = process.argv.slice(2);
const store = createS3Store({
  environment: { AWS_ENDPOINT_URL_S3: endpoint, AWS_ACCESS_KEY_ID: 'any', AWS_SECRET_ACCESS_KEY: 'any' },
});

process.send?.('ready');
await once(process, 'message');
const end = AbortSignal.timeout(Number(duration));
let failed = 0;

async function lane(): Promise<void> {
  while (!end.aborted) {
    try {
      await store.readInto({ bucket: 'bench', key: 'throttle/object' }, { start: 0, end: 1 }, new Uint8Array(1), {
        signal: end,
      });
    } catch {
      if (!end.aborted) failed++;
    }
  }
}

await Promise.all(Array.from({ length: Number(lanes) }, lane));
store.close();
const result: ThrottledClient = { statistics: store.statistics, failed };
process.send?.(result);
process.disconnect();
