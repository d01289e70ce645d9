import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { CreateMultipartUploadCommand, S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { ObjectChanged, ObjectConflict, ObjectMissing, NoSuchBucket } from '../../src/errors.js';
import type { ListedObject } from '../../src/storage/objectStore.js';
import { createS3Store, type S3Store } from '../../src/storage/s3.js';
import { sharedServers, stackTimeout } from '../support/stack.js';

const MiB = 1024 * 1024;
const bucket = 'storage-test';

describe('S3 store on versitygw', function () {
  let environment: NodeJS.ProcessEnv;
  let store: S3Store;
  let prefix: string;
  let count = 0;
  const at = (key: string) => ({ bucket, key: `${prefix}${key}` });

  before(async function () {
    this.timeout(stackTimeout);
    environment = { ...(await sharedServers()).environment };
    store = createS3Store({ environment, attempts: 3, largestPut: 5 * MiB });
    await store.createBucket(bucket);
  });
  after(() => {
    store.close();
  });
  beforeEach(() => {
    prefix = `case-${++count}/`;
  });

  const read = async (key: string) => Buffer.from((await store.readWhole(at(key), 64 * MiB))?.data ?? []);
  const listAll = async (options?: { delimiter: '/' }) => {
    const listed: ListedObject[] = [];
    for await (const object of store.list(bucket, prefix, options)) listed.push(object);
    return listed;
  };
  const keys = async (options?: { delimiter: '/' }) =>
    (await listAll(options)).map(({ key }) => key.slice(prefix.length));
  const unfinishedUploads = () => store.abortUploads(bucket, prefix, () => true);

  it('makes a bucket once, and again without complaint', async () => {
    await store.createBucket('storage-test-again');
    await store.createBucket('storage-test-again');
    assert.equal(await store.head({ bucket: 'storage-test-again', key: 'x' }), undefined);
  });

  for (const key of ['plain', 'a b+c%20d&e=f?g#h', 'ünï/日本/😀', 'quotes\'"<>&']) {
    it(`writes, looks up, lists, reads and deletes the key ${key}`, async () => {
      const data = randomBytes(1000);
      const { etag } = await store.put(at(key), [data]);
      assert.deepEqual(await store.head(at(key)), { bytes: 1000, etag });
      assert.deepEqual(await listAll(), [{ key: prefix + key, bytes: 1000, etag }]);
      assert.deepEqual(await read(key), data);
      const target = new Uint8Array(300);
      await store.readInto(at(key), { start: 700, end: 1000 }, target, { ifMatch: etag });
      assert.deepEqual(Buffer.from(target), data.subarray(700));
      await store.delete(bucket, [prefix + key]);
      assert.equal(await store.head(at(key)), undefined);
    });
  }

  it('holds empty objects', async () => {
    await store.put(at('none'), []);
    await store.put(at('one'), [new Uint8Array(0)]);
    assert.equal((await store.head(at('none')))?.bytes, 0);
    assert.equal((await store.readWhole(at('one'), 0))?.data.length, 0);
    await store.readInto(at('one'), { start: 0, end: 0 }, new Uint8Array(0));
  });

  it('joins several small parts into one PUT and makes a multipart upload of more', async () => {
    const data = randomBytes(11 * MiB);
    const small = [data.subarray(0, 100), data.subarray(100, 300)];
    const large = [data.subarray(0, 5 * MiB), data.subarray(5 * MiB, 10 * MiB), data.subarray(10 * MiB)];
    assert.match((await store.put(at('small'), small)).etag, /^"[0-9a-f]{32}"$/);
    assert.match((await store.put(at('large'), large)).etag, /^"[0-9a-f]{32}-3"$/);
    assert.deepEqual(await read('small'), data.subarray(0, 300));
    assert.deepEqual(await read('large'), data);
    assert.equal(await unfinishedUploads(), 0);
  });

  it('gives equal bytes in equal parts equal ETags', async () => {
    const data = randomBytes(11 * MiB);
    for (const parts of [[data], [data.subarray(0, 5 * MiB), data.subarray(5 * MiB)]]) {
      const etags = [];
      for (const key of ['one', 'two', 'one']) etags.push((await store.put(at(key), parts)).etag);
      assert.equal(new Set(etags).size, 1);
    }
  });

  it('lets exactly one of 32 racing writers create an object, by one PUT', async () => {
    const bodies = Array.from({ length: 32 }, () => randomBytes(5000));
    const outcomes = await Promise.all(bodies.map((body) => store.putIfAbsent(at('race'), [body])));
    const winners = bodies.filter((_, index) => outcomes[index]?.created);
    assert.equal(winners.length, 1);
    assert.deepEqual(await read('race'), winners[0]);
  });

  it('lets exactly one of 4 racing writers create an object, by multipart uploads', async () => {
    const bodies = Array.from({ length: 4 }, () => randomBytes(6 * MiB));
    const outcomes = await Promise.all(
      bodies.map((body) => store.putIfAbsent(at('race'), [body.subarray(0, 5 * MiB), body.subarray(5 * MiB)])),
    );
    const winners = bodies.filter((_, index) => outcomes[index]?.created);
    assert.equal(winners.length, 1);
    assert.deepEqual(await read('race'), winners[0]);
    assert.equal(await unfinishedUploads(), 0);
  });

  it('creates nothing where something is, and says so', async () => {
    const first = await store.putIfAbsent(at('x'), [Buffer.from('first')]);
    assert.equal(first.created, true);
    assert.deepEqual(await store.putIfAbsent(at('x'), [Buffer.from('second')]), { created: false });
    const parts = [randomBytes(5 * MiB), randomBytes(10)];
    assert.deepEqual(await store.putIfAbsent(at('x'), parts), { created: false });
    assert.equal((await read('x')).toString(), 'first');
    assert.equal(await unfinishedUploads(), 0);
  });

  it('lists in byte order of the keys, over pages, with and without delimiter', async function () {
    const names = ['a', 'a-b', 'a.b', 'a/b', 'a/c/d', 'a0', 'aa', 'B', 'ä', '～', '😀', 'z/1'];
    const many = Array.from({ length: 1005 }, (_, index) => `many/${index}`);
    const all = [...names.filter((name) => name !== 'a'), ...many];
    for (let start = 0; start < all.length; start += 64) {
      await Promise.all(all.slice(start, start + 64).map((key) => store.put(at(key), [Buffer.from(key)])));
    }
    const sorted = all
      .map((key) => Buffer.from(key))
      .sort((a, b) => Buffer.compare(a, b))
      .map(String);
    assert.deepEqual(await keys(), sorted);
    assert.deepEqual(
      await keys({ delimiter: '/' }),
      sorted.filter((key) => !key.includes('/')),
    );

    await store.delete(
      bucket,
      [...many, 'never-there'].map((key) => prefix + key),
    );
    assert.deepEqual(
      await keys(),
      sorted.filter((key) => !key.startsWith('many/')),
    );
  });

  it('aborts the unfinished uploads that belong to us, and no others', async () => {
    const client = new S3Client({
      endpoint: environment.AWS_ENDPOINT_URL_S3 ?? '',
      forcePathStyle: true,
      region: 'us-east-1',
      credentials: {
        accessKeyId: environment.AWS_ACCESS_KEY_ID ?? '',
        secretAccessKey: environment.AWS_SECRET_ACCESS_KEY ?? '',
      },
    });
    for (const key of ['ours 1+', 'ours 1+', 'ours/2', 'theirs']) {
      const place = { Bucket: bucket, Key: prefix + key };
      const { UploadId } = await client.send(new CreateMultipartUploadCommand(place));
      await client.send(new UploadPartCommand({ ...place, UploadId, PartNumber: 1, Body: 'part' }));
    }
    client.destroy();
    const seen: string[] = [];
    const belongs = (key: string): boolean => {
      seen.push(key.slice(prefix.length));
      return key.includes('ours');
    };
    assert.equal(await store.abortUploads(bucket, `${prefix}nothing`, belongs), 0);
    assert.equal(await store.abortUploads(bucket, prefix, belongs), 3);
    assert.deepEqual(seen.sort(), ['ours 1+', 'ours 1+', 'ours/2', 'theirs']);
    assert.equal(await unfinishedUploads(), 1);
  });

  describe('refuses', () => {
    it('to read an object of another ETag', async () => {
      const { etag } = await store.put(at('x'), [Buffer.from('old')]);
      await store.put(at('x'), [Buffer.from('new')]);
      const reading = store.readInto(at('x'), { start: 0, end: 3 }, new Uint8Array(3), { ifMatch: etag });
      await assert.rejects(reading, ObjectChanged);
    });

    it('to read past the end, and names both lengths', async () => {
      await store.put(at('x'), [Buffer.from('12345')]);
      for (const range of [
        { start: 0, end: 9 },
        { start: 7, end: 9 },
      ]) {
        const reading = store.readInto(at('x'), range, new Uint8Array(range.end - range.start));
        await assert.rejects(reading, (error) => {
          assert.ok(error instanceof ObjectChanged);
          assert.match(error.message, /has 5 bytes, but should have at least 9/);
          return true;
        });
      }
    });

    it('to read what is not there', async () => {
      assert.equal(await store.readWhole(at('x'), 10), undefined);
      const reading = store.readInto(at('x'), { start: 0, end: 1 }, new Uint8Array(1));
      await assert.rejects(reading, ObjectMissing);
    });

    it('to read more than the limit', async () => {
      await store.put(at('x'), [Buffer.from('12345')]);
      await assert.rejects(store.readWhole(at('x'), 4), ObjectConflict);
      assert.equal((await read('x')).toString(), '12345');
    });

    it('every call on a bucket that is not there', async () => {
      const nowhere = { bucket: 'no-such-bucket', key: 'x' };
      const calls: (() => Promise<unknown>)[] = [
        () => store.head(nowhere),
        () => store.readInto(nowhere, { start: 0, end: 1 }, new Uint8Array(1)),
        () => store.readWhole(nowhere, 1),
        () => store.put(nowhere, [Buffer.from('x')]),
        () => store.put(nowhere, [randomBytes(5 * MiB), randomBytes(1)]),
        () => store.putIfAbsent(nowhere, [Buffer.from('x')]),
        async () => {
          for await (const { key } of store.list(nowhere.bucket, '')) assert.fail(key);
        },
        () => store.delete(nowhere.bucket, ['x']),
        () => store.abortUploads(nowhere.bucket, '', () => true),
      ];
      for (const call of calls) await assert.rejects(call(), NoSuchBucket);
    });
  });
});
