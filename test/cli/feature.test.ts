/** `riffle feature` as people and programs see it. */
import assert from 'node:assert/strict';
import { printPage } from '../../src/pages/page.js';
import type { Prefix } from '../../src/storage/uri.js';
import { formatPrefix } from '../../src/storage/uri.js';
import { featureText } from '../../src/cli/featureText.js';
import { assertFailed, runRiffle } from '../support/riffleCli.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, type TestBucket } from '../support/testBucket.js';
import { pageOf, writeRun } from '../support/visualizeRun.js';

describe('riffle feature', () => {
  let bucket: TestBucket;
  let place: Prefix;
  let uri: string;

  before(async function () {
    this.timeout(stackTimeout);
    bucket = await openTestBucket();
    place = bucket.newPlace();
    uri = formatPrefix(place);
    await writeRun(bucket.store, place, { of: 20, set: '0-12,15', featuresPerPack: 8, rows: 2000 });
  });
  after(() => bucket.store.close());

  it('prints pages, one a line, in the order asked for', async () => {
    const { exitCode, stdout, stderr } = await runRiffle(['feature', uri, '9,3', '6-8', '15', '--json']);
    assert.equal(exitCode, 0, stderr);
    assert.equal(stdout, [9, 3, 6, 7, 8, 15].map((feature) => printPage(pageOf(feature))).join(''));
  });

  it('prints text for people', async () => {
    const { exitCode, stdout } = await runRiffle(['feature', `${uri}/`, '7']);
    assert.equal(exitCode, 0);
    assert.equal(stdout, `${featureText(pageOf(7))}\n`);
    assert.match(stdout, /^Feature 7: label of 7\nalive, fires on 407 of 25,600 tokens \(1\.59 %\), max /);
    assert.match(stdout, /\nfires on {4}" and" 10 %/);
    assert.match(stdout, /\n\nStrongest\n +[\d.]+ {2}.+».+«.* {2}\[row \d+\]\n/);
  });

  it('shows what would steer a terminal as its code', () => {
    const page = pageOf(7);
    const text = featureText({ ...page, label: 'a\u001b[31m\u202eb\nc' });
    assert.ok(text.startsWith('Feature 7: a\\u{1b}[31m\\u{202e}b↵c\n'));
  });

  for (const [indexes, code, says] of [
    ['13', 'FeatureMissing', /Feature 13 is not in the run .*: it was made for 0-12,15/],
    ['3,20', 'FeatureMissing', /its SAE has the features 0 to 19/],
    ['x', 'InvalidInput', /holds "x": write numbers and ranges/],
    ['7-3', 'InvalidInput', /holds "7-3"/],
    ['0-4096', 'InvalidInput', /4097 features were asked for: at most 4096/],
  ] as const) {
    it(`refuses ${indexes}`, async () => {
      assertFailed(await runRiffle(['feature', uri, indexes, '--json']), 2, code, says);
    });
  }

  it('refuses a prefix that is no run', async () => {
    const other = formatPrefix(bucket.newPlace());
    assertFailed(await runRiffle(['feature', other, '1', '--json']), 2, 'RunMissing', `${other} has no run.json`);
  });

  it('names a damaged pack, and prints nothing else', async () => {
    const damaged = bucket.newPlace();
    await writeRun(bucket.store, damaged, { of: 20, set: '0-19', featuresPerPack: 8, rows: 2000 });
    const key = { bucket: damaged.bucket, key: `${damaged.prefix}pages/00001.bin` };
    const { data } = (await bucket.store.readWhole(key, 2 ** 20))!;
    data[data.length - 20]! ^= 1;
    await bucket.store.put(key, [data]);
    const run = await runRiffle(['feature', formatPrefix(damaged), '2,15', '--json']);
    const error = assertFailed(run, 1, 'RunDamaged', 'pages/00001.bin of the run is damaged: item 15 is corrupt');
    assert.equal(error.file, 'pages/00001.bin');
  });
});
