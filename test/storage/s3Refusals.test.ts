import assert from 'node:assert/strict';
import { AccessDenied, ClockSkewed, InvalidInput, NoSuchBucket, StorageUnavailable } from '../../src/errors.js';
import { refuse } from '../support/faultProxy.js';
import { data, requests, withFaultyStorage, type FaultyStorage } from '../support/faultyStorage.js';

const { get, list, any } = requests;

describe('S3 store, saying what is wrong', () => {
  let s3: FaultyStorage;
  withFaultyStorage((storage) => (s3 = storage));

  const wrong = (changes: NodeJS.ProcessEnv) => s3.through({ environment: { ...s3.environment, ...changes } });

  it('with keys', async () => {
    for (const [changes, advice] of [
      [{ AWS_SECRET_ACCESS_KEY: 'wrong' }, /SignatureDoesNotMatch.*AWS_SECRET_ACCESS_KEY/],
      [{ AWS_ACCESS_KEY_ID: 'WRONG' }, /AWS_ACCESS_KEY_ID/],
    ] as const) {
      const locked = wrong(changes);
      const denied = (error: unknown) => error instanceof AccessDenied && advice.test(error.message);
      await assert.rejects(locked.readWhole(s3.object, 10), denied);
      await assert.rejects(locked.put(s3.object, [data]), denied);
      await assert.rejects(locked.head(s3.object), AccessDenied);
      locked.close();
    }
    assert.equal(await s3.direct.head(s3.object), undefined);
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
      await assert.rejects(keyless.head(s3.object), (error) => {
        assert.ok(error instanceof AccessDenied);
        assert.match(error.message, /Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE/);
        return true;
      });
    } finally {
      keyless.close();
      for (const name of Object.keys(process.env)) delete process.env[name];
      Object.assign(process.env, own);
    }
    assert.equal(s3.proxy.seen.length, 0);
  });

  it('with an address where nobody listens', async () => {
    const nobody = wrong({ AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' });
    await assert.rejects(nobody.head(s3.object), (error) => {
      assert.ok(error instanceof StorageUnavailable);
      assert.match(error.message, /127\.0\.0\.1:1, .*ECONNREFUSED/);
      return true;
    });
    nobody.close();
  });

  it('with the region', async () => {
    s3.proxy.plan(get, refuse(301, 'PermanentRedirect', { 'x-amz-bucket-region': 'eu-north-7' }));
    const isNamed = (error: unknown) =>
      error instanceof InvalidInput && error.message.includes('Set AWS_REGION to eu-north-7.');
    await assert.rejects(s3.store.readWhole(s3.object, 10), isNamed);
  });

  it('with the clock, where the answer does not help to correct it', async () => {
    s3.proxy.plan(get, refuse(403, 'RequestTimeTooSkewed'));
    await assert.rejects(s3.store.readWhole(s3.object, 10), ClockSkewed);
    assert.equal(s3.proxy.count(get), 1);
  });

  it('with permissions, and still looks objects up without those for the bucket', async () => {
    s3.proxy.plan(list, refuse(403, 'AccessDenied'));
    const narrow = s3.through();
    assert.equal(await narrow.head(s3.object), undefined);
    narrow.close();
    s3.proxy.plan(get, refuse(403, 'AccessDenied'));
    await assert.rejects(s3.store.readWhole(s3.object, 10), AccessDenied);
  });

  it('with a bucket that vanishes', async () => {
    s3.proxy.plan(any, refuse(404, 'NoSuchBucket'));
    await assert.rejects(s3.store.readWhole(s3.object, 10), NoSuchBucket);
  });
});
