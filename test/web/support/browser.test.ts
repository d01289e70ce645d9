/** The rig itself: what must fail a test of the feature browser does fail it. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { assertAccessible, useBrowser } from './browser.js';

const pages: Record<string, string> = {
  '/good': '<main><h1>Good</h1><p>text</p></main>',
  '/unlabelled': '<main><h1>Bad</h1><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="></main>',
  '/foreign': '<main><h1>Foreign</h1><img alt="" src="http://elsewhere.test/x.png"></main>',
  '/throws': '<main><h1>Throws</h1></main><script src="/throws.js"></script>',
  '/throws.js': 'throw new Error("thrown on purpose")',
  '/inline': '<main><h1>Inline</h1></main><script>document.title = "ran"</script>',
};

describe('pages in Chromium', () => {
  const browser = useBrowser();
  let server: Server;
  let base: string;

  before(async () => {
    server = createServer(({ url }, response) => {
      const found = pages[url!];
      response.writeHead(found === undefined ? 404 : 200, {
        'content-type': url!.endsWith('.js') ? 'text/javascript' : 'text/html',
        'content-security-policy': url === '/foreign' ? '' : "default-src 'self'; img-src data:",
      });
      if (url!.endsWith('.js')) return void response.end(found);
      response.end(`<!doctype html><html lang="en"><title>t</title><link rel="icon" href="data:,">${found}`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());

  it('are accessible, under a strict policy', async () => {
    await browser.visit(`${base}/good`, 'dark', async ({ page, requests }) => {
      await assertAccessible(page);
      assert.equal(await page.evaluate('matchMedia("(prefers-color-scheme: dark)").matches'), true);
      assert.deepEqual(
        requests.map((request) => new URL(request.url()).pathname),
        ['/good'],
      );
    });
  });

  it('fail when they are not accessible', async () => {
    await browser.visit(`${base}/unlabelled`, 'light', async ({ page }) => {
      await assert.rejects(assertAccessible(page), /image-alt/);
    });
  });

  for (const [path, ...faults] of [
    ['/foreign', /a request to another origin: http:\/\/elsewhere\.test\/x\.png/, /ERR_NAME_NOT_RESOLVED/],
    ['/throws', /uncaught: Error: thrown on purpose/],
    ['/inline', /error in the console: .*Content Security Policy/],
    ['/missing', /error in the console: .*404/],
  ] as const) {
    it(`fail at the fault of ${path}, unless it is expected`, async () => {
      const unexpected = browser.visit(base + path, 'narrow', () => Promise.resolve());
      for (const fault of faults) await assert.rejects(unexpected, fault);
      await browser.visit(base + path, 'narrow', async (visit) => {
        for (const fault of faults) visit.expectFault(fault);
        return Promise.resolve();
      });
    });
  }

  it('fail when an expected fault does not come', async () => {
    const visit = browser.visit(`${base}/good`, 'light', async (visited) =>
      Promise.resolve(visited.expectFault(/404/)),
    );
    await assert.rejects(visit, /no fault was like/);
  });
});
