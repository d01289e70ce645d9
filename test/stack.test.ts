import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { ConditionalPutBroken, StackBusy } from '../src/errors.js';
import { startEmbeddedStack, type EmbeddedStack } from '../src/stack/embeddedStack.js';
import { FolderLock } from '../src/stack/folderLock.js';
import { freePorts } from '../src/stack/ports.js';
import { identify, isRunning, type ProcessIdentity } from '../src/stack/processIdentity.js';
import { WorkerPool } from '../src/stack/workerPool.js';
import { probeConditionalPut } from '../src/storage/conditionalPutProbe.js';
import { createS3Store } from '../src/storage/s3.js';
import { startRacyS3 } from './support/racyS3.js';
import { sharedServers, stackTimeout } from './support/stack.js';
import { until } from './support/until.js';

const standInWorker = [process.execPath, '--import', 'tsx', 'test/support/standInWorker.ts'] as const;

async function withClient<T>(stack: EmbeddedStack, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: stack.environment.TEMPORAL_ADDRESS });
  try {
    return await use(new Client({ connection, namespace: stack.environment.TEMPORAL_NAMESPACE }));
  } finally {
    await connection.close();
  }
}

/** Starts a workflow that nobody executes. */
function startWorkflow(stack: EmbeddedStack, workflowId: string): Promise<unknown> {
  return withClient(stack, (client) => client.workflow.start('nobody', { workflowId, taskQueue: 'nobody' }));
}

function workflowStatus(stack: EmbeddedStack, workflowId: string): Promise<string> {
  return withClient(stack, async (client) => (await client.workflow.getHandle(workflowId).describe()).status.name);
}

async function withStore<T>(
  environment: NodeJS.ProcessEnv,
  use: (store: ReturnType<typeof createS3Store>) => Promise<T>,
): Promise<T> {
  const store = createS3Store({ environment });
  try {
    return await use(store);
  } finally {
    store.close();
  }
}

async function recordedChildren(dataFolder: string): Promise<ProcessIdentity[]> {
  const record = JSON.parse(await readFile(join(dataFolder, 'lock.json'), 'utf8')) as { children: ProcessIdentity[] };
  return record.children;
}

describe('the embedded stack', () => {
  let dataFolder: string;

  before(async function () {
    this.timeout(stackTimeout);
    await sharedServers();
  });
  beforeEach(async () => {
    dataFolder = await mkdtemp(join(tmpdir(), 'riffle-stack-'));
  });
  afterEach(() => rm(dataFolder, { recursive: true, force: true }));

  it('keeps objects, workflows, keys and ports over a stop and a start', async () => {
    const object = { bucket: 'riffle', key: 'kept/object' };
    const first = await startEmbeddedStack({ dataFolder });
    try {
      await startWorkflow(first, 'kept');
      await withStore({ ...first.environment }, (store) => store.put(object, [Buffer.from('kept')]));
    } finally {
      await first.stop();
    }
    const second = await startEmbeddedStack({ dataFolder });
    try {
      assert.deepEqual(second.environment, first.environment);
      assert.equal(await workflowStatus(second, 'kept'), 'RUNNING');
      const read = await withStore({ ...second.environment }, (store) => store.readWhole(object, 100));
      assert.equal(Buffer.from(read?.data ?? []).toString(), 'kept');
    } finally {
      await second.stop();
    }
  });

  it('takes other ports where the old ones are in use', async () => {
    const [taken] = (await freePorts([undefined])) as [number];
    const holder = spawn(process.execPath, [
      '-e',
      `require('net').createServer().listen(${taken}, '127.0.0.1', () => console.log('up'))`,
    ]);
    try {
      await new Promise((resolve) => holder.stdout.once('data', resolve));
      const ports = await freePorts([taken, undefined]);
      assert.equal(new Set([taken, ...ports]).size, 3);
    } finally {
      holder.kill();
    }
  });

  it('knows the search attributes, and survives a Temporal server that is killed', async () => {
    const stack = await sharedServers();
    await startWorkflow(stack, 'survivor');
    await stack.restart('temporal', 'SIGKILL');
    assert.equal(await workflowStatus(stack, 'survivor'), 'RUNNING');
    const count = await withClient(stack, (client) =>
      client.workflow.count('RiffleStage = "scatter" AND RiffleFailedTasks > 0'),
    );
    assert.equal(count.count, 0);
  });

  it('listens on loopback only and hides its keys', async () => {
    const stack = await sharedServers();
    for (const url of [stack.uiUrl, stack.environment.AWS_ENDPOINT_URL_S3])
      assert.match(url, /^http:\/\/127\.0\.0\.1:/);
    for (const { pid } of await recordedChildren(stack.dataFolder)) {
      const args = await new Promise<string>((resolve) => {
        spawn('ps', ['-o', 'args=', '-p', String(pid)]).stdout.once('data', (data: Buffer) => {
          resolve(data.toString());
        });
      });
      // Workers, which other tests may have started, listen nowhere.
      if (!args.includes('worker')) assert.match(args, /127\.0\.0\.1/);
      assert(!args.includes(stack.environment.AWS_SECRET_ACCESS_KEY));
    }
  });

  it('keeps metadata in files where the file system has no extended attributes', async () => {
    await mkdir(join(dataFolder, 'object-metadata'));
    const stack = await startEmbeddedStack({ dataFolder });
    try {
      const parts = [Buffer.alloc(5 * 2 ** 20, 'a'), Buffer.alloc(3, 'b')];
      const object = { bucket: 'riffle', key: 'in/parts' };
      const inParts = createS3Store({ environment: { ...stack.environment }, largestPut: 1 });
      const { etag } = await inParts.put(object, parts);
      assert.match(etag, /-2"$/);
      assert.deepEqual(await inParts.head(object), { bytes: 5 * 2 ** 20 + 3, etag });
      const read = await inParts.readWhole(object, 6 * 2 ** 20);
      assert(Buffer.concat(parts).equals(read?.data ?? Buffer.alloc(0)));
      assert.deepEqual(await inParts.putIfAbsent(object, [Buffer.from('other')]), { created: false });
      inParts.close();
    } finally {
      await stack.stop();
    }
  });

  it('refuses a folder that another stack uses, and a folder that it stopped using is free', async () => {
    const stack = await sharedServers();
    await assert.rejects(startEmbeddedStack({ dataFolder: stack.dataFolder }), (error) => {
      assert(error instanceof StackBusy);
      assert(error.message.includes(`process ${process.pid}`) && error.message.includes(stack.dataFolder));
      return true;
    });
  });

  it('stops a start half-way', async () => {
    const controller = new AbortController();
    const starting = startEmbeddedStack({ dataFolder, signal: controller.signal });
    await until(async () => (await recordedChildren(dataFolder).catch(() => [])).length === 2);
    const children = await recordedChildren(dataFolder);
    controller.abort();
    await assert.rejects(starting, { name: 'AbortError' });
    assert(!children.some(isRunning));
    (await FolderLock.acquire(dataFolder)).release();
  });

  describe('its lock', () => {
    const dead: ProcessIdentity = { pid: process.pid, started: 'long ago' };
    let bystander: ChildProcess;

    beforeEach(() => {
      bystander = spawn('sleep', ['600']);
    });
    afterEach(() => bystander.kill('SIGKILL'));

    function leave(children: readonly (ProcessIdentity | undefined)[]): Promise<void> {
      return writeFile(join(dataFolder, 'lock.json'), JSON.stringify({ owner: dead, children }));
    }

    it("ends a dead owner's children", async () => {
      const child = identify(bystander.pid as number) as ProcessIdentity;
      await leave([child]);
      const lock = await FolderLock.acquire(dataFolder, 0);
      assert(!isRunning(child));
      lock.release();
    });

    it('leaves a process alone that only has the number of such a child', async () => {
      const innocent = identify(bystander.pid as number) as ProcessIdentity;
      await leave([{ ...innocent, started: '1' }]);
      const lock = await FolderLock.acquire(dataFolder, 0);
      assert(isRunning(innocent));
      lock.release();
    });

    it('goes to one of several that find a dead owner', async () => {
      await leave([]);
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => FolderLock.acquire(dataFolder)));
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    });

    it('is not held up by a file that a crash left empty', async () => {
      await writeFile(join(dataFolder, 'lock.json'), '');
      (await FolderLock.acquire(dataFolder)).release();
    });
  });
});

