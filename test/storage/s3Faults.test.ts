import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  AccessDenied,
  ClockSkewed,
  InvalidInput,
  NoSuchBucket,
  ObjectChanged,
  ObjectMissing,
  StorageRefused,
  StorageUnavailable,
} from '../../src/errors.js';
import { createS3Store, type S3Store, type S3StoreOptions } from '../../src/storage/s3.js';
import {
  breakAfter,
  corruptRequest,
  endAfter,
  errorInBody,
  type Fault,
  FaultProxy,
  first,
  goOnFor,
  hangUp,
  loseAnswer,
  refuse,
  resetAfter,
  say,
  silence,
  stallAfter,
  stalling,
} from '../support/faultProxy.js';
import { sharedServers, stackTimeout } from '../support/stack.js';

const MiB = 1024 * 1024;
const bucket = 'storage-faults';
const data = randomBytes(2 * MiB);
const parts = [randomBytes(5 * MiB), randomBytes(5 * MiB), randomBytes(1 * MiB)];
const whole = Buffer.concat(parts);

// Requests, as FaultProxy.plan sees them.
const get = /^GET .*x-id=GetObject/;
const put = /^PUT .*x-id=PutObject/;
const part = /^PUT .*partNumber/;
const begin = /^POST .*[?&]uploads/;
const complete = /^POST .*uploadId/;
const abort = /^DELETE .*uploadId/;
const head = /^HEAD /;
const list = /^GET .*list-type=2/;
const deletion = /^POST .*[?&]delete/;
const any = /^/;

