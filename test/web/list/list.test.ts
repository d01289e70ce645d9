/** The list of chosen features in Chromium, on the sample's run. */
import assert from 'node:assert/strict';
import type { FeaturePage } from '../../../src/pages/page.js';
import { stackTimeout } from '../../support/stack.js';
import { assertAccessible, useBrowser } from '../support/browser.js';
import { samplePages } from '../support/samplePages.js';
import { sampleRun } from '../support/sampleRun.js';
import { serveCopy } from '../support/servedCopy.js';
import type { WebServer } from '../support/servers.js';

describe('the list of features', () => {
  const browser = useBrowser();
  let pages: readonly FeaturePage[];
  let server: WebServer;

  before(async function () {
    this.timeout(stackTimeout);
    pages = await samplePages();
    server = await serveCopy((await sampleRun()).folder);
  });
  after(() => server?.close());

  it('shows top tokens, three examples and logits of each feature, in the order of the link', async () => {
    const dead = pages.find(({ state }) => state === 'dead')!.feature;
    await browser.visit(`${server.url}#/list/40-42,3,${dead},17`, 'light', async ({ page }) => {
      const rows = page.locator('.list-row');
      await rows.nth(5).locator('.list-content').waitFor();
      const shown: number[] = [];
      for (const row of await rows.all()) {
        await row.scrollIntoViewIfNeeded();
        await row.locator('.list-content').waitFor();
        const feature = Number((await row.locator('.list-feature').innerText()).replace('Feature ', ''));
        shown.push(feature);
        const truth = pages[feature]!;
        const values = (selector: string): Promise<number[]> =>
          row.locator(selector).evaluateAll((all) => all.map((each) => Number((each as HTMLDataElement).value)));
        assert.deepEqual(
          await values('.top-token data'),
          truth.topTokens.slice(0, 3).map(({ share }) => share),
        );
        assert.deepEqual(
          await values('.example .activation data'),
          (truth.groups[0]?.examples ?? []).slice(0, 3).map(({ activation }) => activation),
        );
        const effects = await row
          .locator('.list-logits dd > span')
          .evaluateAll((all) => all.map((each) => Number(each.getAttribute('title'))));
        const { top, bottom } = truth.logits!;
        assert.deepEqual(
          effects,
          [...top.slice(0, 5), ...bottom.slice(0, 5)].map(({ value }) => value),
        );
        if (truth.state === 'dead') assert.match(await row.innerText(), new RegExp(`dead: ${truth.reason}`));
      }
      assert.deepEqual(shown, [40, 41, 42, 3, dead, 17]);
    });
  });

  it('adds and removes features, and keeps them in the link', async () => {
    await browser.visit(`${server.url}#/list/3`, 'light', async ({ page }) => {
      assert.equal(await page.getByRole('button', { name: /^Remove/ }).count(), 0);
      await page.locator('.list-content').waitFor();
      await page.keyboard.press('a');
      await page.keyboard.type('7, 40-42');
      await page.keyboard.press('Enter');
      await page.locator('.list-row').nth(4).waitFor();
      assert.equal(await page.evaluate(() => location.hash), '#/list/3,7,40-42');
      await page.getByRole('button', { name: 'Remove feature 41 from the list' }).click();
      await page.waitForFunction(() => location.hash === '#/list/3,7,40,42');
      await page.getByLabel('Features to add').fill('x');
      await page.getByRole('button', { name: 'Add' }).click();
      assert.match(await page.getByRole('alert').innerText(), /numbers and ranges/);
      await page.goBack();
      await page.waitForFunction(() => location.hash === '#/list/3,7,40-42');
      assert.equal(await page.locator('.list-row').count(), 5);
    });
  });

  it('goes from row to row by keys, and opens a feature', async () => {
    await browser.visit(`${server.url}#/list/3,7,40`, 'light', async ({ page }) => {
      await page.locator('.list-content').nth(2).waitFor();
      for (const key of ['j', 'j', 'j', 'j', 'k']) await page.keyboard.press(key);
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => location.hash === '#/feature/7');
    });
  });

  it('says of each feature that cannot be shown why', async () => {
    await browser.visit(`${server.url}#/list/3,5000`, 'light', async ({ page }) => {
      await page.getByText('its SAE has the features 0 to 2303').waitFor();
      await page.locator('.list-content').waitFor();
      await page.goto(`${server.url}#/list/5-3`);
      await page.getByText('write numbers and ranges').waitFor();
      await page.goto(`${server.url}#/list/0-4000000`);
      await page.getByText('The list has more than').waitFor();
    });
  });

  for (const view of ['light', 'dark', 'narrow', 'forcedColors'] as const) {
    it(`is accessible: ${view}`, async () => {
      await browser.visit(`${server.url}#/list/3,7,40`, view, async ({ page }) => {
        await page.locator('.list-content').nth(2).waitFor();
        await assertAccessible(page);
        assert.ok(
          (await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0,
          'scrolls sideways',
        );
      });
    });
  }
});
