/** Overview, search and list of odd runs: a part of the features, two features, none that fires, hostile texts, damage. */
import assert from 'node:assert/strict';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FeaturePage } from '../../../src/pages/page.js';
import { vocabulary } from '../../support/featurePages.js';
import { stackTimeout } from '../../support/stack.js';
import { pageOf, type RunShape } from '../../support/visualizeRun.js';
import { assertAccessible, useBrowser } from '../support/browser.js';
import { makeRun } from '../support/madeRun.js';
import { serveCopy } from '../support/servedCopy.js';
import { countShown, openView, parseCsv, shownFeatures } from '../support/tableReading.js';

// Features 40 to 47 and 56 to 63 are whole packs that the run leaves out.
const part: RunShape = { of: 70, set: '3-30,33,35-39,48-55,64-69', featuresPerPack: 8, rows: 5000 };

const hostile = [
  '<script>document.title = "stolen"</script>',
  '<img src=x onerror="document.title=1">',
  '\u202egnirts desrever\u202c',
  'x'.repeat(10_000),
  'nul \0 and \u001b[31m escape',
  '👩‍👩‍👧‍👦 🇩🇪 ❤️',
  '=HYPERLINK("http://evil.test","click")',
  'عربى עברית ไทย 漢字 한국어 हिन्दी ქართული',
  'line\nbreak\r\ttab "quoted", comma',
  '\u200b',
] as const;

