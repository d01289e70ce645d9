import assert from 'node:assert/strict';
import { AccessDenied, StorageUnavailable } from '../../src/errors.js';
import type { S3Store } from '../../src/storage/s3.js';
import {
  breakAfter,
  errorInBody,
  hangUp,
  loseAnswer,
  refuse,
  say,
  silence,
  stallAfter,
} from '../support/faultProxy.js';
import { bucket, data, requests, times, withFaultyStorage, type FaultyStorage } from '../support/faultyStorage.js';

const { head, list, deletion } = requests;

describe('S3 store, looking up, listing and deleting on a failing network and server', () => {
  let s3: FaultyStorage;
  withFaultyStorage((storage) => (s3 = storage));

  const listed = async (by: S3Store) => {
    const keys = [];
    for await (const { key } of by.list(bucket, s3.object.key)) keys.push(key);
    return keys;
  };

  it('survives refusals, closed connections and stalls', async () => {
    await s3.direct.put(s3.object, [data]);
    s3.proxy.plan(head, refuse(), hangUp, silence);
    assert.equal((await s3.impatient.head(s3.object))?.bytes, data.length);
    s3.proxy.plan(list, refuse(), errorInBody(), breakAfter(100), stallAfter(100));
    const patient = s3.through({ attempts: 5, timeouts: { answer: 1000 } });
    assert.deepEqual(await listed(patient), [s3.object.key]);
    patient.close();
    s3.proxy.plan(deletion, refuse(), loseAnswer, silence);
    await s3.impatient.delete(bucket, [s3.object.key]);
    assert.equal(await s3.direct.head(s3.object), undefined);
  });

  it('does not take a failing HEAD for a missing object', async () => {
    s3.proxy.plan(head, ...times(4, refuse(500, 'InternalError')));
    await assert.rejects(s3.store.head(s3.object), StorageUnavailable);
  });

  it('asks again for the keys only that could not be deleted', async () => {
    const keys = ['a', 'b', 'c'].map((name) => `${s3.object.key}/${name}`);
    for (const key of keys) await s3.direct.put({ bucket, key }, [Buffer.from('x')]);
    const failed = `<Error><Key>${keys[1]}</Key><Code>InternalError</Code><Message>later</Message></Error>`;
    const gone = `<Error><Key>${keys[2]}</Key><Code>NoSuchKey</Code><Message>gone</Message></Error>`;
    s3.proxy.plan(deletion, async ({ response, forward }) => {
      await forward();
      response.writeHead(200).end(`<?xml version="1.0"?><DeleteResult>${failed}${gone}</DeleteResult>`);
    });
    let second = '';
    s3.proxy.plan(deletion, async ({ response, forward }) => {
      await forward((body) => Buffer.from((second = body.toString())));
      response.writeHead(200).end('<?xml version="1.0"?><DeleteResult></DeleteResult>');
    });
    await s3.store.delete(bucket, keys);
    assert.deepEqual(
      [...second.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key),
      [keys[1]],
    );
  });

  it('names a key that may not be deleted', async () => {
    const refusal = `<Error><Key>${s3.object.key}</Key><Code>AccessDenied</Code><Message>no</Message></Error>`;
    s3.proxy.plan(deletion, say(200, `<?xml version="1.0"?><DeleteResult>${refusal}</DeleteResult>`));
    await assert.rejects(s3.store.delete(bucket, ['other', s3.object.key]), (error) => {
      assert.ok(error instanceof AccessDenied);
      assert.ok(error.message.includes(`"${s3.object.key}"`));
      return true;
    });
  });

  it('refuses a list that is not in byte order', async () => {
    const entry = (key: string) => `<Contents><Key>${key}</Key><Size>1</Size><ETag>"e"</ETag></Contents>`;
    const page = `<?xml version="1.0"?><ListBucketResult>${entry('b')}${entry('a')}</ListBucketResult>`;
    s3.proxy.plan(list, ...times(4, say(200, page)));
    await assert.rejects(listed(s3.store), StorageUnavailable);
  });

  it('decodes keys where the server encodes them', async () => {
    const entry = '<Contents><Key>a%0Ab+c%2Bd</Key><Size>1</Size><ETag>"e"</ETag></Contents>';
    const page = `<ListBucketResult><EncodingType>url</EncodingType>${entry}</ListBucketResult>`;
    s3.proxy.plan(list, say(200, `<?xml version="1.0"?>${page}`));
    assert.deepEqual(await listed(s3.store), ['a\nb c+d']);
  });
});
