/** A feature's page in Chromium, on the sample's run. */
import assert from 'node:assert/strict';
import type { Locator, Page } from 'playwright-core';
import type { FeatureExample, FeatureGroup, FeaturePage } from '../../../src/pages/page.js';
import { stackTimeout } from '../../support/stack.js';
import { assertAccessible, useBrowser } from '../support/browser.js';
import { samplePages } from '../support/samplePages.js';
import { sampleRun } from '../support/sampleRun.js';
import { serveCopy } from '../support/servedCopy.js';
import type { WebServer } from '../support/servers.js';

/** As the run's settings say: the sample is made with the defaults. */
const top = 20;

describe('a feature’s page', () => {
  const browser = useBrowser();
  let pages: readonly FeaturePage[];
  let server: WebServer;
  let median: FeaturePage;
  let kinds: Record<string, FeaturePage>;

  before(async function () {
    this.timeout(stackTimeout);
    pages = await samplePages();
    server = await serveCopy((await sampleRun()).folder);
    const alive = pages.filter(({ state }) => state === 'alive').sort((a, b) => a.firing - b.firing);
    median = alive[Math.floor(alive.length / 2)]!;
    kinds = {
      'a median one': median,
      'a dense one': pages.find(({ state }) => state === 'dense')!,
      'a dead one': pages.find(({ state }) => state === 'dead')!,
      'one that fires five times': alive.find(({ firing }) => firing === 5)!,
      'one that fires often': alive.at(-10)!,
    };
  });
  after(() => server?.close());

  const urlOf = ({ feature }: FeaturePage): string => `${server.url}#/feature/${feature}`;

  for (const kind of [
    'a median one',
    'a dense one',
    'a dead one',
    'one that fires five times',
    'one that fires often',
  ]) {
    it(`shows every number that riffle feature --json prints: ${kind}`, async () => {
      const truth = kinds[kind]!;
      await browser.visit(urlOf(truth), 'light', async ({ page }) => {
        await page.locator('.feature-head').waitFor();
        if (truth.firing > top) await page.keyboard.press('s');
        await assertStatistics(page, truth);
        await assertHistograms(page, truth);
        await assertGroups(page, truth);
      });
    });
  }

  it('has the essentials in a window of 1280 × 800', async () => {
    await browser.visit(urlOf(median), 'light', async ({ page }) => {
      for (const part of ['.feature-head', '.top-tokens', '.logits', '.example >> nth=4']) {
        const box = (await page.locator(part).boundingBox())!;
        assert.ok(box.y + box.height <= 800 && box.x + box.width <= 1280, `${part} ends at ${box.y + box.height}`);
      }
    });
  });

  it('costs two range requests, and reads the pages beside it only then', async () => {
    await browser.visit(urlOf(median), 'light', async ({ page, requests }) => {
      await page.locator('.feature-head').waitFor();
      const ranges = (): string[] =>
        requests.filter((each) => each.url().includes('/pages/')).map((each) => each.headers()['range']!);
      await page.waitForFunction(() => document.querySelectorAll('.example').length > 0);
      while (ranges().length < 6) await page.waitForEvent('requestfinished');
      const entry = (feature: number): string => `bytes=${64 + 16 * feature}-${64 + 16 * feature + 15}`;
      const [first, second, ...others] = ranges();
      assert.equal(first, entry(median.feature));
      assert.ok(!second!.startsWith('bytes=64-') && second !== entry(median.feature + 1));
      assert.ok(others.includes(entry(median.feature + 1)) && others.includes(entry(median.feature - 1)));
      const [, from, to] = /bytes=(\d+)-(\d+)/.exec(second!)!;
      assert.ok(Number(to) - Number(from) + 1 + 16 <= 8192, `${second} is longer than 8 KB`);
      // What was read ahead is shown without asking for it again.
      const before = ranges().filter((range) => range === entry(median.feature + 1)).length;
      await page.keyboard.press('n');
      await page.locator('h1', { hasText: String(median.feature + 1) }).waitFor();
      await page.locator('.statistics').waitFor();
      assert.equal(ranges().filter((range) => range === entry(median.feature + 1)).length, before);
    });
  });

  it('shows two intervals and opens the rest on demand', async () => {
    await browser.visit(urlOf(kinds['one that fires often']!), 'light', async ({ page }) => {
      const intervals = page.locator('.group.interval');
      await intervals.first().waitFor();
      const all = kinds['one that fires often']!.groups.filter(({ name }) => name === 'interval').length;
      assert.ok(all > 2);
      assert.equal(await intervals.count(), 2);
      await page.getByRole('button', { name: `Show all ${all} intervals` }).click();
      assert.equal(await intervals.count(), all);
      await page.getByRole('button', { name: 'Show the highest 2 only' }).click();
      assert.equal(await intervals.count(), 2);
    });
  });

  it('leads from a reference to the example that stands for it, and opens what a link names', async () => {
    const truth = kinds['one that fires often']!;
    const hidden = truth.groups.findLast(({ name, examples }) => name === 'interval' && examples.length > 0)!;
    const earlier = new Set(
      truth.groups.slice(0, truth.groups.indexOf(hidden)).flatMap((group) => group.examples.map(({ row }) => row)),
    );
    const { row } = hidden.examples.find((example) => !earlier.has(example.row))!;
    await browser.visit(`${urlOf(truth)}?example=${row}`, 'light', async ({ page }) => {
      const linked = page.locator(`#example-${row}`);
      await linked.locator('.details').waitFor();
      assert.ok(await linked.isVisible());
      assert.equal(await page.evaluate(() => document.activeElement?.closest('li')?.id), `example-${row}`);
      const reference = page.locator('.references a').first();
      if ((await reference.count()) === 0) return;
      const target = /example=(\d+)/.exec((await reference.getAttribute('href'))!)![1];
      await reference.click();
      await page.locator(`#example-${target} .details`).waitFor();
    });
  });

  it('adds the text around an example from the token stream', async () => {
    const known = new Map<number, number>();
    for (const { groups } of pages) {
      for (const { row, focus, ids } of groups.flatMap(({ examples }) => examples)) {
        ids.forEach((id, n) => known.set(row - focus + n, id));
      }
    }
    const example = median.groups[0]!.examples.find(({ row }) => row > 200 && row < 8000)!;
    await browser.visit(urlOf(median), 'light', async ({ page }) => {
      const item = page.locator(`#example-${example.row}`);
      await item.getByRole('button', { name: /^More context/ }).click();
      await item.locator('.at').nth(example.ids.length + 20).waitFor();
      const shown = await tokensOf(item);
      let compared = 0;
      for (const [n, { row, id, value, text }] of shown.entries()) {
        assert.equal(row, shown[0]!.row + n);
        if (known.has(row)) compared += Number(known.get(row) === id) || assert.fail(`row ${row} is token ${id}`);
        const place = row - example.row + example.focus;
        const inside = place >= 0 && place < example.ids.length;
        assert.equal(value, inside ? example.values[place] : undefined);
        if (inside && !example.tokens[place]!.includes('\\x')) assert.equal(unmarked(text), plain(example.tokens[place]!));
      }
      assert.ok(compared > example.ids.length + 20);
      const first = shown[0]!.row;
      await item.getByRole('button', { name: 'More before' }).click();
      await item.locator(`[data-row="${first - 64}"]`).waitFor();
    });
  });

  it('shows where documents begin inside a window, and dims what is not of the example’s', async () => {
    const { example, at } = acrossDocuments(pages);
    const feature = pages.find(({ groups }) => groups[0]?.examples.includes(example))!;
    await browser.visit(urlOf(feature), 'light', async ({ page }) => {
      const item = page.locator(`#example-${example.row}`);
      await item.scrollIntoViewIfNeeded();
      await item.locator('.break').waitFor({ state: 'attached' });
      const dimmed = await item.locator('.at').evaluateAll((all) => all.map((each) => each.matches('.elsewhere')));
      const expected = example.ids.map((_, n) => (at <= example.focus ? n < at : n >= at));
      assert.deepEqual(dimmed, expected);
    });
  });

  it('copies an example, its link, the run’s provenance and the command', async () => {
    const example = median.groups[0]!.examples[0]!;
    await browser.visit(urlOf(median), 'light', async ({ page }) => {
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
      const copied = (): Promise<string> => page.evaluate(() => navigator.clipboard.readText());
      const item = page.locator(`#example-${example.row}`);
      await item.getByRole('button', { name: /^More context/ }).click();
      await item.locator('.at').nth(example.ids.length).waitFor();
      await item.getByRole('button', { name: 'Copy as text' }).click();
      await item.getByText('Copied').waitFor();
      const focusText = example.tokens.slice(example.focus - 1, example.focus + 2).join('');
      assert.ok((await copied()).includes(focusText));
      await item.getByRole('button', { name: 'Copy link' }).click();
      await page.waitForFunction(async () => (await navigator.clipboard.readText()).startsWith('http'));
      assert.equal(await copied(), `${urlOf(median)}?example=${example.row}`);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: /^Provenance/ }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Copy as JSON' }).click();
      await page.waitForFunction(async () => (await navigator.clipboard.readText()).startsWith('{'));
      const run = JSON.parse(await copied()) as { tokens: number; pages: { digest: string } };
      assert.equal(run.tokens, median.tokens);
      assert.ok((await dialog.innerText()).includes(run.pages.digest));
      await dialog.getByRole('button', { name: 'Copy the command' }).click();
      await page.waitForFunction(async () => (await navigator.clipboard.readText()).startsWith('riffle feature s3://'));
      assert.ok((await copied()).endsWith(` ${median.feature}`));
    });
  });

  it('is used by keys alone', async () => {
    const often = kinds['one that fires often']!;
    await browser.visit(urlOf(often), 'light', async ({ page }) => {
      await page.locator('.example').first().waitFor();
      const press = async (...keys: string[]): Promise<void> => {
        for (const key of keys) await page.keyboard.press(key);
      };
      await press('?');
      const help = page.getByRole('dialog', { name: 'Keys' });
      await help.waitFor();
      for (const does of ['next feature', 'next example', 'search', 'show all intervals']) {
        await help.getByText(does, { exact: true }).waitFor();
      }
      await press('Escape');
      await help.waitFor({ state: 'detached' });
      await press('j', 'j');
      const second = page.locator('.example').nth(1);
      assert.ok(await second.locator('.text').evaluate((text) => text === document.activeElement));
      const tip = page.locator('.tip');
      await tip.waitFor();
      assert.match(await tip.innerText(), new RegExp(`fires ${Number(Number(await exact(second)).toPrecision(4))}`));
      const before = await page.locator('[data-pointed]').getAttribute('data-n');
      await press('ArrowLeft');
      assert.equal(await page.locator('[data-pointed]').getAttribute('data-n'), String(Number(before) - 1));
      await press('Escape');
      await tip.waitFor({ state: 'detached' });
      await press('Enter');
      await second.locator('.details').waitFor();
      await press('Enter');
      await second.locator('.details').waitFor({ state: 'detached' });
      await press('k');
      assert.ok(await page.locator('.example .text').first().evaluate((text) => text === document.activeElement));
      await press('s');
      assert.ok((await page.locator('.group.interval').count()) > 2);
      await press('a');
      await page.locator('.all-examples.whole').waitFor();
      await press('w');
      await page.locator('.all-examples .mark', { hasText: '·' }).first().waitFor();
      await press('n');
      await page.waitForFunction((next) => location.hash === `#/feature/${next}`, often.feature + 1);
      await press('p', 'p');
      await page.waitForFunction((next) => location.hash === `#/feature/${next}`, often.feature - 1);
      await press('g');
      await page.keyboard.type('40');
      await press('Enter');
      await page.waitForFunction(() => location.hash === '#/feature/40');
      await press('i');
      await page.getByRole('dialog').getByText('Tokens counted').waitFor();
      await press('Escape');
      await press('/');
      await page.keyboard.type('the');
      await press('Enter');
      await page.waitForFunction(() => location.hash === '#/search?q=the');
    });
  });

  it('reads the bins of a histogram by keys', async () => {
    await browser.visit(urlOf(median), 'light', async ({ page }) => {
      const chart = page.locator('.chart').first();
      await chart.locator('svg').focus();
      await page.keyboard.press('ArrowRight');
      const { edges, counts } = median.histogram!;
      const short = (value: number): string => String(Number(value.toPrecision(4)));
      assert.equal(
        await chart.locator('.readout').innerText(),
        `${short(edges[0]!)} to ${short(edges[1]!)}: ${counts[0]} tokens`,
      );
    });
  });

  it('opens again without its server', async () => {
    const copy = await serveCopy((await sampleRun()).folder);
    try {
      await browser.visit(`${copy.url}#/feature/${median.feature}`, 'light', async ({ page, expectFault }) => {
        await page.locator('.feature-head').waitFor();
        await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
        await page.waitForFunction(async () => {
          const names = await caches.keys();
          const run = await caches.open(names.find((name) => name.startsWith('riffle-run'))!);
          return (await run.keys()).length >= 7;
        });
        await page.context().setOffline(true);
        expectFault(/ERR_INTERNET_DISCONNECTED|Failed to fetch/);
        await page.reload();
        await page.locator('.statistics').waitFor();
        await page.getByText('offline: shown as kept').waitFor();
        await assertStatistics(page, median);
        await page.keyboard.press('g');
        await page.keyboard.type(String((median.feature + 500) % 2304));
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: 'The server cannot be reached' }).waitFor();
      });
    } finally {
      await copy.close();
    }
  });

  it('says that a feature is not there, and that an address means nothing', async () => {
    await browser.visit(`${server.url}#/feature/99999`, 'light', async ({ page }) => {
      await page.getByRole('heading', { name: 'The run has no such feature' }).waitFor();
      await page.goto(`${server.url}#/nothing`);
      await page.getByText('There is no view #/nothing').waitFor();
    });
  });

  for (const view of ['light', 'dark', 'narrow', 'forcedColors', 'reducedMotion'] as const) {
    it(`is accessible: ${view}`, async () => {
      for (const truth of Object.values(kinds).slice(0, 4)) {
        await browser.visit(urlOf(truth), view, async ({ page }) => {
          await page.locator('.feature-head').waitFor();
          await assertAccessible(page);
          const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(wider <= 0, `scrolls sideways by ${wider}`);
        });
      }
      await browser.visit(urlOf(median), view, async ({ page }) => {
        await page.locator('.example .text').first().click();
        await page.locator('.details').waitFor();
        await assertAccessible(page);
        for (const key of ['i', '?']) {
          await page.keyboard.press(key);
          await page.getByRole('dialog').waitFor();
          await assertAccessible(page);
          await page.keyboard.press('Escape');
        }
      });
    });
  }
});

