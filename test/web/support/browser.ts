import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import axe, { type AxeResults } from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page, type Request } from 'playwright-core';

/** How a reader looks at a page. */
const views = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  narrow: { colorScheme: 'light', viewport: { width: 390, height: 844 } },
  forcedColors: { colorScheme: 'dark', forcedColors: 'active' },
  reducedMotion: { colorScheme: 'light', reducedMotion: 'reduce' },
} as const;

export type View = keyof typeof views;

/** A page in a browser of its own: nothing is in its cache, no service worker is there. */
export interface Visit {
  readonly page: Page;
  /** All requests so far that left the page or its service worker. */
  readonly requests: readonly Request[];
  /** Allows faults that a test provokes, and demands that there is one. */
  expectFault(fault: RegExp): void;
}

export interface TestBrowser {
  /**
   * Opens a page in a window of 1280 × 800 pixels (narrow: 390 × 844), looks at it, closes it.
   * @throws AssertionError when the page logged an error or a warning, threw, or asked any server but its own for something
   */
  visit(url: string, view: View, look: (visit: Visit) => Promise<void>): Promise<void>;
}

/** The Chromium of a `describe` block: started before its tests, ended after them. */
export function useBrowser(): TestBrowser {
  let browser: Browser;

  before('start Chromium', async function () {
    this.timeout(60_000);
    browser = await launch();
  });
  after('end Chromium', () => browser?.close());

  return {
    async visit(url, view, look) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...views[view] });
      try {
        const visit = new WatchedVisit(context, await context.newPage(), new URL(url).origin);
        await visit.page.goto(url);
        await visit.follow(look);
      } finally {
        await context.close();
      }
    },
  };
}

/** Checks a page as it stands by all rules of axe-core. */
export async function assertAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResults>('axe.run()');
  const found = violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}\n  ${html}\n  ${failureSummary}`),
  );
  assert.deepEqual(found, [], found.join('\n'));
}

class WatchedVisit implements Visit {
  readonly requests: Request[] = [];
  readonly #faults: string[] = [];
  readonly #expected: RegExp[] = [];

  constructor(
    context: BrowserContext,
    readonly page: Page,
    origin: string,
  ) {
    context.on('request', (request) => {
      const url = new URL(request.url());
      if (url.protocol === 'data:' || url.protocol === 'blob:') return;
      this.requests.push(request);
      if (url.origin !== origin) this.#faults.push(`a request to another origin: ${request.url()}`);
    });
    context.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return;
      this.#faults.push(`${message.type()} in the console: ${message.text()} (${message.location().url})`);
    });
    context.on('weberror', (error) => this.#faults.push(`uncaught: ${error.error().stack}`));
    page.on('crash', () => this.#faults.push('the page crashed'));
  }

  expectFault(fault: RegExp): void {
    this.#expected.push(fault);
  }

  async follow(look: (visit: Visit) => Promise<void>): Promise<void> {
    let failure: Error | undefined;
    try {
      await look(this);
      // What the page did last is still to be heard of.
      await this.page.evaluate('new Promise((resolve) => setTimeout(resolve))');
    } catch (error) {
      failure = error as Error;
    }
    const isExpected = (fault: string): boolean => this.#expected.some((expected) => expected.test(fault));
    const faults = this.#faults.filter((fault) => !isExpected(fault));
    // A fault of the page explains why a test failed.
    if (faults.length > 0) assert.fail([...faults, failure?.message ?? ''].join('\n'));
    if (failure !== undefined) throw failure;
    for (const expected of this.#expected) {
      assert.ok(
        this.#faults.some((fault) => expected.test(fault)),
        `no fault was like ${expected}`,
      );
    }
  }
}

export async function launch(): Promise<Browser> {
  // Set for playwright-core, which reads it at each launch: requests of service workers count, too.
  process.env.PW_EXPERIMENTAL_SERVICE_WORKER_NETWORK_EVENTS = '1';
  return chromium.launch({
    executablePath: findChromium(),
    // Its sandbox does not work for root, and in most containers.
    chromiumSandbox: false,
    // No name but those of this machine is looked up: whatever a page tries, nothing leaves it.
    args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost', '--disable-dev-shm-usage'],
  });
}

function findChromium(): string {
  const folders = (process.env.PATH ?? '').split(delimiter);
  for (const name of ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']) {
    const folder = folders.find((each) => existsSync(join(each, name)));
    if (folder !== undefined) return join(folder, name);
  }
  throw new Error(
    'The tests of the feature browser need Chromium, and there is none in PATH. On Debian and Ubuntu: apt-get install ' +
      'chromium fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji',
  );
}