describe('the overview of odd runs', () => {
  const browser = useBrowser();

  before(function () {
    this.timeout(stackTimeout);
  });

  it('shows the features that the run has, of those that the SAE has', async () => {
    const server = await serveCopy(await makeRun(part));
    try {
      await browser.visit(`${server.url}#/`, 'light', async ({ page }) => {
        await openView(page, server.url, '#/');
        assert.equal(await page.locator('h1').innerText(), '48 features');
        assert.match(await page.locator('.summary').innerText(), /the SAE has 70 features, the run a part of them/);
        assert.equal(await countShown(page), 48);
        assert.equal((await shownFeatures(page))[0], 3);
        await page.locator('.rows').evaluate((rows) => (rows.scrollTop = rows.scrollHeight));
        await page.locator('.rows tr[aria-rowindex="49"]').waitFor();
        assert.deepEqual((await shownFeatures(page)).slice(-7), [55, 64, 65, 66, 67, 68, 69]);
        await page.goto(`${server.url}#/search?q=41`);
        await page.getByText('is not in this run').waitFor();
        await page.goto(`${server.url}#/?label=LABEL%20of%202&sort=label`);
        await page.getByText('2 of 48 features').waitFor();
        await page.locator('.rows tbody tr').first().waitFor();
        assert.deepEqual(await shownFeatures(page), [21, 28]);
        await page.goto(`${server.url}#/search?q=label%20of%204`);
        await page.getByText('1 label contains this.').waitFor();
      });
    } finally {
      await server.close();
    }
  });

  it('shows two features, and a run in which none fires', async () => {
    for (const [set, title] of [
      ['0-1', '2 features'],
      ['9', '1 feature'],
    ] as const) {
      const server = await serveCopy(await makeRun({ ...part, of: 10, set }));
      try {
        await browser.visit(`${server.url}#/`, 'light', async ({ page }) => {
          await openView(page, server.url, '#/');
          assert.equal(await page.locator('h1').innerText(), title);
          if (set === '9') await page.getByText('No feature of this run fires.').waitFor();
          await assertAccessible(page);
        });
      } finally {
        await server.close();
      }
    }
  });

  it('shows hostile labels and tokens as harmless text, everywhere', async () => {
    const page = (feature: number): FeaturePage => {
      const text = hostile[feature % hostile.length]!;
      const made = pageOf(feature % 9);
      const id = feature % hostile.length;
      return {
        ...made,
        feature,
        label: text,
        topTokens: [{ id, token: text, share: 0.4 }],
        logits: { ...made.logits!, top: [{ id, token: text, value: 1 }] },
        groups: made.groups.map((group) => ({
          ...group,
          examples: group.examples.map((each) => ({ ...each, tokens: each.tokens.map(() => text) })),
        })),
      };
    };
    const texts = [...hostile, ...vocabulary.slice(hostile.length)];
    const run = await makeRun({
      of: hostile.length,
      set: `0-${hostile.length - 1}`,
      featuresPerPack: 8,
      rows: 5000,
      page,
      vocabulary: texts,
    });
    const server = await serveCopy(run);
    try {
      for (const view of ['light', 'narrow'] as const) {
        await browser.visit(`${server.url}#/`, view, async ({ page: tab }) => {
          const check = async (): Promise<void> => {
            assert.match(await tab.title(), /riffle$/);
            assert.equal(await tab.locator('main script, main img').count(), 0);
            const shown = await tab.locator('main').innerText();
            // eslint-disable-next-line no-control-regex -- these are what must not be there
            assert.doesNotMatch(shown, /[\0\u001b\u200b\u202e]/);
            assert.ok(
              (await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0,
              'scrolls sideways',
            );
            await assertAccessible(tab);
          };
          await openView(tab, server.url, '#/');
          await check();
          const isolated = await tab.locator('.rows td.column-label bdi, .rows td.column-token bdi').count();
          assert.ok(isolated >= 2 * (await shownFeatures(tab)).length);
          const cell = tab.locator('.rows tr', { has: tab.locator('[href="#/feature/2"]') }).locator('.column-label');
          assert.equal(await cell.innerText(), '\\u{202e}gnirts desrever\\u{202c}');
          const download = tab.waitForEvent('download');
          await tab.getByRole('button', { name: 'Download CSV' }).click();
          const records = parseCsv((await readFile(await (await download).path(), 'utf8')).slice(1));
          assert.equal(records.length, hostile.length + 1);
          assert.equal(records[7]![1], `'${hostile[6]}`);
          assert.equal(records[9]![8], hostile[8]);

          await tab.goto(`${server.url}#/list/0-9`);
          for (const row of await tab.locator('.list-row').all()) {
            await row.scrollIntoViewIfNeeded();
            await row.locator('.list-content').waitFor();
          }
          await check();
          await tab.goto(`${server.url}#/search?q=${encodeURIComponent('<script')}`);
          await tab.getByText('1 label contains this.').waitFor();
          await tab.locator('.tokens a').first().waitFor();
          await check();
        });
      }
    } finally {
      await server.close();
    }
  });

  for (const [file, title, damage] of [
    ['table/mean.bin', 'missing', (path: string) => rm(path)],
    ['table/firing.bin', 'cut short', (path: string) => truncate(path, 200)],
    ['table/state.bin', 'corrupt', (path: string) => flip(path)],
    ['table/label.bin', 'missing', (path: string) => rm(path)],
    ['tokens/vocabulary.bin', 'corrupt', (path: string) => flip(path)],
    ['search/00000.bin', 'emptied', (path: string) => truncate(path, 0)],
  ] as const) {
    it(`names ${file} when it is ${title}`, async () => {
      const server = await serveCopy(await makeRun(part), (folder) => damage(join(folder, file)));
      try {
        const [hash, rest] = file.startsWith('search')
          ? [`#/search?q=${vocabulary[0]!.trim()}`, '.tokens, h1']
          : ['#/', 'h1'];
        await browser.visit(`${server.url}${hash}`, 'light', async (visit) => {
          const { page } = visit;
          if (title === 'missing') visit.expectFault(/404/);
          if (file.startsWith('search')) visit.expectFault(/416/);
          await page.locator('.message').first().waitFor();
          assert.match(await page.locator('.message').first().innerText(), new RegExp(file));
          await page.locator(rest).first().waitFor();
          // What can be read is shown.
          if (hash === '#/' && file !== 'table/state.bin') await page.locator('.rows tbody tr').first().waitFor();
          await assertAccessible(page);
        });
      } finally {
        await server.close();
      }
    });
  }
});

/** Changes a byte in the middle of a file. */
async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length - 9]! ^= 1;
  await writeFile(path, bytes);
}
