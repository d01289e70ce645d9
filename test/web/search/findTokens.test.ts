/** Search of tokens by text: the likest first. */
import assert from 'node:assert/strict';
import { folded } from '../../../web/src/overview/matches.js';
import { findTokens } from '../../../web/src/search/findTokens.js';

describe('tokens by their text', () => {
  const texts = [
    '',
    'other',
    ' the',
    'The',
    'the',
    ' theory',
    'bathe',
    '\n',
    '\n\n',
    ' ',
    '  ',
    '·',
    'Ａ',
    '\\x9f',
    'ÄRA',
  ];
  const find = (wanted: string): { found: string[]; alike: number } => {
    const { ids, alike } = findTokens(wanted, { texts, compared: texts.map(folded) }, folded);
    return { found: ids.map((id) => texts[id]!), alike };
  };

  it('are those of the same text, then of other case and spaces, then those that contain it', () => {
    assert.deepEqual(find('the'), { found: ['the', 'The', ' the', ' theory', 'other', 'bathe'], alike: 3 });
    assert.deepEqual(find(' the').found.slice(0, 3), [' the', 'The', 'the']);
    assert.deepEqual(find('ära'), { found: ['ÄRA'], alike: 1 });
    assert.deepEqual(find('nothing'), { found: [], alike: 0 });
  });

  it('are found by the marks under which they are shown', () => {
    assert.deepEqual(find('↵').found, ['\n', ' ', '\n\n', '  ']);
    assert.deepEqual(find('\\n\\n').found[0], '\n\n');
    assert.deepEqual(find('·the').found[0], ' the');
    assert.deepEqual(find('·').found.slice(0, 2), [' ', '·']);
    assert.deepEqual(find('\\x9f').found, ['\\x9f']);
  });
});
