import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { packageFolder } from '../src/packageFolder.js';
import { formatSize } from '../src/sizes.js';
import { launch } from '../test/web/support/browser.js';
import { serveFolder } from '../test/web/support/servers.js';
import { writeFeatureTable } from './featureTable.js';
import { median, report } from './report.js';

/** A step of someone who looks at the table, as a script of the page; `click` and `write` wait for the new rows. */
const steps: Readonly<Record<string, string>> = {
  'sort by state': 'click("State")',
  'sort by density': 'click("Density")',
  'sort by max': 'click("Max")',
  'sort by mean': 'click("Mean")',
  'sort by top token': 'click("Top token")',
  'sort by share': 'click("Share")',
  'sort by label': 'click("Label")',
  'filter by density': 'write("Density from, percent", "0.01")',
  'filter by max, too': 'write("Max from", "5")',
  'filter by mean, too': 'write("Mean to", "6")',
  'filter by top token, too': 'write("Top token", "a")',
  'filter by label, too': 'write("Label", "1")',
};

/** Times until the page shows the new rows: from the event to the frame after. */
const script = `
  const table = () => document.querySelector('.rows table');
  const until = async (done) => { while (!done()) await new Promise((next) => setTimeout(next)); };
  const timed = async (action, changed) => {
    const begin = performance.now();
    action();
    await until(changed);
    await until(() => table().getAttribute('aria-busy') === 'false');
    const end = performance.now();
    await new Promise(requestAnimationFrame);
    return end - begin;
  };
  const click = (title) => {
    const button = [...document.querySelectorAll('.rows thead button')].find((each) => each.textContent.includes(title));
    const before = location.hash;
    return timed(() => button.click(), () => location.hash !== before && table().getAttribute('aria-busy') === 'true' || settled(before));
  };
  const settled = (before) => location.hash !== before && table().getAttribute('aria-busy') === 'false' && shown() !== last;
  const shown = () => table().getAttribute('aria-rowcount') + table().querySelector('tbody').textContent;
  let last = shown();
  const write = (label, text) => {
    const field = document.querySelector(\`.filters input[aria-label="\${label}"]\`) ??
      [...document.querySelectorAll('.text-filter')].find((each) => each.textContent.includes(label)).querySelector('input');
    const before = location.hash;
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, text);
    return timed(() => {
      field.dispatchEvent(new Event('input', { bubbles: true }));
      field.dispatchEvent(new Event('change', { bubbles: true }));
    }, () => location.hash !== before && (table().getAttribute('aria-busy') === 'true' || settled(before)));
  };
`;

/** The overview of a million features in Chromium: what is fetched, how long sorting and filtering take, frames of scrolling. */
export async function table(): Promise<void> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      features: { type: 'string', default: '1000000' },
      tokens: { type: 'string', default: '1e8' },
      repeats: { type: 'string', default: '3' },
    },
  });
  const [features, tokens, repeats] = [values.features, values.tokens, values.repeats].map(Number) as [
    number,
    number,
    number,
  ];
  const folder = await mkdtemp(join(tmpdir(), 'riffle-table-'));
  const bytes = await writeFeatureTable(folder, features, tokens);
  await cp(join(packageFolder(), 'dist', 'web'), folder, { recursive: true });
  const server = await serveFolder(folder);
  const browser = await launch();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const opened = await timeToOpen(page, server.url);
    const times: Record<string, number[]> = {};
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const [name, step] of Object.entries(steps)) {
        (times[name] ??= []).push(await page.evaluate<number>(`(async () => { ${script} return ${step}; })()`));
      }
      await page.getByRole('button', { name: 'Clear filters' }).click();
      await page.locator('.rows table[aria-busy=false]').waitFor();
    }
    const frames = { wheel: await framesOf(page, wheel), 'scroll bar': await framesOf(page, dragBar) };
    const rounded = (all: number[]): { first: number; median: number; worst: number } => ({
      first: Math.round(all[0]!),
      median: Math.round(median(all)),
      worst: Math.round(Math.max(...all)),
    });
    const milliseconds = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, rounded(all)]));
    await report('table', { features, tokens, bytes, openMilliseconds: opened, milliseconds, frames }, [
      ...Object.entries(milliseconds).map(([step, each]) => ({ step, ...each })),
      { step: 'open, all columns read', first: opened },
    ]);
    console.table(frames);
    console.log(
      `columns ${formatSize(bytes.columns)}, labels ${formatSize(bytes.labels)}, tokens ${formatSize(bytes.vocabulary)}`,
    );
  } finally {
    await browser.close();
    await server.close();
    await rm(folder, { recursive: true });
  }
}

/** Milliseconds until every cell is filled, on a fresh browser. */
async function timeToOpen(page: Page, url: string): Promise<number> {
  const begin = performance.now();
  await page.goto(`${url}#/`);
  await page.locator('.rows tbody tr').first().waitFor();
  await page.waitForFunction(
    `[...document.querySelectorAll('.rows td')].every((cell) => !/^(·|#\\d+)$/.test(cell.textContent))`,
    undefined,
    {
      timeout: 120_000,
    },
  );
  return Math.round(performance.now() - begin);
}

/** Times between frames while something scrolls. */
async function framesOf(page: Page, scroll: (page: Page) => Promise<void>): Promise<Record<string, number>> {
  await page.evaluate(`
    window.frameTimes = [];
    window.measuring = true;
    requestAnimationFrame(function next(before) {
      requestAnimationFrame((now) => { window.frameTimes.push(now - before); if (window.measuring) next(now); });
    });
  `);
  await scroll(page);
  const times = await page.evaluate<number[]>('window.measuring = false, window.frameTimes');
  const sorted = times.sort((a, b) => a - b);
  const at = (share: number): number =>
    Number(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(1));
  return {
    frames: sorted.length,
    median: at(0.5),
    p95: at(0.95),
    worst: at(1),
    'over 50 ms': sorted.filter((time) => time > 50).length,
  };
}

async function wheel(page: Page): Promise<void> {
  await page.locator('.rows').hover();
  for (let n = 0; n < 200; n++) await page.mouse.wheel(0, 120);
}

/** As far as a drag of the scroll bar moves it, in 200 steps over all rows. */
async function dragBar(page: Page): Promise<void> {
  await page.evaluate(`(async () => {
    const rows = document.querySelector('.rows');
    for (let n = 0; n < 200; n++) {
      rows.scrollTop = (rows.scrollHeight * n) / 200;
      await new Promise(requestAnimationFrame);
    }
  })()`);
}
