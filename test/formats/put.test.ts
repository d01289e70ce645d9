import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe as describeShards } from '../../src/formats/describe.js';
import { putDirectory, type PutProgress } from '../../src/formats/put.js';
import type { ObjectStore } from '../../src/storage/objectStore.js';
import { createS3Store } from '../../src/storage/s3.js';
import type { Prefix } from '../../src/storage/uri.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, override, type TestBucket } from '../support/testBucket.js';

const MiB = 1024 * 1024;

describe('riffle put', () => {
  let s3: TestBucket;
  let place: Prefix;
  let folder: string;

  before(async function () {
    this.timeout(stackTimeout);
    s3 = await openTestBucket();
  });
  after(() => {
    s3.store.close();
  });
  beforeEach(async () => {
    place = s3.newPlace();
    folder = await mkdtemp(join(tmpdir(), 'riffle-put-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function write(path: string, data: string | Uint8Array): Promise<void> {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), data);
  }
  const locate = (path: string) => ({ bucket: place.bucket, key: place.prefix + path });
  const read = async (path: string) => {
    const found = await s3.store.readWhole(locate(path), 100 * MiB);
    return found && Buffer.from(found.data);
  };

  it('uploads the sample, which can then be described', async () => {
    const dump = fileURLToPath(new URL('../../examples/dump', import.meta.url));
    const result = await putDirectory(s3.store, dump, place);
    assert.deepEqual(result, { uploaded: 4, skipped: 0, bytes: 4 * 2392432, ignored: 0 });
    assert.equal((await describeShards(s3.store, place)).dataset.rows, 8192);
  });

  it('keeps relative paths; leaves out and counts dot files, dot folders and links', async () => {
    await write('a/b/c d+é.txt', 'one');
    await write('empty', '');
    await write('.hidden', 'x');
    await write('.git/config', 'x');
    await symlink('/etc/hostname', join(folder, 'link'));
    await symlink(folder, join(folder, 'a/loop'));
    assert.deepEqual(await putDirectory(s3.store, folder, place), { uploaded: 2, skipped: 0, bytes: 3, ignored: 4 });
    assert.deepEqual(await s3.keys(place), ['a/b/c d+é.txt', 'empty']);
    assert.equal((await read('a/b/c d+é.txt'))?.toString(), 'one');
  });

  it('skips what is there, and adds what is new', async () => {
    await write('a', 'one');
    await putDirectory(s3.store, folder, place);
    await write('b', 'two');
    const progress: PutProgress[] = [];
    const result = await putDirectory(s3.store, folder, place, { onProgress: (step) => progress.push(step) });
    assert.deepEqual(result, { uploaded: 1, skipped: 1, bytes: 3, ignored: 0 });
    assert.deepEqual(progress, [
      { stage: 'compare', done: 1, total: 2, bytes: 0 },
      { stage: 'compare', done: 2, total: 2, bytes: 0 },
      { stage: 'upload', done: 1, total: 1, bytes: 3 },
    ]);
  });

  it('uploads nothing when anything would be overwritten, and names it', async () => {
    await write('b', 'two');
    await write('deep/c', 'three');
    await putDirectory(s3.store, folder, place);
    await write('a', 'new');
    await write('b', 'TWO');
    await write('deep/c', 'longer than before');
    await assert.rejects(putDirectory(s3.store, folder, place), {
      code: 'UploadConflict',
      message: /other content under "b", "deep\/c"\. riffle put never overwrites/,
    });
    assert.deepEqual(await s3.keys(place), ['b', 'deep/c']);
    assert.equal((await read('b'))?.toString(), 'two');
  });

  it('uploads dataset.json last', async () => {
    for (const path of ['dataset.json', 'x/dataset.json', 'x/0.npy', 'z.npy']) await write(path, path);
    const order: string[] = [];
    const watched = override<ObjectStore>(s3.store, {
      putIfAbsent: async (object, parts, options) => {
        const outcome = await s3.store.putIfAbsent(object, parts, options);
        order.push(object.key.slice(place.prefix.length));
        return outcome;
      },
    });
    await putDirectory(watched, folder, place);
    assert.deepEqual(order.slice(0, 2).sort(), ['x/0.npy', 'z.npy']);
    assert.deepEqual(order.slice(2).sort(), ['dataset.json', 'x/dataset.json']);
  });

  it('uploads large files in parts, and knows them again by their ETag alone', async () => {
    const data = Buffer.concat([randomBytes(MiB), Buffer.alloc(64 * MiB), randomBytes(MiB)]);
    await write('large', data);
    assert.equal((await putDirectory(s3.store, folder, place)).bytes, 66 * MiB);
    assert.match((await s3.store.head(locate('large')))?.etag ?? '', /-2"$/);
    assert.ok(data.equals((await read('large')) ?? Buffer.alloc(0)));
    const noReads = override<ObjectStore>(s3.store, { readInto: () => Promise.reject(new Error('read back')) });
    assert.equal((await putDirectory(noReads, folder, place)).skipped, 1);
  });

  it('reads objects back where their ETag does not tell', async () => {
    const data = randomBytes(12 * MiB);
    await write('other-parts', data);
    const inParts = createS3Store({ environment: s3.environment, largestPut: 5 * MiB });
    await inParts.put(locate('other-parts'), [data.subarray(0, 6 * MiB), data.subarray(6 * MiB)]);
    inParts.close();
    assert.equal((await putDirectory(s3.store, folder, place)).skipped, 1);
    data[data.length - 1] = (data.at(-1) ?? 0) ^ 1;
    await write('other-parts', data);
    await assert.rejects(putDirectory(s3.store, folder, place), { code: 'UploadConflict' });
  });

  it('notices a file that changes while it is uploaded, and leaves nothing of it', async () => {
    for (const [name, bytes] of [
      ['small', 1000],
      ['large', 65 * MiB],
    ] as const) {
      await write(name, Buffer.alloc(bytes));
      const growing = override<ObjectStore>(s3.store, {
        head: async (object, options) => {
          const found = await s3.store.head(object, options);
          await appendFile(join(folder, name), 'more');
          return found;
        },
      });
      await assert.rejects(putDirectory(growing, folder, place), { code: 'FileChanged', message: new RegExp(name) });
      await rm(join(folder, name));
    }
    await write('large', Buffer.alloc(65 * MiB));
    const changing = override<ObjectStore>(s3.store, {
      putIfAbsent: async (object, parts, options) => {
        await appendFile(join(folder, 'large'), 'more');
        return s3.store.putIfAbsent(object, parts, options);
      },
    });
    await assert.rejects(putDirectory(changing, folder, place), { code: 'FileChanged' });
    assert.deepEqual(await s3.keys(place), []);
    assert.equal(await s3.store.abortUploads(place.bucket, place.prefix, () => true), 0);
  });

  it('takes an upload whose answer was lost for its own, and never overwrites a competitor', async () => {
    await write('a', 'mine');
    const first = (content: string) =>
      override<ObjectStore>(s3.store, {
        putIfAbsent: async (object, parts, options) => {
          await s3.store.put(object, [Buffer.from(content)]);
          return s3.store.putIfAbsent(object, parts, options);
        },
      });
    assert.equal((await putDirectory(first('mine'), folder, place)).uploaded, 1);
    await s3.store.delete(place.bucket, [locate('a').key]);
    await assert.rejects(putDirectory(first('else'), folder, place), { code: 'UploadConflict' });
    assert.equal((await read('a'))?.toString(), 'else');
  });

  it('refuses what it cannot put', async () => {
    await assert.rejects(putDirectory(s3.store, folder, place), { code: 'InvalidInput', message: /nothing to upload/ });
    await write('a\nb', 'x');
    await assert.rejects(putDirectory(s3.store, folder, place), { code: 'InvalidInput', message: /control character/ });
    for (const path of ['absent', 'a\nb']) {
      await assert.rejects(putDirectory(s3.store, join(folder, path), place), {
        code: 'InvalidInput',
        message: /cannot be read/,
      });
    }
    await rm(join(folder, 'a\nb'));
    await write('a', 'x');
    await assert.rejects(putDirectory(s3.store, folder, { bucket: 'no-such-bucket', prefix: '' }), {
      code: 'NoSuchBucket',
    });
  });

  it('stops when it is told to', async () => {
    await write('a', 'x');
    const reason = new Error('enough');
    await assert.rejects(putDirectory(s3.store, folder, place, { signal: AbortSignal.abort(reason) }), reason);
    assert.deepEqual(await s3.keys(place), []);
  });
});
