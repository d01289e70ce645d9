import assert from 'node:assert/strict';
import { StorageRefused, StorageUnavailable } from '../../src/errors.js';
import { type Fault, corruptRequest, errorInBody, hangUp, loseAnswer, refuse, silence } from '../support/faultProxy.js';
import { data, requests, times, withFaultyStorage, type FaultyStorage } from '../support/faultyStorage.js';

const { put } = requests;

describe('S3 store, writing on a failing network and server', () => {
  let s3: FaultyStorage;
  withFaultyStorage((storage) => (s3 = storage));

  describe('writing by one PUT', () => {
    const passing: Record<string, Fault> = {
      '500 InternalError': refuse(500, 'InternalError'),
      'a closed connection': hangUp,
      'a lost answer': loseAnswer,
      'success with an error in its text': errorInBody(),
      'a byte that changed on the way': corruptRequest,
      'a competing conditional write': refuse(409, 'ConditionalRequestConflict'),
    };
    for (const [name, fault] of Object.entries(passing)) {
      it(`survives ${name}, twice`, async () => {
        s3.proxy.plan(put, fault, fault);
        const { etag } = await s3.store.put(s3.object, [data]);
        assert.deepEqual(await s3.direct.head(s3.object), { bytes: data.length, etag });
        assert.ok(data.equals(await s3.stored()));
        assert.equal(s3.proxy.count(put), 3);
      });

      it(`gives up on ${name} after the last attempt`, async () => {
        s3.proxy.plan(put, ...times(4, fault));
        await assert.rejects(s3.store.put(s3.object, [data]), StorageUnavailable);
        assert.equal(s3.proxy.count(put), 4);
      });

      if (fault === loseAnswer) continue;
      it(`creates an object in spite of ${name}`, async () => {
        s3.proxy.plan(put, fault);
        assert.equal((await s3.store.putIfAbsent(s3.object, [data])).created, true);
        assert.ok(data.equals(await s3.stored()));
      });
    }

    it('leaves nothing when it gives up on corrupt bytes', async () => {
      s3.proxy.plan(put, ...times(4, corruptRequest));
      await assert.rejects(s3.store.put(s3.object, [data]), StorageUnavailable);
      assert.equal(await s3.direct.head(s3.object), undefined);
    });

    it('survives a missing answer', async () => {
      s3.proxy.plan(put, silence);
      await s3.impatient.put(s3.object, [data]);
      assert.ok(data.equals(await s3.stored()));
    });

    it('says that something is there when the answer to a creation was lost', async () => {
      s3.proxy.plan(put, loseAnswer);
      assert.deepEqual(await s3.store.putIfAbsent(s3.object, [data]), { created: false });
      assert.ok(data.equals(await s3.stored()));
    });

    it('does not repeat what is refused for good', async () => {
      s3.proxy.plan(put, refuse(400, 'InvalidStorageClass'));
      await assert.rejects(s3.store.put(s3.object, [data]), StorageRefused);
      assert.equal(s3.proxy.count(put), 1);
    });
  });

  it('reads and writes with a clock that is two hours ahead', async () => {
    const { now } = Date;
    const skewed = s3.through();
    Date.now = () => now() + 2 * 3600 * 1000;
    try {
      await skewed.put(s3.object, [data]);
    } finally {
      Date.now = now;
      skewed.close();
    }
    assert.ok(data.equals(await s3.stored()));
    assert.ok(s3.proxy.count(put) > 1);
  });
});
