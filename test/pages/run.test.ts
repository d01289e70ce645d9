/** A run's files, written to S3 as tasks do and read back by ranges; whatever is damaged is named. */
import assert from 'node:assert/strict';
import { FeatureMissing, RunDamaged, RunInvalid, RunMissing } from '../../src/errors.js';
import { hasFeature, parseFeatures } from '../../src/pages/featureSet.js';
import { RunReader } from '../../src/pages/runReader.js';
import { isCommon } from '../../src/pages/search.js';
import { storedRunFiles } from '../../src/pages/storedRunFiles.js';
import { noToken, states } from '../../src/pages/table.js';
import type { Prefix } from '../../src/storage/uri.js';
import { makeSample, vocabulary } from '../support/featurePages.js';
import { counted, type Read } from '../support/runFiles.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, type TestBucket } from '../support/testBucket.js';
import { pageOf, type RunShape, streamOf, writeRun } from '../support/visualizeRun.js';

// Features 40 to 47 and 56 to 63 are whole packs that the run leaves out.
const shape: RunShape = { of: 70, set: '3-30,33,35-39,48-55,64-69', featuresPerPack: 8, rows: 5000 };
const set = parseFeatures(shape.set, 'set');
const features = Array.from({ length: shape.of }, (_, feature) => feature).filter((feature) =>
  hasFeature(set, feature),
);

