import assert from 'node:assert/strict';
import { StorageRefused, StorageUnavailable } from '../../src/errors.js';
import {
  type Fault,
  corruptRequest,
  errorInBody,
  first,
  hangUp,
  loseAnswer,
  refuse,
  silence,
} from '../support/faultProxy.js';
import {
  data,
  parts,
  whole,
  requests,
  times,
  withFaultyStorage,
  type FaultyStorage,
} from '../support/faultyStorage.js';

const { part, begin, complete, abort } = requests;

describe('S3 store, writing in parts on a failing network and server', () => {
  let s3: FaultyStorage;
  withFaultyStorage((storage) => (s3 = storage));

  for (const [name, pattern] of Object.entries({ begin, part, complete })) {
    for (const [what, fault] of Object.entries({ refused: refuse(), 'cut off': hangUp, 'in error': errorInBody() })) {
      it(`survives that "${name}" is ${what}`, async () => {
        s3.proxy.plan(pattern, fault, fault);
        await s3.store.put(s3.object, parts);
        assert.ok(whole.equals(await s3.stored()));
        assert.equal(await s3.uploadsLeft(), 0);
      });
    }
  }

  it('survives a byte of a part that changed on the way, and its lost answer', async () => {
    s3.proxy.plan(part, corruptRequest, loseAnswer);
    await s3.store.put(s3.object, parts);
    assert.ok(whole.equals(await s3.stored()));
    assert.equal(s3.proxy.count(part), 5);
  });

  it('recognises its own object when the answer to the completion was lost', async () => {
    s3.proxy.plan(complete, loseAnswer, refuse(404, 'NoSuchUpload'));
    const { etag } = await s3.store.put(s3.object, parts);
    assert.deepEqual(await s3.direct.head(s3.object), { bytes: whole.length, etag });
    assert.equal(s3.proxy.count(begin), 1);
    assert.ok(whole.equals(await s3.stored()));
  });

  it('writes anew when another object stands there after a lost answer', async () => {
    await s3.direct.put(s3.object, [data]);
    s3.proxy.plan(complete, hangUp, refuse(404, 'NoSuchUpload'));
    await s3.store.put(s3.object, parts);
    assert.equal(s3.proxy.count(begin), 2);
    assert.ok(whole.equals(await s3.stored()));
    assert.equal(await s3.uploadsLeft(), 0);
  });

  it('says that something is there when the answer to a creation was lost', async () => {
    s3.proxy.plan(complete, loseAnswer, refuse(404, 'NoSuchUpload'));
    assert.deepEqual(await s3.store.putIfAbsent(s3.object, parts), { created: false });
    assert.ok(whole.equals(await s3.stored()));
  });

  it('creates anew when the upload is gone and nothing is there', async () => {
    s3.proxy.plan(complete, refuse(404, 'NoSuchUpload'));
    assert.equal((await s3.store.putIfAbsent(s3.object, parts)).created, true);
    assert.equal(s3.proxy.count(begin), 2);
    assert.equal(await s3.uploadsLeft(), 0);
  });

  it('begins anew after a competing conditional write', async () => {
    s3.proxy.plan(complete, refuse(409, 'ConditionalRequestConflict'));
    assert.equal((await s3.store.putIfAbsent(s3.object, parts)).created, true);
    assert.equal(s3.proxy.count(begin), 2);
    assert.equal(s3.proxy.count(part), 6);
    assert.ok(whole.equals(await s3.stored()));
    assert.equal(await s3.uploadsLeft(), 0);
  });

  it('gives up when that happens again and again', async () => {
    s3.proxy.plan(complete, ...times(4, refuse(409, 'ConditionalRequestConflict')));
    await assert.rejects(s3.store.putIfAbsent(s3.object, parts), StorageUnavailable);
    assert.equal(await s3.direct.head(s3.object), undefined);
    assert.equal(await s3.uploadsLeft(), 0);
  });

  it('begins anew when somebody aborted the upload', async () => {
    const abortedByOther: Fault = async (exchange) => {
      assert.equal(await s3.uploadsLeft(), 1);
      await refuse(404, 'NoSuchUpload')(exchange);
    };
    s3.proxy.plan(part, abortedByOther, silence, silence);
    await s3.store.put(s3.object, parts);
    assert.ok(whole.equals(await s3.stored()));
    assert.equal(await s3.uploadsLeft(), 0);
  });

  it('yields to an object that appeared meanwhile', async () => {
    s3.proxy.plan(
      complete,
      first(async () => void (await s3.direct.put(s3.object, [data]))),
    );
    assert.deepEqual(await s3.store.putIfAbsent(s3.object, parts), { created: false });
    assert.ok(data.equals(await s3.stored()));
    assert.equal(await s3.uploadsLeft(), 0);
  });

  it('ends all parts and aborts the upload when one part fails for good', async () => {
    s3.proxy.plan(part, refuse(400, 'EntityTooSmall'), silence, silence);
    await assert.rejects(s3.store.put(s3.object, parts), (error) => {
      assert.ok(error instanceof StorageRefused);
      assert.match(error.message, /EntityTooSmall/);
      return true;
    });
    assert.equal(s3.proxy.count(complete), 0);
    assert.equal(s3.proxy.count(abort), 1);
    assert.equal(await s3.uploadsLeft(), 0);
  });

  it('aborts the upload when the caller aborts', async () => {
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    const abortNow: Fault = (exchange) => {
      void silence(exchange);
      controller.abort(reason);
    };
    s3.proxy.plan(part, silence, silence, abortNow);
    await assert.rejects(s3.store.put(s3.object, parts, { signal: controller.signal }), reason);
    assert.equal(s3.proxy.count(complete), 0);
    assert.equal(s3.proxy.count(abort), 1);
    assert.equal(await s3.uploadsLeft(), 0);
  });
});
