/** The overview in Chromium, on the sample's run: its table, plots, filters and CSV say what `riffle feature --json` says. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import type { FeaturePage } from '../../../src/pages/page.js';
import { visibleText } from '../../../web/src/text/visibleText.js';
import { stackTimeout } from '../../support/stack.js';
import { assertAccessible, useBrowser } from '../support/browser.js';
import { sampleRun } from '../support/sampleRun.js';
import { samplePages } from '../support/samplePages.js';
import { serveCopy } from '../support/servedCopy.js';
import type { WebServer } from '../support/servers.js';
import { countShown, openView, parseCsv, queryOf, settle, shownFeatures } from '../support/tableReading.js';

type Values = readonly (number | string)[];

describe('the overview', () => {
  const browser = useBrowser();
  let pages: readonly FeaturePage[];
  let server: WebServer;

  before(async function () {
    this.timeout(stackTimeout);
    pages = await samplePages();
    server = await serveCopy((await sampleRun()).folder);
  });
  after(() => server?.close());

  /** Features that pass, in the order of keys; ties by number. */
  function expected(passes: (page: FeaturePage) => boolean, key: (page: FeaturePage) => number = () => 0): number[] {
    return pages
      .filter(passes)
      .sort((a, b) => key(b) - key(a) || a.feature - b.feature)
      .map(({ feature }) => feature);
  }

  const all = (): boolean => true;
  const open = (page: Page, hash: string): Promise<void> => openView(page, server.url, hash);

  it('shows every feature as its page says', async () => {
    await browser.visit(`${server.url}#/`, 'light', async ({ page }) => {
      await open(page, '#/');
      assert.equal(await page.locator('h1').innerText(), '2,304 features');
      const rows = await page.locator('.rows tbody tr').all();
      assert.ok(rows.length >= 8);
      for (const row of rows) {
        const cells = await row.locator('th, td').all();
        const exact = (cell: number): Promise<string | null> => cells[cell]!.locator('data').getAttribute('value');
        const truth = pages[Number(await cells[0]!.innerText())]!;
        const [top] = truth.topTokens;
        assert.equal(await cells[1]!.innerText(), truth.reason === null ? truth.state : `dead: ${truth.reason}`);
        assert.equal(await exact(2), String(truth.density));
        assert.equal(await cells[3]!.innerText(), truth.firing.toLocaleString('en-US'));
        assert.equal(await exact(4), String(truth.max));
        assert.equal(Math.fround(Number(await exact(5))), Math.fround(truth.mean));
        if (top === undefined) {
          assert.equal(await cells[6]!.innerText(), '–');
          continue;
        }
        assert.equal(await cells[6]!.innerText(), visibleText(top.token, { blanks: true }));
        assert.equal(Math.fround(Number(await exact(7))), Math.fround(top.share));
      }
    });
  });

  for (const [title, key] of [
    ['Density', (page) => page.density],
    ['Firing', (page) => page.firing],
    ['Max', (page) => page.max],
    ['Mean', (page) => Math.fround(page.mean)],
    ['Share', (page) => Math.fround(page.topTokens[0]?.share ?? 0)],
    [
      'State',
      ({ state, reason }) => (state === 'dense' ? 4 : state === 'alive' ? 3 : reason === 'never fires' ? 1 : 2),
    ],
  ] as [string, (page: FeaturePage) => number][]) {
    it(`sorts by ${title}, largest first, then the other way`, async () => {
      await browser.visit(`${server.url}#/`, 'light', async ({ page }) => {
        await open(page, '#/');
        const header = page.locator('.rows thead').getByRole('button', { name: title, exact: true });
        const sorted = page.locator('.rows th[aria-sort]');
        await header.click();
        await page.locator('.rows th[aria-sort=descending]').waitFor();
        await checkOrder(page, expected(all, key));
        await header.click();
        await page.locator('.rows th[aria-sort=ascending]').waitFor();
        await checkOrder(
          page,
          expected(all, (each) => -key(each)),
        );
        assert.equal(await sorted.count(), 1);
        assert.match(await sorted.innerText(), new RegExp(title));
      });
    });
  }

  it('sorts by the text of the top token', async () => {
    await browser.visit(`${server.url}#/?sort=token`, 'light', async ({ page }) => {
      await open(page, '#/?sort=token');
      const shown = await shownFeatures(page);
      const texts = shown.map((feature) => pages[feature]!.topTokens[0]!.token.trimStart().toLowerCase());
      assert.deepEqual(texts, [...texts].sort());
      await page.locator('.rows tbody a').first().press('End');
      await page.waitForFunction(() => document.activeElement?.closest('tr')?.getAttribute('aria-rowindex') === '2305');
      assert.ok((await shownFeatures(page)).every((feature) => pages[feature]!.state === 'dead'));
    });
  });

  for (const [query, passes, key] of [
    ['state=dense', (page) => page.state === 'dense'],
    ['state=alive,dead', (page) => page.state !== 'dense'],
    [
      'density=0.001..0.01&sort=density',
      ({ density }) => density >= 0.001 && density <= 0.01,
      ({ density }) => density,
    ],
    ['max=5..', ({ max }) => max >= 5],
    ['mean=..1&state=alive', ({ mean, state }) => Math.fround(mean) <= 1 && state === 'alive'],
    ['firing=2..3', ({ firing }) => firing === 2 || firing === 3],
    [
      'share=0.95..&firing=10..',
      ({ firing, topTokens: [top] }) => firing >= 10 && Math.fround(top!.share) >= Math.fround(0.95),
    ],
    ['token=THE', ({ topTokens: [top] }) => top !== undefined && top.token.toLowerCase().includes('the')],
  ] as [string, (page: FeaturePage) => boolean, ((page: FeaturePage) => number)?][]) {
    it(`filters by ${query}`, async () => {
      await browser.visit(`${server.url}#/?${query}`, 'light', async ({ page }) => {
        await open(page, `#/?${query}`);
        const wanted = expected(passes, key);
        assert.ok(wanted.length > 0 && wanted.length < 2304, `${wanted.length} features would show nothing`);
        assert.equal(await countShown(page), wanted.length);
        await checkOrder(page, wanted);
      });
    });
  }

  it('takes filters that are typed, and puts them in the address', async () => {
    await browser.visit(`${server.url}#/`, 'light', async ({ page }) => {
      await open(page, '#/');
      await page.getByLabel('Density from, percent').fill('0.7');
      await page.getByLabel('Density from, percent').press('Enter');
      await page.getByRole('checkbox', { name: /^alive/ }).check();
      await page.getByLabel('Top token').fill(' a');
      await page.waitForFunction(() => location.hash.includes('token='));
      assert.deepEqual(await queryOf(page), { density: '0.007..', state: 'alive', token: ' a' });
      const wanted = expected(
        ({ density, state, topTokens: [top] }) =>
          density >= 0.007 && state === 'alive' && top!.token.toLowerCase().includes(' a'),
      );
      await waitForCount(page, wanted.length);
      await checkOrder(page, wanted);
      await page.getByLabel('Max to').fill('much');
      await page.getByLabel('Max to').blur();
      assert.equal(await page.getByLabel('Max to').getAttribute('aria-invalid'), 'true');
      await page.getByRole('button', { name: 'Clear filters' }).click();
      await page.getByText('All 2,304 features').waitFor();
      assert.deepEqual(await queryOf(page), {});
    });
  });

  it('says when no feature passes', async () => {
    await browser.visit(`${server.url}#/?max=1000..`, 'light', async ({ page }) => {
      await page.getByText('No feature passes these filters').waitFor();
      assert.equal(await page.locator('.rows tbody tr').count(), 0);
      await assertAccessible(page);
    });
  });

  it('selects in the scatter plot, and in the histogram', async () => {
    await browser.visit(`${server.url}#/`, 'light', async ({ page }) => {
      await open(page, '#/');
      await drag(page, '.scatter .plot-area', [0.3, 0.2], [0.7, 0.8]);
      await page.waitForFunction(() => location.hash.includes('max='));
      const { density, max } = await queryOf(page);
      const [lowDensity, highDensity] = density!.split('..').map(Number) as [number, number];
      const [lowMax, highMax] = max!.split('..').map(Number) as [number, number];
      const wanted = expected(
        (each) =>
          each.density >= lowDensity &&
          each.density <= highDensity &&
          each.max >= Math.fround(lowMax) &&
          each.max <= Math.fround(highMax),
      );
      assert.ok(wanted.length > 100);
      await waitForCount(page, wanted.length);
      await checkOrder(page, wanted);
      // The same rectangle stands in the fields, for those who use keys.
      assert.equal(await page.getByLabel('Max from').inputValue(), String(lowMax));

      await drag(page, '.histogram .plot-area', [0.5, 0.5], [1.2, 0.5]);
      await page.waitForFunction(() => /density=[^&]*\.\.(&|$)/.test(location.hash));
      const query = await queryOf(page);
      const least = Number(query['density']!.replace('..', ''));
      assert.equal(query['max'], max);
      const both = expected(
        (each) => each.density >= least && each.max >= Math.fround(lowMax) && each.max <= Math.fround(highMax),
      );
      await waitForCount(page, both.length);
    });
  });

  it('opens a feature from the scatter plot', async () => {
    await browser.visit(`${server.url}#/?sort=max`, 'light', async ({ page }) => {
      await open(page, '#/?sort=max');
      // The largest of all stands alone at the top.
      const [highest] = expected(all, ({ max }) => max);
      const box = (await page.locator('.scatter .plot-area').boundingBox())!;
      for (let y = 1; y < box.height && (await page.locator('.point').count()) === 0; y += 4) {
        for (let x = 2; x < box.width && (await page.locator('.point').count()) === 0; x += 8) {
          await page.mouse.move(box.x + x, box.y + y);
        }
        if (y > 30) break;
      }
      const shown = Number((await page.locator('.point').innerText()).split(' ')[0]);
      await page.mouse.down();
      await page.mouse.up();
      await page.waitForFunction(() => location.hash.startsWith('#/feature/'));
      assert.equal(await page.evaluate(() => location.hash), `#/feature/${shown}`);
      assert.ok(pages[shown]!.max > 5, `max ${pages[shown]!.max} of ${pages[highest!]!.max}`);
    });
  });

  it('has reports of dead, dense and single-token features', async () => {
    await browser.visit(`${server.url}#/`, 'light', async ({ page }) => {
      await open(page, '#/');
      for (const [title, passes] of [
        ['Dead', ({ state }) => state === 'dead'],
        ['Dense', ({ state }) => state === 'dense'],
        ['Single-token', ({ firing, topTokens: [top] }) => firing >= 10 && top!.share >= 0.95],
      ] as [string, (page: FeaturePage) => boolean][]) {
        await page.getByRole('link', { name: title, exact: true }).click();
        const wanted = expected(passes);
        await waitForCount(page, wanted.length);
        await checkOrder(page, wanted);
      }
    });
  });

  it('saves what is shown as CSV', async () => {
    await browser.visit(`${server.url}#/?state=alive,dead&sort=-max`, 'light', async ({ page }) => {
      await open(page, '#/?state=alive,dead&sort=-max');
      const download = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Download CSV' }).click();
      const path = await (await download).path();
      const [titles, ...records] = parseCsv((await readFile(path, 'utf8')).replace(/^\ufeff/, ''));
      assert.deepEqual(
        titles,
        'feature,label,state,density,firing,max,mean,top_token_id,top_token,top_token_share'.split(','),
      );
      const wanted = expected(
        ({ state }) => state !== 'dense',
        ({ max }) => -max,
      ).map((feature) => pages[feature]!);
      const float = (value: number | undefined): number => Math.fround(value ?? 0);
      const truth = wanted.map(({ feature, state, reason, density, firing, max, mean, topTokens: [top] }): Values => [
        feature,
        reason === null ? state : `${state}: ${reason}`,
        density,
        firing,
        max,
        float(mean),
        top?.id ?? '',
        top === undefined ? '' : plain(top.token),
        float(top?.share),
      ]);
      const read = records.map(([feature, , state, density, firing, max, mean, id, token, share]): Values => [
        Number(feature),
        state!,
        Number(density),
        Number(firing),
        Number(max),
        float(Number(mean)),
        id === '' ? '' : Number(id),
        plain(token!),
        float(Number(share)),
      ]);
      assert.deepEqual(read, truth);
    });
  });

  it('comes back to the row that was left', async () => {
    await browser.visit(`${server.url}#/?sort=max`, 'light', async ({ page }) => {
      await open(page, '#/?sort=max');
      await page.locator('.rows').evaluate((rows) => (rows.scrollTop = 20_000));
      await page.waitForFunction(
        () => Number(document.querySelector('.rows tbody tr')?.getAttribute('aria-rowindex')) > 600,
      );
      const before = await shownFeatures(page);
      await page.locator('.rows tbody a').nth(3).click();
      await page.waitForFunction(() => location.hash.startsWith('#/feature/'));
      await page.goBack();
      await page.locator('.rows tbody tr').first().waitFor();
      assert.deepEqual(await shownFeatures(page), before);
    });
  });

  it('works by keys alone', async () => {
    await browser.visit(`${server.url}#/`, 'light', async ({ page }) => {
      await open(page, '#/');
      const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.textContent ?? '');
      const tabTo = async (name: RegExp): Promise<void> => {
        for (let n = 0; n < 80 && !name.test(await focused()); n++) await page.keyboard.press('Tab');
        assert.match(await focused(), name);
      };
      await tabTo(/^Max/);
      await page.keyboard.press('Enter');
      await page.locator('.rows th[aria-sort=descending]').waitFor();
      const order = expected(all, ({ max }) => max);
      await tabTo(new RegExp(`^${order[0]}$`));
      for (const key of ['ArrowDown', 'ArrowDown', 'j', 'ArrowUp']) await page.keyboard.press(key);
      assert.equal(await focused(), String(order[2]));
      await page.keyboard.press('End');
      await page.waitForFunction(() => document.activeElement?.closest('tr')?.getAttribute('aria-rowindex') === '2305');
      assert.equal(await focused(), String(order.at(-1)));
      await page.keyboard.press('k');
      await page.keyboard.press('Home');
      await page.keyboard.press('PageDown');
      const row = Number(
        await page.evaluate(() => document.activeElement?.closest('tr')?.getAttribute('aria-rowindex')),
      );
      assert.ok(row > 5 && Number(await focused()) === order[row - 2]);
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => location.hash.startsWith('#/feature/'));
      assert.equal(await page.evaluate(() => location.hash), `#/feature/${order[row - 2]}`);
      await page.keyboard.press('o');
      await page.locator('.filters').waitFor();
      for (let n = 0; n < 80; n++) {
        await page.keyboard.press('Tab');
        if ((await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))) === 'Max from') break;
      }
      await page.keyboard.type('8');
      await page.keyboard.press('Enter');
      const wanted = expected(({ max }) => max >= 8);
      await waitForCount(page, wanted.length);
    });
  });

  for (const view of ['light', 'dark', 'narrow', 'forcedColors'] as const) {
    it(`is accessible: ${view}`, async () => {
      await browser.visit(`${server.url}#/?density=0.001..0.1&sort=max`, view, async ({ page }) => {
        await open(page, '#/?density=0.001..0.1&sort=max');
        await assertAccessible(page);
        const table = page.locator('.rows table');
        assert.equal(await table.getAttribute('aria-rowcount'), String((await countShown(page)) + 1));
        assert.ok(
          (await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0,
          'scrolls sideways',
        );
      });
    });
  }

  /** Compares the first and the last rows that can be seen. */
  async function checkOrder(page: Page, wanted: readonly number[]): Promise<void> {
    await settle(page);
    const first = await shownFeatures(page);
    assert.ok(first.length > 0);
    assert.deepEqual(first, wanted.slice(0, first.length));
    await page.locator('.rows').evaluate((rows) => (rows.scrollTop = rows.scrollHeight));
    await page.waitForFunction(
      (last) => document.querySelector(`.rows tr[aria-rowindex="${last}"]`) !== null,
      wanted.length + 1,
    );
    const last = await shownFeatures(page);
    assert.deepEqual(last, wanted.slice(-last.length));
    await page.locator('.rows').evaluate((rows) => (rows.scrollTop = 0));
    await page.waitForFunction(() => document.querySelector('.rows tr[aria-rowindex="2"]') !== null);
  }
});

/** A drag from one place in an element to another, in shares of it from its left and top. */
async function drag(page: Page, selector: string, from: [number, number], to: [number, number]): Promise<void> {
  const box = (await page.locator(selector).boundingBox())!;
  const at = ([x, y]: [number, number]): [number, number] => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...at(from));
  await page.mouse.down();
  await page.mouse.move(...at([(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]));
  await page.mouse.move(...at(to));
  await page.mouse.up();
}

/** Waits until the line above the table says so. */
async function waitForCount(page: Page, count: number): Promise<void> {
  await page.getByText(`${count.toLocaleString('en-US')} of 2,304 features`, { exact: true }).waitFor();
}

/** A token without what CSV adds to formulas. */
function plain(token: string): string {
  return token.replaceAll("'", '');
}
