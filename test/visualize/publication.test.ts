/** The feature browser's app in a run's prefix. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppMissing, ObjectConflict } from '../../src/errors.js';
import { type App, isAppFile, readApp } from '../../src/site/app.js';
import { publishApp } from '../../src/site/publishApp.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, override, type TestBucket } from '../support/testBucket.js';
import { carryOutVisualize } from '../support/visualizeCases.js';
import { uploadSample } from '../support/visualizeSample.js';
import { serveByPolicy } from '../web/support/servers.js';

const { signal } = new AbortController();

describe('publication of the app', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;
  let app: App;

  before(async () => {
    bucket = await openTestBucket();
    app = await readApp();
  });
  after(() => bucket.store.close());

  const contentOf = async (place: Prefix, name: string): Promise<string> => {
    const object = await bucket.store.readWhole({ bucket: place.bucket, key: place.prefix + name }, 2 ** 30);
    return Buffer.from(object!.data).toString('latin1');
  };
  const put = (place: Prefix, name: string, text: string): Promise<unknown> =>
    bucket.store.put({ bucket: place.bucket, key: place.prefix + name }, [Buffer.from(text)]);

  it('writes all files, index.html last, as browsers need them', async () => {
    const place = bucket.newPlace();
    const written: string[] = [];
    const recording = override(bucket.store, {
      putIfAbsent: (object, parts, options) => {
        written.push(object.key.slice(place.prefix.length));
        return bucket.store.putIfAbsent(object, parts, options);
      },
    });
    await publishApp(recording, place, app, signal);
    assert.equal(written.at(-1), 'index.html');
    assert.deepEqual(written.toSorted(), [...app.keys()].toSorted());
    const types = { html: 'text/html', js: 'text/javascript', css: 'text/css' };
    const { url } = await serveByPolicy(place);
    for (const [name, { bytes }] of app) {
      const response = await fetch(url + name);
      assert.equal(response.status, 200, name);
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), Buffer.from(bytes));
      const type = types[name.split('.').at(-1) as keyof typeof types];
      assert.equal(response.headers.get('content-type'), `${type}; charset=utf-8`);
      const caching = name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
      assert.equal(response.headers.get('cache-control'), caching);
    }
  });

  it('may be repeated, and leaves the app of another version as it is', async () => {
    const place = bucket.newPlace();
    const older = '<!doctype html><title>riffle</title><script src="assets/main-OLD.js"></script>';
    await put(place, 'assets/main-OLD.js', 'old()');
    await put(place, 'serviceWorker.js', 'caches.open("riffle-shell")');
    await put(place, 'index.html', older);
    for (const attempt of [1, 2]) {
      await publishApp(bucket.store, place, app, signal);
      assert.equal(await contentOf(place, 'index.html'), older, `attempt ${attempt}`);
      assert.equal(await contentOf(place, 'assets/main-OLD.js'), 'old()');
      assert.equal(await contentOf(place, 'serviceWorker.js'), 'caches.open("riffle-shell")');
    }
  });

  it('touches nothing that is not riffle’s, and names it', async () => {
    const asset = [...app.keys()].find((name) => name.startsWith('assets/'))!;
    for (const name of ['index.html', 'serviceWorker.js', asset]) {
      const place = bucket.newPlace();
      // An asset's name is that of its content: another content is not riffle's, whatever it says.
      const foreign = name === asset ? 'riffle' : '<title>Our own page</title>';
      await put(place, name, foreign);
      await assert.rejects(publishApp(bucket.store, place, app, signal), (error) => {
        assert.ok(error instanceof ObjectConflict);
        assert.ok(error.message.startsWith(`${formatPrefix(place)}/${name} is not riffle's`), error.message);
        return true;
      });
      assert.equal(await contentOf(place, name), foreign);
      if (name !== 'index.html') assert.ok(!(await bucket.keys(place)).includes('index.html'));
    }
  });

  it('says where the app should be when riffle was not built', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'riffle-app-'));
    try {
      await assert.rejects(readApp(join(folder, 'web')), (error) => {
        assert.ok(error instanceof AppMissing && error.refusal);
        assert.match(error.message, /there is no .*web\/index\.html\. Run `npm run build` in /);
        return true;
      });
      await writeFile(join(folder, 'index.html'), '');
      await writeFile(join(folder, 'notes.txt'), '');
      await assert.rejects(readApp(folder), /notes\.txt is no file of the app/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('knows its own keys', () => {
    for (const name of [...app.keys(), 'assets/chunk-Ab_1-2.js']) assert.ok(isAppFile(name), name);
    for (const name of [
      'index.htm',
      'x/index.html',
      'assets/',
      'assets/x',
      'assets/../x.js',
      'assets/a/b.js',
      'a.js',
    ]) {
      assert.ok(!isAppFile(name), name);
    }
  });

  it('is part of a run’s commit, and of a later start where index.html was deleted', async () => {
    const sample = await uploadSample(bucket);
    const place = bucket.newPlace();
    const input = { ...sample.input, features: '0-9', output: formatPrefix(place) };
    const order: string[] = [];
    const store = override(bucket.store, {
      putIfAbsent: async (object, parts, options) => {
        const outcome = await bucket.store.putIfAbsent(object, parts, options);
        if (outcome.created) order.push(object.key.slice(place.prefix.length));
        return outcome;
      },
    });
    const { result } = await carryOutVisualize(store, input);
    assert.deepEqual(order.slice(-2), ['index.html', 'run.json']);
    const keys = await bucket.keys(place);
    for (const name of app.keys()) assert.ok(keys.includes(name), name);

    order.length = 0;
    assert.deepEqual((await carryOutVisualize(store, input)).result, result);
    assert.deepEqual(order, []);

    await bucket.store.delete(place.bucket, [`${place.prefix}index.html`, `${place.prefix}serviceWorker.js`]);
    assert.deepEqual((await carryOutVisualize(store, input)).result, result);
    assert.deepEqual(order, ['serviceWorker.js', 'index.html']);
    assert.deepEqual(await bucket.keys(place), keys);
  });
});
