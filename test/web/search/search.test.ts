/** Search in Chromium, on the sample's run: by token, by number, and what is exact. */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import type { FeaturePage } from '../../../src/pages/page.js';
import { stackTimeout } from '../../support/stack.js';
import { assertAccessible, useBrowser } from '../support/browser.js';
import { samplePages } from '../support/samplePages.js';
import { sampleRun } from '../support/sampleRun.js';
import { serveCopy } from '../support/servedCopy.js';
import type { WebServer } from '../support/servers.js';

/** Tokens of a feature's sample at most. */
const sampleSize = 200;

describe('the search', () => {
  const browser = useBrowser();
  let pages: readonly FeaturePage[];
  let server: WebServer;

  before(async function () {
    this.timeout(stackTimeout);
    pages = await samplePages();
    server = await serveCopy((await sampleRun()).folder);
  });
  after(() => server?.close());

  it('finds the features that fire most on a token, and says what is exact', async () => {
    await browser.visit(`${server.url}#/`, 'light', async ({ page }) => {
      await page.getByLabel('Search features by token, number or label').fill('the');
      await page.keyboard.press('Enter');
      const tokens = page.locator('.tokens a');
      await tokens.first().waitFor();
      assert.deepEqual(
        (await tokens.allInnerTexts()).slice(0, 3).map((text) => text.split(/\s/)[0]),
        ['the', 'The', 'THE'],
      );
      // " the" has most features of those that are alike.
      await page.locator('.found tbody tr').first().waitFor();
      assert.match(await page.locator('.tokens a[aria-current]').innerText(), /^·the/);
      while (await page.getByRole('button', { name: 'More of them' }).isVisible()) {
        await page.getByRole('button', { name: 'More of them' }).click();
      }
      const found = await resultsOf(page);
      const shareOf = (feature: number): number | undefined =>
        pages[feature]!.topTokens.find(({ token }) => token === ' the')?.share;
      for (const { feature, share, firing, exact } of found) {
        const { topTokens, firing: truth } = pages[feature]!;
        assert.equal(firing, truth);
        assert.equal(exact, truth <= sampleSize, `feature ${feature} fires ${truth} times`);
        if (topTokens.length < 5 || shareOf(feature) !== undefined) assert.equal(share, shareOf(feature));
        else assert.ok(share <= topTokens.at(-1)!.share);
      }
      const common = pages.filter(({ feature }) => (shareOf(feature) ?? 0) >= 0.05).map(({ feature }) => feature);
      assert.ok(common.length > 50);
      assert.deepEqual(
        common.filter((feature) => !found.some((each) => each.feature === feature)),
        [],
      );
      assert.ok(found.some(({ exact }) => exact) && found.some(({ exact }) => !exact));
      const ranks = found.map(
        ({ share, firing }) => (share * Math.min(firing, sampleSize)) / (Math.min(firing, sampleSize) + 10),
      );
      for (const [n, rank] of ranks.entries()) assert.ok(n === 0 || rank <= ranks[n - 1]! + 1e-12);
    });
  });

  it('goes from one of the tokens to another, and to the features whose top token it is', async () => {
    await browser.visit(`${server.url}#/search?q=the`, 'light', async ({ page }) => {
      await page.locator('.tokens a', { hasText: /^The/ }).first().click();
      await page.locator('h3', { hasText: 'The' }).waitFor();
      assert.match(await page.evaluate(() => location.hash), /q=the&token=\d+/);
      await page.locator('.tokens a', { hasText: /^·the/ }).first().click();
      await page.getByRole('link', { name: 'Features whose top token it is' }).click();
      const wanted = pages.filter(({ topTokens: [top] }) => top?.token === ' the').length;
      await page.getByText(`${wanted} of 2,304 features`).waitFor();
    });
  });

  it('finds a feature by its number, and says when there is none', async () => {
    await browser.visit(`${server.url}#/search?q=12`, 'light', async ({ page }) => {
      await page.getByText('mostly on').waitFor();
      const link = page.getByRole('link', { name: 'Feature 12', exact: true });
      assert.equal(await link.getAttribute('href'), '#/feature/12');
      await page.goto(`${server.url}#/search?q=99999`);
      await page.getByText('the SAE has the features 0 to 2,303').waitFor();
    });
  });

  it('says what it can find, and when it finds nothing', async () => {
    await browser.visit(`${server.url}#/search`, 'light', async ({ page }) => {
      await page.getByText('Finds the features that fire most on a token').waitFor();
      await page.goto(`${server.url}#/search?q=qqqqqqqqqq`);
      await page.getByText('No token of the vocabulary contains this.').waitFor();
      await page.goto(`${server.url}#/search?q=%5Cn`);
      await page.locator('.tokens a', { hasText: '↵' }).first().waitFor();
    });
  });

  it('works by keys alone', async () => {
    await browser.visit(`${server.url}#/`, 'light', async ({ page }) => {
      await page.locator('.filters').waitFor();
      await page.keyboard.press('/');
      await page.keyboard.type(' and');
      await page.keyboard.press('Enter');
      await page.locator('.found tbody a').first().waitFor();
      const first = await page.locator('.found tbody a').first().getAttribute('href');
      for (let n = 0; n < 60; n++) {
        await page.keyboard.press('Tab');
        if ((await page.evaluate(() => document.activeElement?.getAttribute('href'))) === first) break;
      }
      await page.keyboard.press('Enter');
      await page.waitForFunction((hash) => location.hash === hash, first);
    });
  });

  for (const view of ['light', 'dark', 'narrow', 'forcedColors'] as const) {
    it(`is accessible: ${view}`, async () => {
      await browser.visit(`${server.url}#/search?q=12`, view, async ({ page }) => {
        await page.getByText('mostly on').waitFor();
        await assertAccessible(page);
        await page.goto(`${server.url}#/search?q=the`);
        await page.locator('.found tbody tr').first().waitFor();
        await assertAccessible(page);
        assert.ok(
          (await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0,
          'scrolls sideways',
        );
      });
    });
  }
});

interface Result {
  readonly feature: number;
  readonly share: number;
  readonly firing: number;
  readonly exact: boolean;
}

async function resultsOf(page: Page): Promise<Result[]> {
  return page.locator('.found tbody tr').evaluateAll((rows) =>
    rows.map((row) => {
      const [share] = row.querySelectorAll('data');
      const cells = [...row.querySelectorAll('td')].map((cell) => cell.textContent);
      return {
        feature: Number(row.querySelector('th')!.textContent),
        share: Number(share!.value),
        firing: Number(cells.at(-2)!.replaceAll(',', '')),
        exact: cells.some((text) => text.includes('exact')),
      };
    }),
  );
}
