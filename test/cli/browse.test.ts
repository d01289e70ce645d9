/** `riffle browse`, as a real process: what it serves, what it refuses, how it ends. */
import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFolder } from '../../src/packageFolder.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import { breakAfter, FaultProxy, refuse, silence } from '../support/faultProxy.js';
import { assertFailed, runRiffle } from '../support/riffleCli.js';
import { startBrowse, type BrowseProcess } from '../support/browseProcess.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, type TestBucket } from '../support/testBucket.js';
import { until } from '../support/until.js';
import { writeRun } from '../support/visualizeRun.js';

const pack = 'pages/00001.bin';
const secret = 'what lies outside of the run';

describe('riffle browse', function () {
  let bucket: TestBucket;
  let proxy: FaultProxy;
  let place: Prefix;
  let run: string;
  let content: Buffer;

  before(async function () {
    this.timeout(stackTimeout);
    bucket = await openTestBucket();
    proxy = await FaultProxy.start(bucket.environment.AWS_ENDPOINT_URL_S3!);
    const outer = bucket.newPlace();
    place = { ...outer, prefix: `${outer.prefix}run "1"/` };
    run = formatPrefix(place);
    await writeRun(bucket.store, place, { of: 20, set: '0-19', featuresPerPack: 8, rows: 2000 });
    for (const key of [`${outer.prefix}secret`, `${outer.prefix}run.json`, `${place.prefix}_riffle/plan.json`]) {
      await bucket.store.put({ bucket: place.bucket, key }, [Buffer.from(secret)]);
    }
    content = Buffer.from((await bucket.store.readWhole({ ...place, key: place.prefix + pack }, 2 ** 30))!.data);
  });
  after(async () => {
    await proxy.close();
    bucket.store.close();
  });

  describe('serves', () => {
    let served: BrowseProcess;

    before(async () => {
      served = await startBrowse(run, [], { AWS_ENDPOINT_URL_S3: proxy.endpoint });
    });
    beforeEach(() => void proxy.reset());
    after(() => served.close());

    const get = (file: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
      fetch(served.url + file, { method, headers, redirect: 'manual' });
    const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

    it('the files of the run, whole, with their length and type', async () => {
      const whole = await get(pack);
      assert.equal(whole.status, 200);
      assert.deepEqual(await bytesOf(whole), content);
      assert.equal(whole.headers.get('content-type'), 'application/octet-stream');
      assert.equal(whole.headers.get('accept-ranges'), 'bytes');
      assert.equal(whole.headers.get('cache-control'), 'no-store');
      assert.equal((await get('run.json')).headers.get('content-type'), 'application/json');
      const head = await get(pack, { range: 'bytes=0-1' }, 'HEAD');
      assert.equal(head.status, 200);
      assert.equal(head.headers.get('content-length'), String(content.length));
      assert.equal(head.headers.get('etag'), whole.headers.get('etag'));
      assert.equal((await bytesOf(head)).length, 0);
    });

    it('one range, by one range of S3', async () => {
      const end = content.length;
      await get(pack);
      for (const [range, from, to] of [
        ['bytes=2-9', 2, 10],
        ['bytes=5-', 5, end],
        ['bytes=-7', end - 7, end],
        ['BYTES=0-0', 0, 1],
        [`bytes=10-${end + 99}`, 10, end],
        [`bytes=-${end + 99}`, 0, end],
      ] as const) {
        proxy.reset();
        const response = await get(pack, { range });
        assert.equal(response.status, 206, range);
        assert.equal(response.headers.get('content-range'), `bytes ${from}-${to - 1}/${end}`);
        assert.equal(response.headers.get('content-length'), String(to - from));
        assert.deepEqual(await bytesOf(response), content.subarray(from, to), range);
        assert.deepEqual(
          proxy.seen.map(({ method, headers }) => [method, headers.range]),
          [['GET', `bytes=${from}-${to - 1}`]],
        );
      }
    });

    it('the whole file where a range is none that it knows, or several', async () => {
      for (const range of ['bytes=2-9,20-29', 'bytes=9-2', 'bytes=-', 'bytes=a-b', 'rows=1-2', 'bytes=2-9junk']) {
        const response = await get(pack, { range });
        assert.equal(response.status, 200, range);
        assert.deepEqual(await bytesOf(response), content, range);
      }
    });

    it('416 where the file has no such byte', async () => {
      for (const range of [`bytes=${content.length}-`, 'bytes=-0', 'bytes=99999999999999999999-']) {
        const response = await get(pack, { range });
        assert.equal(response.status, 416, range);
        assert.equal(response.headers.get('content-range'), `bytes */${content.length}`);
      }
    });

    it('304 to who has the file already, by what S3 says now', async () => {
      const object = { bucket: place.bucket, key: `${place.prefix}pages/00077.bin` };
      await bucket.store.put(object, [Buffer.from('one')]);
      const etag = (await get('pages/00077.bin')).headers.get('etag')!;
      for (const tags of [etag, `"other", W/${etag}`, '*']) {
        const response = await get('pages/00077.bin', { 'if-none-match': tags });
        assert.equal(response.status, 304, tags);
        assert.equal(response.headers.get('etag'), etag);
      }
      assert.equal((await get('pages/00077.bin', { 'if-none-match': '"other"' })).status, 200);
      // The range is of another version than the rest that the client has.
      assert.equal((await get('pages/00077.bin', { range: 'bytes=0-0', 'if-range': '"other"' })).status, 200);
      assert.equal((await get('pages/00077.bin', { range: 'bytes=0-0', 'if-range': etag })).status, 206);
      await bucket.store.put(object, [Buffer.from('another')]);
      const changed = await get('pages/00077.bin', { 'if-none-match': etag });
      assert.equal(changed.status, 200);
      assert.equal(await changed.text(), 'another');
      await bucket.store.put(object, [Buffer.from('a third one')]);
      const range = await get('pages/00077.bin', { range: 'bytes=2-6' });
      assert.equal(await range.text(), 'third');
      await bucket.store.delete(place.bucket, [object.key]);
      assert.equal((await get('pages/00077.bin', { range: 'bytes=2-6' })).status, 404);
    });

    it('its own app, told where the run is, and without a service worker', async () => {
      const built = await readFile(join(packageFolder(), 'dist', 'web', 'index.html'), 'utf8');
      const index = await (await get('')).text();
      assert.equal(index, await (await get('index.html')).text());
      const tag = `<meta name="riffle-run" content="${run.replaceAll('"', '&#34;')}" />`;
      assert.ok(index.includes(tag), index);
      assert.equal(index.replace(tag, '<meta name="riffle-run" content="" />'), built);
      const assets = [...index.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)].map(([, name]) => name!);
      assert.ok(assets.length >= 2);
      for (const name of assets) {
        const response = await get(name);
        assert.match(response.headers.get('cache-control')!, /immutable/);
        assert.match(response.headers.get('content-type')!, /^text\/(css|javascript); charset=utf-8$/);
        assert.deepEqual(await bytesOf(response), await readFile(join(packageFolder(), 'dist', 'web', name)));
        const etag = response.headers.get('etag')!;
        assert.equal((await get(name, { 'if-none-match': etag })).status, 304);
      }
      assert.equal((await get('serviceWorker.js')).status, 404);
      assert.equal(proxy.seen.length, 0);
    });

    it('every answer with headers that keep other pages and scripts out', async () => {
      const answers = [
        [200, await get('')],
        [200, await get('run.json')],
        [206, await get(pack, { range: 'bytes=0-1' })],
        [304, await get('run.json', { 'if-none-match': '*' })],
        [404, await get('nothing')],
        [404, await get('pages/00009.bin')],
        [405, await get('run.json', {}, 'POST')],
        [416, await get(pack, { range: 'bytes=-0' })],
      ] as const;
      for (const [status, { status: got, headers }] of answers) {
        assert.equal(got, status);
        const policy = headers.get('content-security-policy')!;
        assert.match(policy, /^default-src 'none'; script-src 'self';/);
        assert.doesNotMatch(policy, /unsafe|\*|https?:/);
        assert.match(policy, /frame-ancestors 'none'/);
        assert.equal(headers.get('x-content-type-options'), 'nosniff');
        assert.equal(headers.get('referrer-policy'), 'no-referrer');
        assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin');
        assert.equal(headers.get('access-control-allow-origin'), null);
      }
      assert.equal(answers[6][1].headers.get('allow'), 'GET, HEAD');
    });

    it('404 that names a file that is missing', async () => {
      const response = await get('pages/00009.bin');
      assert.equal(await response.text(), `There is no pages/00009.bin in ${run}.\n`);
    });

    it('502 with the reason when S3 fails, and never credentials', async () => {
      for (const [fault, says] of [
        [refuse(403, 'AccessDenied'), /access was denied \(AccessDenied/],
        [refuse(403, 'SignatureDoesNotMatch'), /does not know this pair/],
        [refuse(404, 'NoSuchBucket'), /There is no bucket/],
        [refuse(500, 'InternalError'), /even after several attempts; the last one ended with InternalError/],
      ] as const) {
        proxy.always(/^GET .*00002\.bin/, fault);
        const response = await get('pages/00002.bin', { range: 'bytes=0-3' });
        const body = await response.text();
        assert.equal(response.status, 502, body);
        assert.match(body, says);
        assert.match(served.stderr, says);
        proxy.reset();
      }
      const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: key } = bucket.environment;
      for (const text of [served.stderr, await (await get('pages/00009.bin')).text()]) {
        assert.ok(!text.includes(id!) && !text.includes(key!));
      }
    });

    it('a body whole although S3 broke it off', async () => {
      proxy.plan(/^GET .*00001\.bin/, breakAfter(100));
      assert.deepEqual(await bytesOf(await get(pack)), content);
    });

    it('nobody who hung up: the request to S3 ends', async () => {
      let ended = false;
      proxy.plan(/^GET .*00002\.bin/, (exchange) => {
        exchange.response.on('close', () => (ended = true));
        return silence(exchange);
      });
      const controller = new AbortController();
      const request = fetch(`${served.url}pages/00002.bin`, { signal: controller.signal });
      await until(() => proxy.count(/^GET .*00002\.bin/) === 1);
      controller.abort();
      await assert.rejects(request);
      await until(() => ended);
      assert.equal((await get('run.json')).status, 200);
    });

    it('a file larger than its memory only as fast as it is taken', async () => {
      const object = { bucket: place.bucket, key: `${place.prefix}pages/00088.bin` };
      const megabytes = 96;
      await bucket.store.put(object, [Buffer.alloc(megabytes * 2 ** 20, 7)]);
      const ranges = /^GET .*00088\.bin/;
      const controller = new AbortController();
      const { body } = await fetch(`${served.url}pages/00088.bin`, { signal: controller.signal });
      await body!.getReader().read();
      // While that answer waits, others come and go.
      for (let n = 0; n < 200; n++) await bytesOf(await get(pack));
      const taken = proxy.count(ranges);
      assert.ok(taken >= 1 && taken < megabytes / 2, `${taken} MiB were read ahead`);
      controller.abort();
      const whole = await bytesOf(await get('pages/00088.bin'));
      assert.equal(whole.length, megabytes * 2 ** 20);
      assert.ok(whole.every((byte) => byte === 7));
      await bucket.store.delete(place.bucket, [object.key]);
    });

    /** Sends bytes as they are, and returns all that comes back. */
    const sendRaw = (text: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect(Number(new URL(served.url).port), '127.0.0.1', () => socket.write(text, 'latin1'));
        let answer = '';
        socket.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk));
        socket.on('end', () => resolve(answer)).on('error', reject);
      });
    const ask = (target: string, headers = 'Host: 127.0.0.1', method = 'GET'): Promise<string> =>
      sendRaw(`${method} ${target} HTTP/1.1\r\n${headers}\r\nConnection: close\r\n\r\n`);

    it('nothing outside of the run', async () => {
      assert.match(await ask('/run.json'), /^HTTP\/1\.1 200 /);
      for (const target of [
        '/../secret',
        '/../run.json',
        '/./run.json',
        '/pages/../run.json',
        '/pages/../../secret',
        '/%2e%2e/secret',
        '/%2E%2E%2Fsecret',
        '/..%2fsecret',
        '/..%252fsecret',
        '/pages/..%2f..%2fsecret',
        '/..\\secret',
        '/pages\\..\\..\\secret',
        '/%5c..%5csecret',
        '//run.json',
        '//127.0.0.1/run.json',
        '/run.json/',
        '/run.json%00',
        '/run.json%00.bin',
        '/%72un.json',
        '/run.json#x',
        '/_riffle/plan.json',
        '/%5friffle/plan.json',
        '/pages/../_riffle/plan.json',
        '/pages/_riffle/plan.json',
        '/pages/00001.bin/../../secret',
        '/pages/0.bin',
        '/table/../secret',
        '/table/a.b.bin',
        '/dataset.json',
        '/etc/passwd',
        '/assets/../index.html',
        '/assets/',
        '/serviceWorker.js',
        '/package.json',
        '/__proto__',
        '/constructor',
        'http://127.0.0.1/run.json',
        'http://elsewhere.test/run.json',
        'run.json',
        '*',
        '?',
      ]) {
        const answer = await ask(target);
        assert.match(answer, /^HTTP\/1\.1 40[04] /, `${target}: ${answer.slice(0, 200)}`);
        assert.ok(!answer.includes(secret), target);
      }
      for (const target of ['/run.json\0', '/\x80\xff', '/ ../secret']) {
        const answer = await ask(target);
        assert.doesNotMatch(answer, /^HTTP\/1\.1 [23]/, target);
      }
      assert.match(await ask('127.0.0.1:80', 'Host: 127.0.0.1', 'CONNECT'), /^(?:HTTP\/1\.1 4|$)/);
      // What is asked of S3 was asked for by a name of a run's files.
      for (const { url } of proxy.seen) assert.match(url, /\/run%20%221%22\/run\.json(?:\?x-id=\w+)?$/);
    });

    it('only who asks this machine by its name', async () => {
      for (const host of ['127.0.0.1', '127.0.0.1:1', 'localhost:9000', 'LOCALHOST']) {
        assert.match(await ask('/run.json', `Host: ${host}`), /^HTTP\/1\.1 200 /, host);
      }
      for (const host of [
        'evil.test',
        'localhost.evil.test',
        '127.0.0.1.evil.test',
        'evil.test:80',
        '[::1]',
        '',
        '@',
      ]) {
        assert.match(await ask('/run.json', `Host: ${host}`), /^HTTP\/1\.1 40[03] /, host);
      }
      assert.match(await ask('/run.json', 'X: y'), /^HTTP\/1\.1 400 /);
      assert.match(await sendRaw('GET /run.json HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 403 /);
      assert.match(await ask('/run.json', 'Host: 127.0.0.1\r\nHost: evil.test'), /^HTTP\/1\.1 40[03] /);
    });

    it('loopback only', async function () {
      const outside = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
      const address = outside.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
      if (address === undefined) this.skip();
      const { port } = new URL(served.url);
      await assert.rejects(fetch(`http://${address}:${port}/run.json`), ({ cause }: Error) => {
        assert.equal((cause as NodeJS.ErrnoException).code, 'ECONNREFUSED');
        return true;
      });
    });
  });

  describe('the command', () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      it(`prints one JSON document, and ends by ${signal} with requests under way`, async () => {
        const served = await startBrowse(run, [], { AWS_ENDPOINT_URL_S3: proxy.endpoint });
        proxy.reset();
        proxy.plan(/^GET .*00002\.bin/, silence);
        const waiting = fetch(`${served.url}pages/00002.bin`).catch(() => 'broken off');
        await until(() => proxy.count(/^GET .*00002\.bin/) === 1);
        assert.equal(await served.end(signal), 0, served.stderr);
        assert.equal(await waiting, 'broken off');
        assert.deepEqual(JSON.parse(served.stdout), { url: served.url, run, features: 20 });
        assert.match(served.url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
        await assert.rejects(fetch(served.url));
      });
    }

    it('takes the port that it is told, and refuses one that is taken', async () => {
      const first = await startBrowse(run);
      try {
        const { port } = new URL(first.url);
        const error = assertFailed(
          await runRiffle(['browse', run, '--no-open', '--port', port, '--json']),
          2,
          'InvalidInput',
        );
        assert.match(
          error.message,
          new RegExp(`^Port ${port} of 127\\.0\\.0\\.1 cannot be had \\(another program uses it\\)`),
        );
        await first.end('SIGTERM');
        const second = await startBrowse(run, ['--port', port]);
        assert.equal(second.url, first.url);
        await second.close();
      } finally {
        await first.close();
      }
    });

    for (const port of ['0', '65536', '-1', '80a', '1e3', '']) {
      it(`refuses --port ${JSON.stringify(port)}`, async () => {
        const refused = await runRiffle(['browse', run, '--no-open', `--port=${port}`, '--json']);
        assertFailed(refused, 2, 'InvalidInput');
      });
    }

    it('refuses a prefix that is no run, one that cannot be read, and a wrong address', async () => {
      const nowhere = formatPrefix(bucket.newPlace());
      assertFailed(await runRiffle(['browse', nowhere, '--json']), 2, 'RunMissing', `${nowhere} has no run.json`);
      const outer = run.replace(/\/run "1"$/, '');
      assertFailed(await runRiffle(['browse', outer, '--json']), 2, 'RunInvalid', 'run.json cannot be used');
      assertFailed(await runRiffle(['browse', 's3://no-such-bucket-here/x', '--json']), 2, 'NoSuchBucket');
      assertFailed(await runRiffle(['browse', 'http://x', '--json']), 2, 'InvalidInput');
    });

    it('opens a browser where there is a display, unless told not to', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'riffle-opened-'));
      const opened = join(folder, 'opened');
      const browser = join(folder, 'browser');
      await writeFile(browser, `#!/bin/sh\necho "$1" > ${opened}.part && mv ${opened}.part ${opened}\n`);
      await chmod(browser, 0o755);
      // Without the descriptions of installed programs, xdg-open takes the browser that it is told.
      const chosen = { BROWSER: browser, XDG_DATA_DIRS: folder, XDG_DATA_HOME: folder, HOME: folder };
      const display = { ...chosen, DISPLAY: ':99' };
      const read = (): Promise<string> => readFile(opened, 'utf8').catch(() => '');
      try {
        const told = await startBrowse(run, ['--no-open'], display);
        await told.close();
        assert.equal(await read(), '');
        const without = await startBrowse(run, ['--open'], chosen);
        await until(() => without.stderr.includes('There is no display'));
        await without.close();
        assert.equal(await read(), '');
        const withDisplay = await startBrowse(run, ['--open'], display);
        await until(async () => (await read()) !== '');
        await withDisplay.close();
        assert.equal(await read(), `${withDisplay.url}\n`);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  });
});