describe('the probe of conditional PUT', () => {
  it('passes on versitygw and leaves nothing behind', async () => {
    const stack = await sharedServers();
    await withStore({ ...stack.environment }, async (store) => {
      await probeConditionalPut(store, { bucket: stack.bucket, prefix: '' });
      for await (const { key } of store.list(stack.bucket, '_riffle/probe-')) assert.fail(`${key} was left`);
    });
  });

  it('refuses a server that lets every racer win', async () => {
    const { environment } = await sharedServers();
    const racy = await startRacyS3();
    try {
      await withStore({ ...environment, AWS_ENDPOINT_URL_S3: racy.url }, (store) =>
        assert.rejects(probeConditionalPut(store, { bucket: 'riffle', prefix: '' }), (error) => {
          assert(error instanceof ConditionalPutBroken);
          assert.match(error.message, /32 of 32 racing PUTs/);
          return true;
        }),
      );
    } finally {
      await racy.close();
    }
  });
});

describe('the worker pool', () => {
  function pool(stack: EmbeddedStack, options: Partial<ConstructorParameters<typeof WorkerPool>[0]>): WorkerPool {
    return new WorkerPool({ stack, count: 1, memoryBytes: 2 ** 30, command: standInWorker, ...options });
  }

  it('hands the stack and the budget to its workers, and starts those anew that end', async () => {
    const stack = await sharedServers();
    const lines: string[] = [];
    const workers = pool(stack, { count: 2, onProgress: (line) => lines.push(line) });
    try {
      await workers.ready;
      // A line is in the log a moment after it came.
      const said = `budget ${2 ** 30}, Temporal ${stack.environment.TEMPORAL_ADDRESS}`;
      await until(async () => (await readFile(join(stack.logFolder, 'worker-2.log'), 'utf8')).includes(said));

      const before = workers.pids;
      await workers.kill('SIGKILL');
      await until(() => workers.pids.filter((pid) => !before.includes(pid)).length === 2);
      assert.match(lines.join('\n'), /Worker \d ended \(signal SIGKILL\); starting it again in 0\.5 s/);
    } finally {
      await workers.stop();
    }
    assert.deepEqual(workers.pids, []);
  });

  it("gives up, with the end of the worker's log, when a worker never gets ready", async () => {
    const command = [process.execPath, '-e', 'console.error("cannot find the bundle"); process.exit(3)'] as const;
    const workers = pool(await sharedServers(), { command });
    const failure = await workers.failed;
    assert.match(failure.message, /Worker 1 ended \(exit code 3\) before it was ready[^]*cannot find the bundle/);
    await workers.stop();
  });
});
