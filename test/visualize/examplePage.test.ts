/** The page that docs/formats.md shows is a real one, of the sample that ships with riffle. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { RunReader } from '../../src/pages/runReader.js';
import { printPage } from '../../src/pages/page.js';
import { storedRunFiles } from '../../src/pages/storedRunFiles.js';
import { formatPrefix } from '../../src/storage/uri.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket } from '../support/testBucket.js';
import { carryOutVisualize } from '../support/visualizeCases.js';
import { uploadSample } from '../support/visualizeSample.js';

const section = readFileSync('docs/formats.md', 'utf8').split('### A feature, as JSON')[1]!;
/** The settings that the page was made with, and the page. */
const [settings, shown] = [...section.matchAll(/```json\n(.*?)```/gs)].map(
  ([, text]) => JSON.parse(text!) as Record<string, unknown>,
);

describe('the example page of docs/formats.md', function () {
  this.timeout(stackTimeout);

  it('is what riffle prints', async () => {
    const bucket = await openTestBucket();
    try {
      const { input } = await uploadSample(bucket);
      const place = bucket.newPlace();
      const features = String(shown!.feature);
      await carryOutVisualize(bucket.store, { ...input, ...settings, features, output: formatPrefix(place) });
      const reader = await RunReader.open(storedRunFiles(bucket.store, place), formatPrefix(place));
      const printed = printPage(await reader.page(Number(features)));
      if (process.env.SHOW_PAGE) process.stdout.write(printed);
      checkAlike(shown, JSON.parse(printed), 'page');
    } finally {
      bucket.store.close();
    }
  });
});

/** Equal but for the last digits of floats, in which processors differ; a logit near an edge may fall to its other side. */
function checkAlike(expected: unknown, found: unknown, where: string): void {
  if (typeof expected === 'number' && typeof found === 'number') {
    const most = where.startsWith('page.logits.histogram.counts') ? 1 : 1e-4 * Math.abs(expected);
    const whole = Number.isInteger(expected) && !where.startsWith('page.logits');
    assert.ok(Math.abs(expected - found) <= (whole ? 0 : most), `${where} is ${found}, not ${expected}`);
    return;
  }
  if (typeof expected !== 'object' || expected === null) {
    assert.equal(found, expected, where);
    return;
  }
  assert.deepEqual(Object.keys(found as object), Object.keys(expected), where);
  for (const [name, value] of Object.entries(expected)) {
    checkAlike(value, (found as Record<string, unknown>)[name], `${where}.${name}`);
  }
}