async function assertStatistics(page: Page, truth: FeaturePage): Promise<void> {
  const { feature, firing, excludedFiring, tokens, density, max, mean, topTokens, logits, neighbours } = truth;
  const head = [feature, firing, tokens, density, max, mean, ...(excludedFiring > 0 ? [excludedFiring] : [])];
  assert.deepEqual(await exactValues(page.locator('.feature-head data')), head);
  assert.equal(await page.locator('.state').innerText(), truth.state);
  const shares = topTokens.map(({ share }) => share);
  assert.deepEqual(await exactValues(page.locator('.top-tokens data')), shares);
  await assertTokens(page.locator('.top-tokens .token'), topTokens);
  for (const [kind, effects] of [
    ['raises', logits!.top],
    ['lowers', logits!.bottom],
  ] as const) {
    const values = effects.map(({ value }) => value);
    assert.deepEqual(await exactValues(page.locator(`.logits .${kind} data`)), values);
    await assertTokens(page.locator(`.logits .${kind} .token`), effects);
  }
  const cosines = neighbours.map(({ cosine }) => cosine);
  assert.deepEqual(await exactValues(page.locator('.neighbours data')), cosines);
  const links = neighbours.map((neighbour) => String(neighbour.feature));
  assert.deepEqual(await page.locator('.neighbours a').allInnerTexts(), links);
  if (truth.reason !== null) assert.match(await page.locator('.remark').innerText(), new RegExp(truth.reason));
}

