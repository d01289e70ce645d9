import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';

/** Opens a view of the app and waits until its table is whole. */
export async function openView(page: Page, url: string, hash: string): Promise<void> {
  await page.goto(`${url}${hash}`);
  await page.locator('.rows tbody tr').first().waitFor();
  // What has not been read yet is a dot.
  await page.waitForFunction(() => document.querySelector('.rows td .muted')?.textContent !== '·');
}

/** Waits until the table shows what the address says. */
export async function settle(page: Page): Promise<void> {
  await page.locator('.rows table[aria-busy=false]').waitFor();
}

/** Features in the rows that are in the page, from the top. */
export function shownFeatures(page: Page): Promise<number[]> {
  return page.locator('.rows tbody th').evaluateAll((cells) => cells.map((cell) => Number(cell.textContent)));
}

/** How many features the line above the table says it shows. */
export async function countShown(page: Page): Promise<number> {
  const text = await page.locator('.shown-line [role=status]').innerText();
  const [, count] = /^(?:All )?([\d,]+)/.exec(text) ?? [];
  assert.ok(count, text);
  return Number(count.replaceAll(',', ''));
}

/** The part of the address behind `?`. */
export async function queryOf(page: Page): Promise<Record<string, string>> {
  const hash = await page.evaluate(() => location.hash);
  return Object.fromEntries(new URLSearchParams(hash.split('?')[1] ?? ''));
}

/** Records of a CSV file as RFC 4180, section 2 says. @throws AssertionError for what is none */
export function parseCsv(csv: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
  while (cell.lastIndex < csv.length) {
    const at = cell.lastIndex;
    const match = cell.exec(csv);
    assert.ok(match, `no cell at ${at}`);
    record.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] === '\r\n') {
      records.push(record);
      record = [];
    }
  }
  return records;
}
