/** What a reader sees where files of a run are missing, cut short or corrupt, or the server is of the wrong kind. */
import assert from 'node:assert/strict';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { entryOffset } from '../../../src/pages/pack.js';
import { stackTimeout } from '../../support/stack.js';
import { assertAccessible, useBrowser } from '../support/browser.js';
import { sampleRun } from '../support/sampleRun.js';
import { serveCopy } from '../support/servedCopy.js';

const damages = [
  {
    name: 'a missing pack of pages',
    change: (folder: string) => rm(join(folder, 'pages', '00000.bin')),
    heading: 'A file of the run is damaged or missing',
    says: /pages\/00000\.bin.*missing/,
    fault: /404/,
  },
  {
    name: 'a truncated pack of pages',
    change: (folder: string) => truncate(join(folder, 'pages', '00000.bin'), 100),
    heading: 'A file of the run is damaged or missing',
    says: /pages\/00000\.bin.*cut short/,
    fault: /416/,
  },
  {
    name: 'a corrupt page',
    change: (folder: string) => damagePage(join(folder, 'pages', '00000.bin'), 7),
    heading: 'A file of the run is damaged or missing',
    says: /pages\/00000\.bin.*item 7 is corrupt/,
  },
  {
    name: 'no run.json',
    change: (folder: string) => rm(join(folder, 'run.json')),
    heading: 'There is no run here',
    says: /has no run\.json/,
    fault: /404/,
  },
  {
    name: 'a run.json of another version',
    change: (folder: string) => writeFile(join(folder, 'run.json'), '{"format": "riffle.run/9"}'),
    heading: 'The run cannot be read',
    says: /run\.json.*riffle\.run\/9/,
  },
];

describe('a damaged run', () => {
  const browser = useBrowser();

  for (const { name, change, heading, says, fault } of damages) {
    it(`is named, and no page is empty: ${name}`, async function () {
      this.timeout(stackTimeout);
      const server = await serveCopy((await sampleRun()).folder, change);
      try {
        await browser.visit(`${server.url}#/feature/7`, 'light', async ({ page, expectFault }) => {
          if (fault) expectFault(fault);
          const message = page.getByRole('alert');
          await message.waitFor();
          await message.getByRole('heading', { name: heading }).waitFor();
          assert.match((await message.innerText()).replaceAll('\n', ' '), says);
          await assertAccessible(page);
        });
      } finally {
        await server.close();
      }
    });
  }

  it('is read again when it is mended', async function () {
    this.timeout(stackTimeout);
    let [file, whole] = ['', Buffer.alloc(0)];
    const server = await serveCopy((await sampleRun()).folder, async (folder) => {
      file = join(folder, 'pages', '00000.bin');
      whole = await readFile(file);
      await damagePage(file, 7);
    });
    try {
      await browser.visit(`${server.url}#/feature/7`, 'light', async ({ page }) => {
        await page.getByRole('alert').waitFor();
        await writeFile(file, whole);
        await page.getByRole('button', { name: 'Try again' }).click();
        await page.locator('.statistics').waitFor();
      });
    } finally {
      await server.close();
    }
  });
});

/** Changes one byte of a packed page. */
async function damagePage(file: string, feature: number): Promise<void> {
  const bytes = await readFile(file);
  const offset = Number(bytes.readBigUInt64LE(entryOffset(feature)));
  bytes[offset + 20]! ^= 1;
  await writeFile(file, bytes);
}