async function assertTokens(shown: Locator, truth: readonly { readonly token: string }[]): Promise<void> {
  const texts = truth.map(({ token }) => plain(token));
  assert.deepEqual((await shown.allTextContents()).map(unmarked), texts);
}

async function assertHistograms(page: Page, { histogram, logits }: FeaturePage): Promise<void> {
  const truths = [histogram, logits!.histogram].filter((each) => each !== null);
  const charts = page.locator('.chart');
  assert.equal(await charts.count(), truths.length);
  for (const [n, { edges, counts }] of truths.entries()) {
    const chart = charts.nth(n);
    await chart.locator('summary').click();
    const cells = (await chart.locator('td').allInnerTexts()).map(Number);
    assert.deepEqual(
      cells,
      counts.flatMap((count, bin) => [edges[bin]!, edges[bin + 1]!, count]),
    );
    const bars = await chart.locator('.bar').evaluateAll((all) => all.map((bar) => Number(bar.getAttribute('data-count'))));
    assert.deepEqual(
      bars,
      counts.filter((count) => count > 0),
    );
  }
}

/** Each group with its examples; those of earlier groups as references; equal windows once. */
async function assertGroups(page: Page, truth: FeaturePage): Promise<void> {
  const sections = page.locator('.group');
  const expected = shownGroups(truth);
  assert.equal(await sections.count(), expected.length);
  const seen = new Set<number>();
  for (const [n, { group, windows }] of expected.entries()) {
    const section = sections.nth(n);
    if (group.name === 'interval') {
      assert.deepEqual(await exactValues(section.locator('h3 data')), [group.from, group.to, group.share]);
    }
    const items = await section.locator('.example').all();
    const fresh = windows.filter(([first]) => !seen.has(first!.row));
    assert.equal(items.length, fresh.length);
    for (const [place, item] of items.entries()) {
      const [example, ...alike] = fresh[place]!;
      assert.equal(await exact(item), String(example!.activation));
      const shown = await tokensOf(item);
      assert.deepEqual(
        shown.map(({ id }) => id),
        example!.ids,
      );
      assert.deepEqual(
        shown.map(({ value }) => value),
        example!.values,
      );
      assert.deepEqual(
        shown.map(({ text }) => unmarked(text)),
        example!.tokens.map(plain),
      );
      assert.equal(await item.locator('.at.focus').getAttribute('data-row'), String(example!.row));
      const where = await item.locator('.where').innerText();
      assert.ok(where.includes(`doc ${example!.document} · pos ${example!.position}`), where);
      assert.equal(where.includes(`×${alike.length + 1} here`), alike.length > 0);
    }
    const references = await exactValues(section.locator('.references data'));
    assert.deepEqual(
      references,
      group.examples.filter(({ row }) => seen.has(row)).map(({ activation }) => activation),
    );
    for (const { row } of group.examples) seen.add(row);
  }
}