describe('S3 store on a failing network and server', () => {
  let environment: NodeJS.ProcessEnv;
  let proxy: FaultProxy;
  /** Straight to the server, to prepare and to look. */
  let direct: S3Store;
  /** Through the proxy. */
  let store: S3Store;
  /** Through the proxy, soon giving up on silence. */
  let impatient: S3Store;
  let object: { bucket: string; key: string };
  let count = 0;

  const through = (options: S3StoreOptions = {}): S3Store =>
    createS3Store({
      environment: { ...environment, AWS_ENDPOINT_URL_S3: proxy.endpoint },
      attempts: 4,
      firstPause: 1,
      largestPut: 5 * MiB,
      ...options,
    });

  before(async function () {
    this.timeout(stackTimeout);
    environment = { ...(await sharedServers()).environment };
    proxy = await FaultProxy.start(environment.AWS_ENDPOINT_URL_S3 ?? '');
    direct = createS3Store({ environment, largestPut: 5 * MiB });
    store = through();
    impatient = through({ timeouts: { answer: 1000 } });
    await direct.createBucket(bucket);
  });
  after(async () => {
    for (const each of [direct, store, impatient]) each.close();
    await proxy.close();
  });
  beforeEach(() => {
    object = { bucket, key: `case-${++count}/object` };
  });
  afterEach(() => {
    assert.equal(proxy.reset().unmet, 0, 'faults that no request met');
  });

  const stored = async () => Buffer.from((await direct.readWhole(object, 64 * MiB))?.data ?? []);
  const uploadsLeft = () => direct.abortUploads(bucket, object.key, () => true);
  /** Reads bytes 1,000 to the end minus 1,000 and compares. */
  const readMiddle = async (by: S3Store, ifMatch?: string, signal?: AbortSignal) => {
    const target = new Uint8Array(data.length - 2000);
    await by.readInto(object, { start: 1000, end: data.length - 1000 }, target, { ifMatch, signal });
    assert.ok(data.subarray(1000, -1000).equals(target), 'bytes differ');
  };
  const rangesAsked = () => proxy.seen.map(({ headers }) => headers.range);
  const times = (number: number, fault: Fault) => Array.from({ length: number }, () => fault);

  describe('reading a range', () => {
    let etag: string;
    beforeEach(async () => {
      ({ etag } = await direct.put(object, [data]));
    });

    const passing: Record<string, Fault> = {
      '503 SlowDown': refuse(),
      '500 InternalError': refuse(500, 'InternalError'),
      '429': refuse(429, 'TooManyRequests'),
      '400 RequestTimeout': refuse(400, 'RequestTimeout'),
      'a closed connection': hangUp,
      'a body that breaks off': breakAfter(100_000),
      'a connection reset within the body': resetAfter(100_000),
      'a body that breaks off before its first byte': breakAfter(0),
      'a body that ends early in good order': endAfter(100_000),
      'a body that goes on too long': goOnFor(10),
      'the whole object instead of the range': say(200, data, { etag: '"e"' }),
      'another range': say(206, data.subarray(0, 10), { etag: '"e"', 'content-range': `bytes 0-9/${data.length}` }),
      'a range that is not named': say(206, data.subarray(1000, -1000), { etag: '"e"' }),
      'an answer without ETag': say(206, data.subarray(1000, -1000), {
        'content-range': `bytes 1000-${data.length - 1001}/${data.length}`,
      }),
    };
    for (const [name, fault] of Object.entries(passing)) {
      it(`survives ${name}, twice`, async () => {
        proxy.plan(get, fault, fault);
        await readMiddle(store);
        assert.equal(proxy.count(get), 3);
      });

      it(`gives up on ${name} after the last attempt`, async () => {
        proxy.plan(get, ...times(4, fault));
        await assert.rejects(readMiddle(store), (error) => {
          assert.ok(error instanceof StorageUnavailable);
          assert.ok(error.retryable);
          assert.match(error.message, new RegExp(`s3://${bucket}/${object.key} at http`));
          return true;
        });
        assert.equal(proxy.count(get), 4);
      });
    }

    it('survives a body that stalls', async () => {
      const watchful = through({ timeouts: { stall: 300 } });
      proxy.plan(get, stallAfter(100_000), stallAfter(0));
      await readMiddle(watchful, etag);
      assert.equal(proxy.count(get), 3);
      watchful.close();
    });

    it('survives a missing answer', async () => {
      proxy.plan(get, silence, stalling);
      await readMiddle(impatient, etag);
      assert.equal(proxy.count(get), 3);
    });

    it('goes on where the body broke, on the same object', async () => {
      proxy.plan(get, breakAfter(300_000), breakAfter(300_000));
      await readMiddle(store);
      const last = data.length - 1001;
      assert.deepEqual(rangesAsked(), [`bytes=1000-${last}`, `bytes=301000-${last}`, `bytes=601000-${last}`]);
      assert.deepEqual(
        proxy.seen.map(({ headers }) => headers['if-match']),
        [undefined, etag, etag],
      );
    });

    it('counts the attempts anew after progress, not after a few bytes', async () => {
      proxy.plan(get, ...times(6, breakAfter(300_000)));
      await readMiddle(store);
      proxy.reset();
      proxy.plan(get, ...times(4, breakAfter(1000)));
      await assert.rejects(readMiddle(store), StorageUnavailable);
    });

    it('refuses an object that was replaced while it was read', async () => {
      const replace = first(async () => void (await direct.put(object, [randomBytes(data.length)])));
      proxy.plan(get, breakAfter(300_000), replace);
      await assert.rejects(readMiddle(store), ObjectChanged);
      assert.equal(proxy.count(get), 2);
    });

    it('notices the replacement even where the server ignores If-Match', async () => {
      const other = { etag: '"other"', 'content-range': `bytes 1000-${data.length - 1001}/${data.length}` };
      proxy.plan(get, say(206, randomBytes(data.length - 2000), other));
      await assert.rejects(readMiddle(store, etag), ObjectChanged);
    });

    it('refuses an object that was deleted while it was read', async () => {
      proxy.plan(
        get,
        breakAfter(300_000),
        first(() => direct.delete(bucket, [object.key])),
      );
      await assert.rejects(readMiddle(store), ObjectMissing);
    });

    it('takes the whole object where the range is the whole object', async () => {
      proxy.plan(get, say(200, data, { etag }));
      const target = new Uint8Array(data.length);
      await store.readInto(object, { start: 0, end: data.length }, target);
      assert.ok(data.equals(target));
      assert.equal(proxy.count(get), 1);
    });
  });

  describe('reading a whole object', () => {
    const passing: Record<string, Fault> = {
      '503 SlowDown': refuse(),
      'a body that breaks off': breakAfter(100_000),
      'a body without length that ends early': endAfter(100_000),
    };
    for (const [name, fault] of Object.entries(passing)) {
      it(`survives ${name}`, async () => {
        await direct.put(object, [data]);
        proxy.plan(get, fault, fault);
        assert.ok(data.equals((await store.readWhole(object, data.length))?.data ?? new Uint8Array()));
        assert.equal(proxy.count(get), 3);
      });
    }

    it('does not take a 404 of unknown reason for a missing object', async () => {
      proxy.plan(get, say(404, '<html>no such page</html>'));
      await assert.rejects(store.readWhole(object, 10), StorageRefused);
    });
  });

  describe('writing by one PUT', () => {
    const passing: Record<string, Fault> = {
      '503 SlowDown': refuse(),
      'a closed connection': hangUp,
      'a lost answer': loseAnswer,
      'success with an error in its text': errorInBody(),
      'a byte that changed on the way': corruptRequest,
      'a competing conditional write': refuse(409, 'ConditionalRequestConflict'),
    };
    for (const [name, fault] of Object.entries(passing)) {
      it(`survives ${name}, twice`, async () => {
        proxy.plan(put, fault, fault);
        const { etag } = await store.put(object, [data]);
        assert.deepEqual(await direct.head(object), { bytes: data.length, etag });
        assert.ok(data.equals(await stored()));
        assert.equal(proxy.count(put), 3);
      });

      it(`gives up on ${name} after the last attempt`, async () => {
        proxy.plan(put, ...times(4, fault));
        await assert.rejects(store.put(object, [data]), StorageUnavailable);
        assert.equal(proxy.count(put), 4);
      });

      if (fault === loseAnswer) continue;
      it(`creates an object in spite of ${name}`, async () => {
        proxy.plan(put, fault);
        assert.equal((await store.putIfAbsent(object, [data])).created, true);
        assert.ok(data.equals(await stored()));
      });
    }

    it('leaves nothing when it gives up on corrupt bytes', async () => {
      proxy.plan(put, ...times(4, corruptRequest));
      await assert.rejects(store.put(object, [data]), StorageUnavailable);
      assert.equal(await direct.head(object), undefined);
    });

    it('survives a missing answer', async () => {
      proxy.plan(put, silence);
      await impatient.put(object, [data]);
      assert.ok(data.equals(await stored()));
    });

    it('says that something is there when the answer to a creation was lost', async () => {
      proxy.plan(put, loseAnswer);
      assert.deepEqual(await store.putIfAbsent(object, [data]), { created: false });
      assert.ok(data.equals(await stored()));
    });

    it('does not repeat what is refused for good', async () => {
      proxy.plan(put, refuse(400, 'InvalidStorageClass'));
      await assert.rejects(store.put(object, [data]), StorageRefused);
      assert.equal(proxy.count(put), 1);
    });
  });

  describe('writing in parts', () => {
    for (const [name, pattern] of Object.entries({ begin, part, complete })) {
      for (const [what, fault] of Object.entries({ refused: refuse(), 'cut off': hangUp, 'in error': errorInBody() })) {
        it(`survives that "${name}" is ${what}`, async () => {
          proxy.plan(pattern, fault, fault);
          await store.put(object, parts);
          assert.ok(whole.equals(await stored()));
          assert.equal(await uploadsLeft(), 0);
        });
      }
    }

    it('survives a byte of a part that changed on the way, and its lost answer', async () => {
      proxy.plan(part, corruptRequest, loseAnswer);
      await store.put(object, parts);
      assert.ok(whole.equals(await stored()));
      assert.equal(proxy.count(part), 5);
    });

    it('recognises its own object when the answer to the completion was lost', async () => {
      proxy.plan(complete, loseAnswer, refuse(404, 'NoSuchUpload'));
      const { etag } = await store.put(object, parts);
      assert.deepEqual(await direct.head(object), { bytes: whole.length, etag });
      assert.equal(proxy.count(begin), 1);
      assert.ok(whole.equals(await stored()));
    });

    it('writes anew when another object stands there after a lost answer', async () => {
      await direct.put(object, [data]);
      proxy.plan(complete, hangUp, refuse(404, 'NoSuchUpload'));
      await store.put(object, parts);
      assert.equal(proxy.count(begin), 2);
      assert.ok(whole.equals(await stored()));
      assert.equal(await uploadsLeft(), 0);
    });

    it('says that something is there when the answer to a creation was lost', async () => {
      proxy.plan(complete, loseAnswer, refuse(404, 'NoSuchUpload'));
      assert.deepEqual(await store.putIfAbsent(object, parts), { created: false });
      assert.ok(whole.equals(await stored()));
    });

    it('creates anew when the upload is gone and nothing is there', async () => {
      proxy.plan(complete, refuse(404, 'NoSuchUpload'));
      assert.equal((await store.putIfAbsent(object, parts)).created, true);
      assert.equal(proxy.count(begin), 2);
      assert.equal(await uploadsLeft(), 0);
    });

    it('begins anew after a competing conditional write', async () => {
      proxy.plan(complete, refuse(409, 'ConditionalRequestConflict'));
      assert.equal((await store.putIfAbsent(object, parts)).created, true);
      assert.equal(proxy.count(begin), 2);
      assert.equal(proxy.count(part), 6);
      assert.ok(whole.equals(await stored()));
      assert.equal(await uploadsLeft(), 0);
    });

    it('gives up when that happens again and again', async () => {
      proxy.plan(complete, ...times(4, refuse(409, 'ConditionalRequestConflict')));
      await assert.rejects(store.putIfAbsent(object, parts), StorageUnavailable);
      assert.equal(await direct.head(object), undefined);
      assert.equal(await uploadsLeft(), 0);
    });

    it('begins anew when somebody aborted the upload', async () => {
      const abortedByOther: Fault = async (exchange) => {
        assert.equal(await uploadsLeft(), 1);
        await refuse(404, 'NoSuchUpload')(exchange);
      };
      proxy.plan(part, abortedByOther, silence, silence);
      await store.put(object, parts);
      assert.ok(whole.equals(await stored()));
      assert.equal(await uploadsLeft(), 0);
    });

    it('yields to an object that appeared meanwhile', async () => {
      proxy.plan(
        complete,
        first(async () => void (await direct.put(object, [data]))),
      );
      assert.deepEqual(await store.putIfAbsent(object, parts), { created: false });
      assert.ok(data.equals(await stored()));
      assert.equal(await uploadsLeft(), 0);
    });

    it('ends all parts and aborts the upload when one part fails for good', async () => {
      proxy.plan(part, refuse(400, 'EntityTooSmall'), silence, silence);
      await assert.rejects(store.put(object, parts), (error) => {
        assert.ok(error instanceof StorageRefused);
        assert.match(error.message, /EntityTooSmall/);
        return true;
      });
      assert.equal(proxy.count(complete), 0);
      assert.equal(proxy.count(abort), 1);
      assert.equal(await uploadsLeft(), 0);
    });

    it('aborts the upload when the caller aborts', async () => {
      const controller = new AbortController();
      const reason = new Error('no longer wanted');
      const abortNow: Fault = (exchange) => {
        void silence(exchange);
        controller.abort(reason);
      };
      proxy.plan(part, silence, silence, abortNow);
      await assert.rejects(store.put(object, parts, { signal: controller.signal }), reason);
      assert.equal(proxy.count(complete), 0);
      assert.equal(proxy.count(abort), 1);
      assert.equal(await uploadsLeft(), 0);
    });
  });

  describe('looking up, listing, deleting', () => {
    const listed = async (by: S3Store) => {
      const keys = [];
      for await (const { key } of by.list(bucket, object.key)) keys.push(key);
      return keys;
    };

    it('survives refusals, closed connections and stalls', async () => {
      await direct.put(object, [data]);
      proxy.plan(head, refuse(), hangUp, silence);
      assert.equal((await impatient.head(object))?.bytes, data.length);
      proxy.plan(list, refuse(), errorInBody(), breakAfter(100), stallAfter(100));
      const patient = through({ attempts: 5, timeouts: { answer: 1000 } });
      assert.deepEqual(await listed(patient), [object.key]);
      patient.close();
      proxy.plan(deletion, refuse(), loseAnswer, silence);
      await impatient.delete(bucket, [object.key]);
      assert.equal(await direct.head(object), undefined);
    });

    it('does not take a failing HEAD for a missing object', async () => {
      proxy.plan(head, ...times(4, refuse()));
      await assert.rejects(store.head(object), StorageUnavailable);
    });

    it('asks again for the keys only that could not be deleted', async () => {
      const keys = ['a', 'b', 'c'].map((name) => `${object.key}/${name}`);
      for (const key of keys) await direct.put({ bucket, key }, [Buffer.from('x')]);
      const failed = `<Error><Key>${keys[1]}</Key><Code>InternalError</Code><Message>later</Message></Error>`;
      const gone = `<Error><Key>${keys[2]}</Key><Code>NoSuchKey</Code><Message>gone</Message></Error>`;
      proxy.plan(deletion, async ({ response, forward }) => {
        await forward();
        response.writeHead(200).end(`<?xml version="1.0"?><DeleteResult>${failed}${gone}</DeleteResult>`);
      });
      let second = '';
      proxy.plan(deletion, async ({ response, forward }) => {
        await forward((body) => Buffer.from((second = body.toString())));
        response.writeHead(200).end('<?xml version="1.0"?><DeleteResult></DeleteResult>');
      });
      await store.delete(bucket, keys);
      assert.deepEqual(
        [...second.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key),
        [keys[1]],
      );
    });

    it('names a key that may not be deleted', async () => {
      const refusal = `<Error><Key>${object.key}</Key><Code>AccessDenied</Code><Message>no</Message></Error>`;
      proxy.plan(deletion, say(200, `<?xml version="1.0"?><DeleteResult>${refusal}</DeleteResult>`));
      await assert.rejects(store.delete(bucket, ['other', object.key]), (error) => {
        assert.ok(error instanceof AccessDenied);
        assert.ok(error.message.includes(`"${object.key}"`));
        return true;
      });
    });

    it('refuses a list that is not in byte order', async () => {
      const entry = (key: string) => `<Contents><Key>${key}</Key><Size>1</Size><ETag>"e"</ETag></Contents>`;
      const page = `<?xml version="1.0"?><ListBucketResult>${entry('b')}${entry('a')}</ListBucketResult>`;
      proxy.plan(list, ...times(4, say(200, page)));
      await assert.rejects(listed(store), StorageUnavailable);
    });

    it('decodes keys where the server encodes them', async () => {
      const entry = '<Contents><Key>a%0Ab+c%2Bd</Key><Size>1</Size><ETag>"e"</ETag></Contents>';
      const page = `<ListBucketResult><EncodingType>url</EncodingType>${entry}</ListBucketResult>`;
      proxy.plan(list, say(200, `<?xml version="1.0"?>${page}`));
      assert.deepEqual(await listed(store), ['a\nb c+d']);
    });
  });

  describe('saying what is wrong', () => {
    const wrong = (changes: NodeJS.ProcessEnv) => through({ environment: { ...environment, ...changes } });

    it('with keys', async () => {
      for (const [changes, advice] of [
        [{ AWS_SECRET_ACCESS_KEY: 'wrong' }, /SignatureDoesNotMatch.*AWS_SECRET_ACCESS_KEY/],
        [{ AWS_ACCESS_KEY_ID: 'WRONG' }, /AWS_ACCESS_KEY_ID/],
      ] as const) {
        const locked = wrong(changes);
        const denied = (error: unknown) => error instanceof AccessDenied && advice.test(error.message);
        await assert.rejects(locked.readWhole(object, 10), denied);
        await assert.rejects(locked.put(object, [data]), denied);
        await assert.rejects(locked.head(object), AccessDenied);
        locked.close();
      }
      assert.equal(await direct.head(object), undefined);
    });

    it('without keys', async () => {
      // The SDK's default chain looks into the process's own environment.
      const own = { ...process.env };
      for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
      Object.assign(process.env, {
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_CONFIG_FILE: 'none-here',
        AWS_SHARED_CREDENTIALS_FILE: 'none-here',
      });
      const keyless = wrong({ AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_REGION: undefined });
      try {
        await assert.rejects(keyless.head(object), (error) => {
          assert.ok(error instanceof AccessDenied);
          assert.match(error.message, /Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE/);
          return true;
        });
      } finally {
        keyless.close();
        for (const name of Object.keys(process.env)) delete process.env[name];
        Object.assign(process.env, own);
      }
      assert.equal(proxy.seen.length, 0);
    });

    it('with an address where nobody listens', async () => {
      const nobody = wrong({ AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' });
      await assert.rejects(nobody.head(object), (error) => {
        assert.ok(error instanceof StorageUnavailable);
        assert.match(error.message, /127\.0\.0\.1:1, .*ECONNREFUSED/);
        return true;
      });
      nobody.close();
    });

    it('with the region', async () => {
      proxy.plan(get, refuse(301, 'PermanentRedirect', { 'x-amz-bucket-region': 'eu-north-7' }));
      const isNamed = (error: unknown) =>
        error instanceof InvalidInput && error.message.includes('Set AWS_REGION to eu-north-7.');
      await assert.rejects(store.readWhole(object, 10), isNamed);
    });

    it('with the clock, where the answer does not help to correct it', async () => {
      proxy.plan(get, refuse(403, 'RequestTimeTooSkewed'));
      await assert.rejects(store.readWhole(object, 10), ClockSkewed);
      assert.equal(proxy.count(get), 1);
    });

    it('with permissions, and still looks objects up without those for the bucket', async () => {
      proxy.plan(list, refuse(403, 'AccessDenied'));
      const narrow = through();
      assert.equal(await narrow.head(object), undefined);
      narrow.close();
      proxy.plan(get, refuse(403, 'AccessDenied'));
      await assert.rejects(store.readWhole(object, 10), AccessDenied);
    });

    it('with a bucket that vanishes', async () => {
      proxy.plan(any, refuse(404, 'NoSuchBucket'));
      await assert.rejects(store.readWhole(object, 10), NoSuchBucket);
    });
  });

  it('reads and writes with a clock that is two hours ahead', async () => {
    const { now } = Date;
    const skewed = through();
    Date.now = () => now() + 2 * 3600 * 1000;
    try {
      await skewed.put(object, [data]);
    } finally {
      Date.now = now;
      skewed.close();
    }
    assert.ok(data.equals(await stored()));
    assert.ok(proxy.count(put) > 1);
  });

  describe('aborted', () => {
    const reason = new Error('no longer wanted');

    it('before it begins, sends nothing', async () => {
      const signal = AbortSignal.abort(reason);
      const calls: (() => Promise<unknown>)[] = [
        () => store.head(object, { signal }),
        () => readMiddle(store, undefined, signal),
        () => store.readWhole(object, 10, { signal }),
        () => store.put(object, [data], { signal }),
        () => store.put(object, parts, { signal }),
        () => store.putIfAbsent(object, [data], { signal }),
        async () => {
          for await (const { key } of store.list(bucket, '', { signal })) assert.fail(key);
        },
        () => store.delete(bucket, ['x'], { signal }),
        () => store.abortUploads(bucket, '', () => true, { signal }),
      ];
      for (const call of calls) await assert.rejects(call(), reason);
      assert.equal(proxy.seen.length, 0);
    });

    it('in the middle of a body, while waiting for an answer, and between attempts, ends at once', async () => {
      await direct.put(object, [data]);
      const slow = through({ firstPause: 3600_000 });
      const aborting = (plan: (abort: () => void) => Fault) => {
        const controller = new AbortController();
        proxy.plan(
          get,
          plan(() => controller.abort(reason)),
        );
        return readMiddle(slow, undefined, controller.signal);
      };
      await assert.rejects(
        aborting((end) => stallAfter(1000, end)),
        reason,
      );
      await assert.rejects(
        aborting(
          (end) =>
            ({ request }) =>
              void (request.resume(), end()),
        ),
        reason,
      );
      const betweenAttempts: Fault = (exchange) => refuse()(exchange);
      const refused = aborting((end) => (exchange) => {
        // After the refusal has reached the client, which then pauses for up to an hour.
        exchange.response.on('close', () => setImmediate(end));
        return betweenAttempts(exchange);
      });
      await assert.rejects(refused, reason);
      assert.equal(proxy.count(get), 3);
      slow.close();
    });
  });

  it('lets many calls share one signal without a warning', async () => {
    await direct.put(object, [data]);
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on('warning', note);
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 50 }, () => readMiddle(direct, undefined, signal)));
    process.off('warning', note);
    assert.deepEqual(warnings, []);
  });

  it('leaves no connection behind when bodies are not read to their end', async () => {
    await direct.put(object, [data]);
    const few = through();
    for (let index = 0; index < 150; index++) {
      await assert.rejects(few.readWhole(object, 10));
    }
    assert.equal((await few.head(object))?.bytes, data.length);
    few.close();
  });
});
