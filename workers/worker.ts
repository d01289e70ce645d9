import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { hostname } from 'node:os';
import { createActivities } from '../src/activities/index.js';
import { ThreadPool } from '../src/dataPlane/threadPool.js';
import { createS3Store } from '../src/storage/s3.js';
import { taskQueue } from '../src/workflows/contract.js';
import { workflowBundlePath } from './workflowBundle.js';
import { workerSettings } from './workerSettings.js';

/**
 * A worker process: runs workflows and activities until SIGTERM or SIGINT, then hands back what it cannot finish.
 * Connections come from `AWS_*` and `TEMPORAL_*` (or temporal.toml), the rest from `workerSettings.ts`.
 */
async function main(): Promise<void> {
  const settings = workerSettings(process.env);
  Runtime.install({ logger: new DefaultLogger('WARN'), shutdownSignals: ['SIGTERM', 'SIGINT'] });
  const config = loadClientConnectConfig();
  const connection = await NativeConnection.connect(config.connectionOptions);
  const store = createS3Store();
  const threads = new ThreadPool({ threads: settings.slots, memory: settings.memory });
  const worker = await Worker.create({
    connection,
    namespace: config.namespace ?? 'default',
    taskQueue,
    identity: `riffle/all/${settings.slots}@${hostname()}:${process.pid}`,
    workflowBundle: { codePath: workflowBundlePath },
    activities: createActivities(store, threads, settings),
    // Two more than there are slots for data, so that short look-ups never wait behind long tasks.
    maxConcurrentActivityTaskExecutions: settings.slots + 2,
    maxCachedWorkflows: 200,
    shutdownGraceTime: '5 seconds',
    stickyQueueScheduleToStartTimeout: settings.stickyTimeout,
    maxHeartbeatThrottleInterval: settings.heartbeatThrottle,
    defaultHeartbeatThrottleInterval: settings.heartbeatThrottle,
  });
  const running = worker.run();
  process.stdout.write('worker ready\n');
  try {
    await running;
  } finally {
    await threads.close();
    store.close();
    await connection.close();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
