import assert from 'node:assert/strict';
import fc from 'fast-check';
import { cut, visiblePieces, visibleText } from '../../../web/src/text/visibleText.js';

describe('the text of a token as it is shown', () => {
  it('marks what could not be seen, and leaves the rest', () => {
    assert.deepEqual(visiblePieces('a\nb', { blanks: false }), [
      { text: 'a', mark: false },
      { text: '↵', mark: true },
      { text: 'b', mark: false },
    ]);
    assert.equal(visibleText('\0\u202e\u200b\t\r'), '\\u{0}\\u{202e}\\u{200b}⇥\\u{d}');
    assert.equal(visibleText('\u{e0001}\u{10ffff}\ud800'), '\\u{e0001}\\u{10ffff}\\u{d800}');
  });

  it('marks blanks on demand only', () => {
    assert.equal(visibleText(' a\u00a0b\u3000'), ' a\u00a0b\u3000');
    assert.equal(visibleText(' a\u00a0b\u3000', { blanks: true }), '·a⍽b⍽');
  });

  it('keeps joiners, selectors and tags where a writing system or an emoji needs them, and nowhere else', () => {
    for (const text of ['👩‍👩‍👧', '🏳️‍🌈', '👍🏽', '1️⃣', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'می‌خواهم', 'क्‍ष', '葛\u{e0100}']) {
      assert.equal(visibleText(text), text);
    }
    assert.equal(visibleText('a\u200db'), 'a\\u{200d}b');
    assert.equal(visibleText('x\ufe0f'), 'x\\u{fe0f}');
    assert.equal(visibleText('a\u{e0100}'), 'a\\u{e0100}');
    assert.equal(visibleText('🏴\u{e0061}'), '🏴\\u{e0061}');
    assert.equal(visibleText('م\u200c\u200c'), 'م\u200c\\u{200c}');
  });

  it('shows no control, and loses nothing that can be seen', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = visibleText(text);
        assert.doesNotMatch(shown, /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
        const seen = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}\p{DI}\u2800]/gu, '');
        for (const character of seen) assert.ok(shown.includes(character));
      }),
    );
  });

  it('cuts between characters and counts what is left', () => {
    assert.deepEqual(cut('abc', 3), { shown: 'abc', left: 0 });
    assert.deepEqual(cut('😀😀😀', 2), { shown: '😀😀', left: 1 });
    assert.deepEqual(cut('x'.repeat(10_000), 60), { shown: 'x'.repeat(60), left: 9940 });
  });
});
