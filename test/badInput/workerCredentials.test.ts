// Workers whose S3 credentials the server does not know: the workflow finds it, and says so like the command line does
// (commandLine.test.ts). They poll a namespace of their own, so that other tests' workflows never reach them.
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { WorkerPool } from '../../src/stack/workerPool.js';
import { makeDataset, objectsBelow } from '../support/makeDataset.js';
import { assertFailed, runTemporal, startAndWait } from '../support/riffleCli.js';
import { sharedServers, stackTimeout } from '../support/stack.js';
import { openTestBucket } from '../support/testBucket.js';
import { until } from '../support/until.js';

const namespace = 'strangers';

describe('workers with credentials that S3 does not know', function () {
  this.timeout(stackTimeout);

  it('the workflow is refused, and names the bucket and the variables', async () => {
    const stack = await sharedServers();
    const created = await runTemporal(['operator', 'namespace', 'create', '-n', namespace]);
    assert.equal(created.exitCode, 0, created.stderr);
    // The server takes a while to know its own namespaces everywhere.
    await until(async () => (await runTemporal(['workflow', 'list', '-n', namespace])).exitCode === 0);
    const pool = new WorkerPool({
      stack: {
        children: stack.children,
        dataFolder: stack.dataFolder,
        logFolder: await mkdtemp(join(stack.logFolder, 'strangers-')),
        environment: { ...stack.environment, TEMPORAL_NAMESPACE: namespace, AWS_ACCESS_KEY_ID: 'nobody' },
      },
      count: 1,
      memoryBytes: 512 * 1024 ** 2,
      restart: true,
    });
    const bucket = await openTestBucket();
    try {
      const failure = await Promise.race([pool.ready, pool.failed]);
      if (failure instanceof Error) throw failure;
      const data = await makeDataset(bucket);
      const run = await startAndWait('shuffle', data.input, { environment: { TEMPORAL_NAMESPACE: namespace } });
      assertFailed(run, 2, 'AccessDenied', `s3://${data.place.bucket}`, 'AWS_ACCESS_KEY_ID');
      assert.deepEqual(await objectsBelow(bucket, data.output), {});
    } finally {
      await pool.stop();
      bucket.store.close();
    }
  });
});