describe('a visualize run in S3', () => {
  let bucket: TestBucket;
  let place: Prefix;

  before(async function () {
    this.timeout(stackTimeout);
    bucket = await openTestBucket();
    place = bucket.newPlace();
    await writeRun(bucket.store, place, shape);
  });
  after(() => bucket.store.close());

  async function open(where = place): Promise<{ run: RunReader; reads: Read[] }> {
    const { files, reads } = counted(storedRunFiles(bucket.store, where));
    const run = await RunReader.open(files, 's3://run');
    reads.length = 0;
    return { run, reads };
  }

  /** A copy of one file of the run among others that are the same, for damage. */
  async function bytesOf(file: string, where = place): Promise<Uint8Array> {
    const found = await bucket.store.readWhole({ bucket: where.bucket, key: where.prefix + file }, 2 ** 24);
    assert.ok(found, `no ${file}`);
    return found.data;
  }

  it('gives every page by two range requests', async () => {
    const { run, reads } = await open();
    for (const feature of features) {
      reads.length = 0;
      assert.deepEqual(await run.page(feature), pageOf(feature));
      assert.equal(reads.length, 2);
      assert.equal(reads[0]!.end - reads[0]!.start, 16);
    }
  });

  it('gives the pages of many features by two requests a pack', async () => {
    const { run, reads } = await open();
    const pages = [];
    for await (const page of run.pages(5, 20)) pages.push(page);
    assert.deepEqual(
      pages.map(({ feature }) => feature),
      Array.from({ length: 15 }, (_, n) => n + 5),
    );
    assert.equal(reads.length, 6);
  });

  it('says which features it has, without a request', async () => {
    const { run, reads } = await open();
    for (const [feature, says] of [
      [2, /it was made for 3-30,33,35-39,48-55,64-69/],
      [31, /it was made for/],
      [44, /it was made for/],
      [70, /its SAE has the features 0 to 69/],
    ] as const) {
      await assert.rejects(run.page(feature), (error) => {
        assert.ok(error instanceof FeatureMissing);
        assert.match(error.message, says);
        return true;
      });
    }
    assert.equal(reads.length, 0);
  });

  it('has a table that says what the pages say, a column by one request', async () => {
    const { run, reads } = await open();
    const state = await run.column('state');
    const [firing, max, mean] = [await run.column('firing'), await run.column('max'), await run.column('mean')];
    const [topToken, topShare] = [await run.column('topToken'), await run.column('topShare')];
    assert.equal(reads.length, 6);
    for (let feature = 0; feature < shape.of; feature++) {
      const row = [firing, max, mean, topToken, topShare].map((column) => column[feature]);
      if (!hasFeature(set, feature)) {
        assert.equal(states[state[feature]!], 'not in the run');
        assert.deepEqual(row, [0, 0, 0, 0, 0]);
        continue;
      }
      const page = pageOf(feature);
      const [top] = page.topTokens;
      assert.equal(states[state[feature]!], page.reason === null ? page.state : `dead: ${page.reason}`);
      const floats = [page.max, page.mean].map(Math.fround);
      assert.deepEqual(row, [page.firing, ...floats, top?.id ?? noToken, Math.fround(top?.share ?? 0)]);
    }
    assert.equal(firing instanceof Uint32Array, true);
  });

  it('has the labels', async () => {
    const { run } = await open();
    const expected = features.filter((feature) => feature % 7 === 0).map((feature) => [feature, `label of ${feature}`]);
    assert.deepEqual([...(await run.labels())], expected);
  });

  it('finds the features of a token by two requests, best ones first', async () => {
    const { run, reads } = await open();
    for (const token of [0, 1, 300, 303, 304, 1804, 4999]) {
      reads.length = 0;
      const found = await run.search(token);
      const expected = features
        .filter((feature) => pageOf(feature).state !== 'dead')
        .flatMap((feature) => {
          const { sampled, tokens } = makeSample(feature);
          return tokens
            .filter(({ id, hits }) => id === token && isCommon(hits, sampled))
            .map(({ hits }) => ({ token, feature, hits, sampled, firing: pageOf(feature).firing }));
        });
      assert.deepEqual(found, { features: expected, total: expected.length });
      assert.equal(reads.length, expected.length > 0 ? 2 : 1);
    }
    assert.ok((await run.search(303)).total > 0);
    assert.equal((await run.search(304)).total, 0, '4.5 % are too few');
    assert.equal((await run.search(5000)).total, 0);
  });

  it('gives tokens round a row by one request, and the vocabulary', async () => {
    const { run, reads } = await open();
    const all = streamOf(shape.rows);
    for (const [from, to] of [
      [0, 1],
      [1000, 1050],
      [-20, 30],
      [4990, 6000],
      [0, 5000],
    ] as const) {
      reads.length = 0;
      const { from: first, ...tokens } = await run.tokens(from, to);
      assert.equal(first, Math.max(0, from));
      for (const name of ['ids', 'startsContext', 'startsDocument', 'excluded'] as const) {
        assert.deepEqual(tokens[name], all[name].slice(first, to), name);
      }
      assert.equal(reads.length, 1);
    }
    assert.equal((await run.tokens(6000, 6010)).ids.length, 0);
    const texts = (await run.vocabulary()).map((bytes) => Buffer.from(bytes).toString());
    assert.deepEqual(texts, vocabulary);
  });

  it('has the same bytes whatever the merge may hold at a time', async () => {
    const other = bucket.newPlace();
    const merged = await writeRun(bucket.store, other, { ...shape, memory: 1 });
    const keys = await bucket.keys(place);
    assert.deepEqual(await bucket.keys(other), keys);
    for (const key of keys) assert.deepEqual(await bytesOf(key, other), await bytesOf(key), key);
    const dead = features.filter((feature) => feature % 10 === 9).length;
    assert.deepEqual(merged.counts, { count: features.length, alive: features.length - dead, dense: 0, dead });
  });

  const readers: Record<string, (run: RunReader) => Promise<unknown>> = {
    'pages/00001.bin': (run) => run.page(15),
    'table/max.bin': (run) => run.column('max'),
    'table/label.bin': (run) => run.labels(),
    'search/00001.bin': (run) => run.search(1803),
    'tokens/00000.bin': (run) => run.tokens(4000, 5000),
    'tokens/vocabulary.bin': (run) => run.vocabulary(),
  };
  for (const [file, read] of Object.entries(readers)) {
    it(`names ${file} when it is missing, cut short or changed`, async () => {
      const damagedPlace = bucket.newPlace();
      const key = { bucket: place.bucket, key: damagedPlace.prefix + file };
      await bucket.store.put({ ...key, key: `${damagedPlace.prefix}run.json` }, [await bytesOf('run.json')]);
      const { run } = await open(damagedPlace);
      const bytes = await bytesOf(file);
      await bucket.store.put(key, [bytes]);
      await read(run);
      const changed = Uint8Array.from(bytes);
      changed.fill(0xaa, 96);
      for (const wrong of [bytes.subarray(0, bytes.length - 300), bytes.subarray(0, 10), changed, undefined]) {
        if (wrong) await bucket.store.put(key, [wrong]);
        else await bucket.store.delete(key.bucket, [key.key]);
        await assert.rejects(read(run), (error) => {
          assert.ok(error instanceof RunDamaged, String(error));
          assert.ok(error.message.startsWith(`${file} of the run is damaged: `), error.message);
          assert.equal(error.fields.file, file);
          return true;
        });
      }
    });
  }

  it('refuses a prefix without run.json, and a run.json that is none', async () => {
    const other = bucket.newPlace();
    await assert.rejects(open(other), RunMissing);
    const good = JSON.parse(Buffer.from(await bytesOf('run.json')).toString()) as {
      features: object;
      stream: object;
    };
    for (const [wrong, says] of [
      ['{', /is not JSON/],
      [{ ...good, format: 'riffle.run/2' }, /its format is "riffle.run\/2"/],
      [{ ...good, rows: -1 }, /rows is not as it should be/],
      [{ ...good, features: { ...good.features, of: 2 ** 40 } }, /features\.of is not as it should be/],
      [{ ...good, features: { ...good.features, set: '5-9,3' } }, /not an ascending list of features below 70/],
      [{ ...good, features: { ...good.features, set: '0-70' } }, /not an ascending list of features below 70/],
      [{ ...good, stream: { ...good.stream, rows: 1 } }, /its token stream has 1 rows, its dataset 5000/],
    ] as const) {
      const text = typeof wrong === 'string' ? wrong : JSON.stringify(wrong);
      await bucket.store.put({ bucket: other.bucket, key: `${other.prefix}run.json` }, [Buffer.from(text)]);
      await assert.rejects(open(other), (error) => {
        assert.ok(error instanceof RunInvalid, String(error));
        assert.match(error.message, says);
        return true;
      });
    }
  });
});
