/** A page whose texts try everything, in Chromium. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PackWriter } from '../../../src/pages/packWriter.js';
import { type FeatureExample, type FeaturePage, pageFormat } from '../../../src/pages/page.js';
import { encodeStoredPage } from '../../../src/pages/storedPage.js';
import { stackTimeout } from '../../support/stack.js';
import { assertAccessible, useBrowser } from '../support/browser.js';
import { sampleRun } from '../support/sampleRun.js';
import { serveCopy } from '../support/servedCopy.js';
import type { WebServer } from '../support/servers.js';

const hostile = [
  '<script>document.title = "taken"</script>',
  '<img src=x onerror="document.title = \'taken\'">',
  '</bdi></main><h1>taken</h1>',
  '&lt;b&gt;&amp;',
  'javascript:alert(1)',
  '{{constructor}}',
];

/** Characters that must not be there as they are, and what is shown for them. */
const marked = [
  ['\0', '\\u{0}'],
  ['\u001b[31m', '\\u{1b}[31m'],
  ['\u202egnp.exe', '\\u{202e}gnp.exe'],
  ['a\u2066b\u2069', 'a\\u{2066}b\\u{2069}'],
  ['in\u200bvisible', 'in\\u{200b}visible'],
  ['\ufeff', '\\u{feff}'],
  ['\u3164', '\\u{3164}'],
  ['pass\u200cword', 'pass\\u{200c}word'],
  ['x\u{e0041}', 'x\\u{e0041}'],
  ['\u2028', '\\u{2028}'],
] as const;

/** 42 scripts, and emoji of several code points: shown as they are. */
const proper = [
  'Latin Ελληνικά Кириллица Հայերեն עברית العربية ܣܘܪܝܝܐ ދިވެހި ߒߞߏ नमस्ते বাংলা ਪੰਜਾਬੀ ગુજરાતી ଓଡ଼ିଆ தமிழ் తెలుగు ಕನ್ನಡ മലയാളം සිංහල ไทย ລາວ',
  'བོད་ မြန်မာ ქართული 한국어 አማርኛ ᏣᎳᎩ ᐃᓄᒃᑎᑐᑦ ខ្មែរ ᠮᠣᠩᠭᠣᠯ ひらがな カタカナ 漢字 ㄅㄆㄇ ꆈꌠ ⴰⵎⴰⵣⵉⵖ ᚠᚢᚦ ᚛ᚑᚌᚐᚋ 𐌲𐌿𐍄 𒀭 𓀀 ꦗꦮ',
].flatMap((line) => line.split(' '));
const emoji = ['😀', '👩‍👩‍👧‍👦', '🏳️‍🌈', '👍🏽', '🇪🇺', '1️⃣', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'می‌خواهم', 'क्‍ष'];

const long = `${'long'.repeat(2500)}`;

describe('texts that no one vouches for', () => {
  const browser = useBrowser();
  let server: WebServer;

  before(async function () {
    this.timeout(stackTimeout);
    server = await serveCopy((await sampleRun()).folder, async (folder) => {
      const pack = new PackWriter(0);
      pack.add(encodeStoredPage(hostilePage()));
      for (let feature = 1; feature < 2304; feature++) pack.add(undefined);
      await writeFile(join(folder, 'pages', '00000.bin'), Buffer.concat(pack.finish().parts));
    });
  });
  after(() => server?.close());

  for (const view of ['light', 'dark', 'narrow'] as const) {
    it(`are shown, and do nothing: ${view}`, async () => {
      await browser.visit(`${server.url}#/feature/0`, view, async ({ page }) => {
        await page.locator('.example').nth(2).waitFor();
        const texts = await page.locator('.example .at .token').allTextContents();
        for (const text of [...hostile, ...proper, ...emoji]) assert.ok(texts.includes(text), text);
        for (const [, shown] of marked) assert.ok(texts.includes(shown), shown);
        assert.ok((await page.title()).includes('Feature 0'));
        assert.equal(await page.locator('h1').count(), 1);
        assert.equal(await page.locator('main script, main img, main b').count(), 0);
        const shown = await page.locator('body').evaluate((body) => body.textContent);
        for (const character of '\0\u001b\u202e\u2066\u2069\u200b\ufeff\u3164\u2028\u{e0041}') {
          assert.ok(!shown.includes(character), `U+${character.codePointAt(0)!.toString(16)} stands in the page`);
        }
        const isolated = await page
          .locator('.token')
          .evaluateAll((all) => all.every((each) => getComputedStyle(each).unicodeBidi === 'isolate'));
        assert.ok(isolated);
        await assertAccessible(page);
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
      });
    });
  }

  it('are cut where they are long, and whole on demand', async () => {
    await browser.visit(`${server.url}#/feature/0`, 'light', async ({ page }) => {
      const token = page.locator('.example').nth(2).locator('.at').first();
      assert.equal((await token.locator('.token').textContent())!.length, 60);
      await page.locator('.example').nth(2).getByRole('button', { name: 'More context' }).click();
      await token.getByRole('button', { name: '…show all 10000' }).click();
      assert.equal(await token.locator('.token').textContent(), long);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
    });
  });

  it('run from right to left where most of them do', async () => {
    await browser.visit(`${server.url}#/feature/0`, 'light', async ({ page }) => {
      const last = page.locator('.example').nth(3);
      await last.waitFor();
      assert.equal(await last.locator('.text').getAttribute('dir'), 'rtl');
      const boxes = await last.locator('.at').evaluateAll((all) => all.map((each) => each.getBoundingClientRect().x));
      assert.ok(boxes[0]! > boxes[2]!, 'the first token stands to the right of the third');
    });
  });
});

function hostilePage(): FeaturePage {
  const examples = [
    exampleOf([...hostile, ...marked.map(([text]) => text), ...emoji], 0, 9),
    exampleOf(proper, 100, 8),
    exampleOf([long, ' end'], 200, 7),
    exampleOf([' السلام', ' عليكم', ' ورحمة'], 300, 6),
    ...Array.from({ length: 20 }, (_, n) => exampleOf([`filler ${n}`], 400 + n, 1)),
  ];
  const effects = [...hostile, long].map((token, id) => ({ id, token, value: 1 }));
  const histogram = { edges: [1, 2, 16], counts: [4, 20] };
  return {
    format: pageFormat,
    feature: 0,
    label: '<script>document.title = "taken"</script>\u202e\0label',
    state: 'alive',
    reason: null,
    tokens: 8192,
    firing: 24,
    excludedFiring: 0,
    density: 24 / 8192,
    max: 9,
    mean: 2,
    histogram,
    topTokens: [
      { id: 0, token: hostile[0]!, share: 0.5 },
      { id: 1, token: long, share: 0.25 },
      { id: 2, token: '\u202e\0', share: 0.25 },
    ],
    logits: { top: effects, bottom: effects, histogram },
    neighbours: [],
    groups: [
      { name: 'top', examples },
      { name: 'random', examples: [] },
    ],
  };
}

function exampleOf(tokens: readonly string[], row: number, activation: number): FeatureExample {
  return {
    row,
    context: 0,
    position: row,
    document: 0,
    activation,
    focus: 0,
    ids: tokens.map((_, n) => n),
    tokens,
    values: tokens.map((_, n) => (n === 0 ? activation : n === 1 ? null : 0)),
  };
}
