import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnvironment } from '../src/cli/environment.js';
import { isRunning, type ProcessIdentity } from '../src/stack/processIdentity.js';
import { createS3Store } from '../src/storage/s3.js';
import { sharedServers, stackTimeout } from './support/stack.js';
import { until } from './support/until.js';

/** A `riffle dev` in a process of its own. */
class Dev {
  stdout = '';
  stderr = '';
  readonly exit: Promise<number | NodeJS.Signals | null>;
  private readonly process: ChildProcess;

  constructor(readonly folder: string) {
    this.process = spawn(process.execPath, ['--import', 'tsx', 'test/support/runDev.ts', folder]);
    this.process.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.process.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.exit = new Promise((resolve) => {
      this.process.once('close', (code, signal) => {
        resolve(code ?? signal);
      });
    });
  }

  get environmentFile(): string {
    return join(this.folder, '.riffle', 'dev.env');
  }

  async ready(): Promise<void> {
    const ended = await Promise.race([until(() => this.stdout.includes('ready')), this.exit.then(() => 'ended')]);
    assert.equal(ended, undefined, this.stderr);
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** The Temporal server, versitygw, then the workers. */
  async children(): Promise<ProcessIdentity[]> {
    const text = await readFile(join(this.folder, '.riffle', 'lock.json'), 'utf8');
    return (JSON.parse(text) as { children: ProcessIdentity[] }).children;
  }
}

describe('riffle dev', () => {
  let folder: string;
  const started: Dev[] = [];

  function start(): Dev {
    const dev = new Dev(folder);
    started.push(dev);
    return dev;
  }

  before(async function () {
    this.timeout(stackTimeout);
    // Where the servers' programs must be built first, this waits for it.
    await sharedServers();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'riffle-dev-'));
  });
  afterEach(async () => {
    for (const dev of started) dev.kill('SIGTERM');
    await Promise.all(started.splice(0).map((dev) => dev.exit));
    await rm(folder, { recursive: true, force: true });
  });

  it('says where its servers are when work can start, and stops all on SIGTERM', async () => {
    const dev = start();
    await dev.ready();
    assert.equal(dev.stdout, 'ready\n');
    assert.equal((await stat(dev.environmentFile)).mode & 0o777, 0o600);
    const text = await readFile(dev.environmentFile, 'utf8');
    const environment = parseEnvironment(text, dev.environmentFile);
    assert.deepEqual(Object.keys(environment), [
      ...['AWS_ENDPOINT_URL_S3', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION'],
      ...['TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE', 'RIFFLE_UI'],
    ]);
    assert(!/\bready\b/.test(dev.stderr));
    for (const name of ['AWS_ENDPOINT_URL_S3', 'TEMPORAL_ADDRESS', 'RIFFLE_UI']) {
      assert(dev.stderr.includes(environment[name] as string), `${name} in:\n${dev.stderr}`);
    }
    const page = await fetch(environment.RIFFLE_UI as string);
    assert.match(await page.text(), /<html/);
    const store = createS3Store({ environment });
    assert.deepEqual(await store.head({ bucket: 'riffle', key: 'absent' }), undefined);
    store.close();

    const children = await dev.children();
    assert.equal(children.length, 4);
    dev.kill('SIGTERM');
    assert.equal(await dev.exit, 0);
    assert(!children.some(isRunning));
    assert(!existsSync(dev.environmentFile));
    assert(existsSync(join(folder, '.riffle', 'temporal.db')));
    assert(existsSync(join(folder, '.riffle', 's3', 'riffle')));
  });

  it('refuses a folder in which another one runs', async () => {
    const dev = start();
    await dev.ready();
    const other = start();
    assert.equal(await other.exit, 2);
    assert.equal(other.stdout, '');
    assert.match(other.stderr, /^StackBusy: riffle's servers already run in .* \(process \d+\)/m);
    assert(existsSync(dev.environmentFile));
  });

  it('leaves no process behind when it is killed, and can start again', async () => {
    const dev = start();
    await dev.ready();
    const children = await dev.children();
    dev.kill('SIGKILL');
    assert.equal(await dev.exit, 'SIGKILL');
    const again = start();
    await again.ready();
    assert(!children.some(isRunning));
  });

  it('leaves no process behind when it is killed, without another start', async () => {
    const dev = start();
    await dev.ready();
    const children = await dev.children();
    dev.kill('SIGKILL');
    await until(() => !children.some(isRunning));
  });

  it('stops with exit code 1 and the log when a server dies', async () => {
    for (const index of [0, 1]) {
      const dev = start();
      await dev.ready();
      const children = await dev.children();
      process.kill((children[index] as ProcessIdentity).pid, 'SIGKILL');
      assert.equal(await dev.exit, 1);
      assert.match(dev.stderr, /^StackFailed: The .* server.* ended by itself \(signal SIGKILL\)\. .*log/m);
      assert(!children.some(isRunning));
      assert(!existsSync(dev.environmentFile));
    }
  });

  it('stops while it starts', async () => {
    const dev = start();
    await until(async () => (await dev.children().catch(() => [])).length === 2);
    const children = await dev.children();
    dev.kill('SIGINT');
    assert.equal(await dev.exit, 0);
    assert.equal(dev.stdout, '');
    assert(!children.some(isRunning));
  });
});
