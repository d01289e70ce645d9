import assert from 'node:assert/strict';
import { type Fault, refuse, stallAfter } from '../support/faultProxy.js';
import { bucket, data, parts, requests, withFaultyStorage, type FaultyStorage } from '../support/faultyStorage.js';

const { get } = requests;

describe('S3 store, aborted', () => {
  let s3: FaultyStorage;
  withFaultyStorage((storage) => (s3 = storage));

  const reason = new Error('no longer wanted');

  it('before it begins, sends nothing', async () => {
    const signal = AbortSignal.abort(reason);
    const calls: (() => Promise<unknown>)[] = [
      () => s3.store.head(s3.object, { signal }),
      () => s3.readMiddle(s3.store, undefined, signal),
      () => s3.store.readWhole(s3.object, 10, { signal }),
      () => s3.store.put(s3.object, [data], { signal }),
      () => s3.store.put(s3.object, parts, { signal }),
      () => s3.store.putIfAbsent(s3.object, [data], { signal }),
      async () => {
        for await (const { key } of s3.store.list(bucket, '', { signal })) assert.fail(key);
      },
      () => s3.store.delete(bucket, ['x'], { signal }),
      () => s3.store.abortUploads(bucket, '', () => true, { signal }),
    ];
    for (const call of calls) await assert.rejects(call(), reason);
    assert.equal(s3.proxy.seen.length, 0);
  });

  it('in the middle of a body, while waiting for an answer, and between attempts, ends at once', async () => {
    await s3.direct.put(s3.object, [data]);
    const slow = s3.through({ firstPause: 3600_000 });
    const aborting = (plan: (abort: () => void) => Fault) => {
      const controller = new AbortController();
      s3.proxy.plan(
        get,
        plan(() => controller.abort(reason)),
      );
      return s3.readMiddle(slow, undefined, controller.signal);
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
    const betweenAttempts = refuse(500, 'InternalError');
    const refused = aborting((end) => (exchange) => {
      // After the refusal has reached the client, which then pauses for up to an hour.
      exchange.response.on('close', () => setImmediate(end));
      return betweenAttempts(exchange);
    });
    await assert.rejects(refused, reason);
    assert.equal(s3.proxy.count(get), 3);
    slow.close();
  });

  it('lets many calls share one signal without a warning', async () => {
    await s3.direct.put(s3.object, [data]);
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on('warning', note);
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 50 }, () => s3.readMiddle(s3.direct, undefined, signal)));
    process.off('warning', note);
    assert.deepEqual(warnings, []);
  });
});
