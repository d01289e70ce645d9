import assert from 'node:assert/strict';
import { StorageUnavailable } from '../../src/errors.js';
import type { S3Store } from '../../src/storage/s3.js';
import { type Fault, limitTo, refuse } from '../support/faultProxy.js';
import {
  bucket,
  data,
  parts,
  requests,
  times,
  whole,
  withFaultyStorage,
  type FaultyStorage,
} from '../support/faultyStorage.js';
import { TokenBucket } from '../support/tokenBucket.js';
import { until } from '../support/until.js';

const { any, get, put, deletion } = requests;

describe('S3 store, throttled', () => {
  let s3: FaultyStorage;
  withFaultyStorage((storage) => (s3 = storage));

  /** Many requests at once, more than a limit allows. */
  const inLanes = async (count: number, work: (index: number) => Promise<unknown>) => {
    const indices = Array.from({ length: count }, (_, index) => index).values();
    const lane = async () => {
      for (const index of indices) await work(index);
    };
    await Promise.all(Array.from({ length: 32 }, lane));
  };
  const readByte = (store: S3Store, index: number, signal?: AbortSignal) =>
    store.readInto(s3.object, { start: index, end: index + 1 }, new Uint8Array(1), { signal });

  const inSuccess = 'success with SlowDown in its text';
  const refusals: Record<string, Fault> = {
    '503 SlowDown': refuse(),
    '503 with a code of its own': refuse(503, 'XSlowDown'),
    '429': refuse(429, 'TooManyRequests'),
    '400 RequestLimitExceeded': refuse(400, 'RequestLimitExceeded'),
    [inSuccess]: refuse(200, 'SlowDown'),
  };
  for (const [name, fault] of Object.entries(refusals)) {
    it(`survives more ${name} than it makes attempts`, async () => {
      const { object, proxy } = s3;
      const single = s3.through({ attempts: 1 });
      proxy.plan(put, ...times(3, fault));
      await single.put(object, [data]);
      assert.equal(proxy.count(put), 4);
      assert.equal(single.statistics.requests.put, 4);
      assert.equal(single.statistics.throttled, 3);
      assert.equal(single.statistics.retries, 0);
      if (name === inSuccess) return;
      proxy.plan(get, ...times(3, fault));
      await s3.readMiddle(single);
      assert.equal(proxy.count(get), 4);
      assert.equal(single.statistics.throttled, 6);
      single.close();
    });
  }

  it('survives refusals of each request of a multipart upload', async () => {
    const single = s3.through({ attempts: 1 });
    let requestsSoFar = 0;
    s3.proxy.always(any, async (exchange) => {
      if (requestsSoFar++ % 2 === 0) await refuse()(exchange);
      else await limitTo(new TokenBucket(1000, 0))(exchange);
    });
    await single.put(s3.object, parts);
    assert.ok(whole.equals(await s3.stored()));
    single.close();
  });

  it('deletes all keys although each answer refuses some', async () => {
    const keys = ['a', 'b', 'c'].map((name) => `${s3.object.key}/${name}`);
    const answers = [keys, keys.slice(1), []].map((refused): Fault => {
      const errors = refused.map((key) => `<Error><Key>${key}</Key><Code>SlowDown</Code><Message>m</Message></Error>`);
      return ({ request, response }) => {
        request.resume();
        response.end(`<?xml version="1.0"?><DeleteResult>${errors.join('')}</DeleteResult>`);
      };
    });
    s3.proxy.plan(deletion, ...answers);
    const single = s3.through({ attempts: 1 });
    await single.delete(bucket, keys);
    single.close();
  });

  it('gives up when it is refused everything', async () => {
    const hasty = s3.through({ timeouts: { throttled: 100 } });
    s3.proxy.always(any, refuse());
    for (const call of [() => hasty.head(s3.object), () => hasty.put(s3.object, [data])]) {
      await assert.rejects(call(), (error) => {
        assert.ok(error instanceof StorageUnavailable);
        assert.ok(error.retryable);
        assert.match(
          error.message,
          /refused every request of this kind because too many came; it said (SlowDown|HTTP 503)/,
        );
        return true;
      });
    }
    hasty.close();
  });

  it('settles at the rate that a server allows', async () => {
    await s3.direct.put(s3.object, [data]);
    const store = s3.through({ attempts: 1 });
    const limit = new TokenBucket(200, performance.now());
    s3.proxy.always(get, limitTo(limit));
    await inLanes(800, (index) => readByte(store, index));
    assert.equal(limit.accepted, 800);
    assert.ok(limit.refused > 0, 'the limit was never reached');
    // All lanes are refused at first, some a few times, until the rate is found.
    assert.ok(limit.refused < 200, `${limit.refused} requests were refused`);
    assert.equal(store.statistics.throttled, limit.refused);
    assert.equal(store.statistics.requests.get, limit.accepted + limit.refused);
    assert.equal(store.statistics.bytesRead, 800);
    store.close();
  });

  it('writes as before while reads are refused, and an abort ends their wait', async () => {
    const store = s3.through();
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    s3.proxy.always(get, refuse());
    const reads = inLanes(32, (index) => readByte(store, index, controller.signal));
    reads.catch(() => undefined);
    await until(() => store.statistics.throttled > 32);
    for (let index = 0; index < 20; index++) await store.put(s3.object, [data.subarray(0, 10)]);
    assert.equal(s3.proxy.count(put), 20);
    controller.abort(reason);
    await assert.rejects(reads, reason);
    store.close();
  });
});
