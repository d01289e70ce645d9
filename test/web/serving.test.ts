/** The sample's run on servers of all kinds, in a real browser. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startBrowse } from '../support/browseProcess.js';
import { stackTimeout } from '../support/stack.js';
import { useBrowser } from './support/browser.js';
import { sampleRun, type SampleRun } from './support/sampleRun.js';
import { samplePages } from './support/samplePages.js';
import { serveCopy } from './support/servedCopy.js';
import { serveByPolicy, serveFolder, serveFolderWhole, type WebServer } from './support/servers.js';

/** Alive, with examples in several groups. */
const feature = 7;

describe('a run on a web server', () => {
  const browser = useBrowser();
  let run: SampleRun;

  before(async function () {
    this.timeout(stackTimeout);
    run = await sampleRun();
    await samplePages();
  });

  const servers: Record<string, () => Promise<WebServer>> = {
    'S3 under a bucket policy': () => serveByPolicy(run.place),
    'riffle browse': () => startBrowse(run.uri),
    'a file server with ranges': () => serveFolder(run.folder),
  };

  for (const [name, start] of Object.entries(servers)) {
    it(`${name}: opens at a feature's page, which says what riffle feature says`, async () => {
      const server = await start();
      const page = (await samplePages())[feature]!;
      try {
        await browser.visit(`${server.url}index.html#/feature/${feature}`, 'light', async (visit) => {
          const shown = visit.page.locator('main');
          await shown.locator('article.feature').waitFor();
          const text = (await shown.innerText()).replaceAll(/[\s,]/g, '');
          for (const number of [page.firing, page.tokens])
            assert.ok(text.includes(String(number)), `${number}: ${text}`);
          // The page came by two ranges.
          const ranges = visit.requests.filter((request) => /pages\/\d+\.bin$/.test(request.url()));
          const statuses = await Promise.all(ranges.map(async (request) => (await request.response())?.status()));
          assert.ok(ranges.length >= 2 && statuses.every((status) => status === 206), String(statuses));
        });
      } finally {
        await server.close();
      }
    });
  }

  it('a file server that ignores Range: the page says so, and whose file it was', async () => {
    const server = await serveFolderWhole(run.folder);
    try {
      await browser.visit(`${server.url}index.html#/feature/${feature}`, 'light', async ({ page }) => {
        await page.getByText('ignores Range').waitFor();
        assert.match(await page.locator('main').innerText(), /pages\/00000\.bin/);
      });
    } finally {
      await server.close();
    }
  });

  it('a file that is not there: the page names it', async () => {
    const server = await serveCopy(run.folder, (folder) => rm(join(folder, 'pages', '00000.bin')));
    try {
      await browser.visit(`${server.url}index.html#/feature/${feature}`, 'light', async (visit) => {
        visit.expectFault(/pages\/00000\.bin/);
        await visit.page.getByText('pages/00000.bin').first().waitFor();
      });
    } finally {
      await server.close();
    }
  });

  it('riffle browse tells the page where the run is, and nothing is kept in the browser', async () => {
    const server = await startBrowse(run.uri);
    try {
      await browser.visit(`${server.url}#/feature/${feature}`, 'light', async ({ page }) => {
        await page.locator('article.feature').waitFor();
        await page.getByRole('button', { name: /^Provenance/ }).click();
        await page.getByText(`riffle feature ${run.uri} ${feature}`).waitFor();
        const kept = await page.evaluate(async () => ({
          caches: await caches.keys(),
          workers: (await navigator.serviceWorker.getRegistrations()).length,
        }));
        assert.deepEqual(kept, { caches: [], workers: 0 });
      });
    } finally {
      await server.close();
    }
  });
});
