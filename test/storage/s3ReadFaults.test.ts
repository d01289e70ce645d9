import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { ObjectChanged, ObjectMissing, StorageRefused, StorageUnavailable } from '../../src/errors.js';
import {
  type Fault,
  breakAfter,
  endAfter,
  first,
  goOnFor,
  hangUp,
  refuse,
  resetAfter,
  say,
  silence,
  stallAfter,
  stalling,
} from '../support/faultProxy.js';
import { bucket, data, requests, times, withFaultyStorage, type FaultyStorage } from '../support/faultyStorage.js';

const { get } = requests;

describe('S3 store, reading on a failing network and server', () => {
  let s3: FaultyStorage;
  withFaultyStorage((storage) => (s3 = storage));

  describe('reading a range', () => {
    let etag: string;
    beforeEach(async () => {
      ({ etag } = await s3.direct.put(s3.object, [data]));
    });

    const passing: Record<string, Fault> = {
      '500 InternalError': refuse(500, 'InternalError'),
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
        s3.proxy.plan(get, fault, fault);
        await s3.readMiddle(s3.store);
        assert.equal(s3.proxy.count(get), 3);
      });

      it(`gives up on ${name} after the last attempt`, async () => {
        s3.proxy.plan(get, ...times(4, fault));
        await assert.rejects(s3.readMiddle(s3.store), (error) => {
          assert.ok(error instanceof StorageUnavailable);
          assert.ok(error.retryable);
          assert.match(error.message, new RegExp(`s3://${bucket}/${s3.object.key} at http`));
          return true;
        });
        assert.equal(s3.proxy.count(get), 4);
      });
    }

    it('survives a body that stalls', async () => {
      const watchful = s3.through({ timeouts: { stall: 300 } });
      s3.proxy.plan(get, stallAfter(100_000), stallAfter(0));
      await s3.readMiddle(watchful, etag);
      assert.equal(s3.proxy.count(get), 3);
      watchful.close();
    });

    it('survives a missing answer', async () => {
      s3.proxy.plan(get, silence, stalling);
      await s3.readMiddle(s3.impatient, etag);
      assert.equal(s3.proxy.count(get), 3);
    });

    it('goes on where the body broke, on the same object', async () => {
      s3.proxy.plan(get, breakAfter(300_000), breakAfter(300_000));
      await s3.readMiddle(s3.store);
      const last = data.length - 1001;
      assert.deepEqual(
        s3.proxy.seen.map(({ headers }) => headers.range),
        [`bytes=1000-${last}`, `bytes=301000-${last}`, `bytes=601000-${last}`],
      );
      assert.deepEqual(
        s3.proxy.seen.map(({ headers }) => headers['if-match']),
        [undefined, etag, etag],
      );
    });

    it('counts the attempts anew after progress, not after a few bytes', async () => {
      s3.proxy.plan(get, ...times(6, breakAfter(300_000)));
      await s3.readMiddle(s3.store);
      s3.proxy.reset();
      s3.proxy.plan(get, ...times(4, breakAfter(1000)));
      await assert.rejects(s3.readMiddle(s3.store), StorageUnavailable);
    });

    it('refuses an object that was replaced while it was read', async () => {
      const replace = first(async () => void (await s3.direct.put(s3.object, [randomBytes(data.length)])));
      s3.proxy.plan(get, breakAfter(300_000), replace);
      await assert.rejects(s3.readMiddle(s3.store), ObjectChanged);
      assert.equal(s3.proxy.count(get), 2);
    });

    it('notices the replacement even where the server ignores If-Match', async () => {
      const other = { etag: '"other"', 'content-range': `bytes 1000-${data.length - 1001}/${data.length}` };
      s3.proxy.plan(get, say(206, randomBytes(data.length - 2000), other));
      await assert.rejects(s3.readMiddle(s3.store, etag), ObjectChanged);
    });

    it('refuses an object that was deleted while it was read', async () => {
      s3.proxy.plan(
        get,
        breakAfter(300_000),
        first(() => s3.direct.delete(bucket, [s3.object.key])),
      );
      await assert.rejects(s3.readMiddle(s3.store), ObjectMissing);
    });

    it('asks for nothing more when all has arrived and the end of the answer breaks', async () => {
      s3.proxy.plan(get, ({ response }) => {
        // Without a length the body comes in chunks.
        response.writeHead(206, { etag, 'content-range': `bytes 1000-${data.length - 1001}/${data.length}` });
        response.write(data.subarray(1000, -1000), () => response.destroy());
      });
      await s3.readMiddle(s3.store);
      assert.equal(s3.proxy.count(get), 1);
    });

    for (const [name, reason] of Object.entries({
      'an error': new Error('not like this'),
      'an error that looks like one of the network': Object.assign(new Error('no'), { code: 'ECONNRESET' }),
    })) {
      it(`hands on ${name} of its sink, and does not try again`, async () => {
        const sink = {
          room: () => new Uint8Array(100_000),
          arrived: () => {
            throw reason;
          },
        };
        await assert.rejects(s3.store.read(s3.object, { start: 0, end: data.length }, sink), reason);
        assert.equal(s3.proxy.count(get), 1);
      });
    }

    it('does not put up with a sink that has no room', async () => {
      const sink = { room: () => new Uint8Array(0), arrived: () => undefined };
      await assert.rejects(s3.store.read(s3.object, { start: 0, end: data.length }, sink), RangeError);
    });

    it('takes the whole object where the range is the whole object', async () => {
      s3.proxy.plan(get, say(200, data, { etag }));
      const target = new Uint8Array(data.length);
      await s3.store.readInto(s3.object, { start: 0, end: data.length }, target);
      assert.ok(data.equals(target));
      assert.equal(s3.proxy.count(get), 1);
    });
  });

  describe('reading a whole object', () => {
    const passing: Record<string, Fault> = {
      '500 InternalError': refuse(500, 'InternalError'),
      'a body that breaks off': breakAfter(100_000),
      'a body without length that ends early': endAfter(100_000),
    };
    for (const [name, fault] of Object.entries(passing)) {
      it(`survives ${name}`, async () => {
        await s3.direct.put(s3.object, [data]);
        s3.proxy.plan(get, fault, fault);
        assert.ok(data.equals((await s3.store.readWhole(s3.object, data.length))?.data ?? new Uint8Array()));
        assert.equal(s3.proxy.count(get), 3);
      });
    }

    it('does not take a 404 of unknown reason for a missing object', async () => {
      s3.proxy.plan(get, say(404, '<html>no such page</html>'));
      await assert.rejects(s3.store.readWhole(s3.object, 10), StorageRefused);
    });
  });

  it('leaves no connection behind when bodies are not read to their end', async () => {
    await s3.direct.put(s3.object, [data]);
    const few = s3.through();
    for (let index = 0; index < 150; index++) {
      await assert.rejects(few.readWhole(s3.object, 10));
    }
    assert.equal((await few.head(s3.object))?.bytes, data.length);
    few.close();
  });
});