function shownGroups(page: FeaturePage): { group: FeatureGroup; windows: FeatureExample[][] }[] {
  const all = new Map(page.groups.flatMap(({ examples }) => examples).map((example) => [example.row, example]));
  const one = [...all.values()].sort((a, b) => b.activation - a.activation || a.row - b.row);
  const groups = page.firing > top ? page.groups : one.length > 0 ? [{ name: 'top' as const, examples: one }] : [];
  const seen = new Set<number>();
  return groups.map((group) => {
    const windows = new Map<string, FeatureExample[]>();
    for (const example of group.examples) {
      if (seen.has(example.row)) continue;
      const key = JSON.stringify([example.focus, example.ids]);
      windows.set(key, [...(windows.get(key) ?? []), example]);
    }
    for (const { row } of group.examples) seen.add(row);
    return { group, windows: [...windows.values()] };
  });
}

/** An example whose window holds the beginning of a document, and where: <|endoftext|> is the sample's id 0. */
function acrossDocuments(pages: readonly FeaturePage[]): { example: FeatureExample; at: number } {
  for (const { firing, groups } of pages) {
    if (firing <= top) continue;
    for (const example of groups[0]?.examples ?? []) {
      const at = example.tokens.indexOf('<|endoftext|>');
      if (at > 0) return { example, at };
    }
  }
  return assert.fail('the sample has no such example');
}

function exactValues(shown: Locator): Promise<number[]> {
  return shown.evaluateAll((all) => all.map((each) => Number((each as HTMLDataElement).value)));
}

async function exact(item: Locator): Promise<string> {
  return (await item.locator('.activation data').getAttribute('value'))!;
}

interface ReadToken {
  readonly row: number;
  readonly id: number;
  readonly value: number | null | undefined;
  readonly text: string;
}

function tokensOf(item: Locator): Promise<ReadToken[]> {
  return item.locator('.at').evaluateAll((all) =>
    all.map((each) => {
      const { row, id, value } = (each as HTMLElement).dataset;
      return {
        row: Number(row),
        id: Number(id),
        value: value === undefined ? undefined : value === 'null' ? null : Number(value),
        text: each.querySelector('.token')!.textContent,
      };
    }),
  );
}

/** A token's text with its white space as one kind. */
function plain(text: string): string {
  return text.replaceAll(/[\n\t ↵⇥·]/g, '_');
}

/** What is shown of a token, with the marks of white space as one kind. */
function unmarked(text: string): string {
  return text.replaceAll('↵\n', '_').replaceAll(/[↵⇥· ]/g, '_');
}
