import assert from 'node:assert/strict';
import type { FeatureExample } from '../../../src/pages/page.js';
import { directionOf, tokensAround, windowTokens } from '../../../web/src/examples/windowTokens.js';

const example: FeatureExample = {
  row: 102,
  context: 1,
  position: 6,
  document: 3,
  activation: 5,
  focus: 2,
  ids: [10, 11, 12, 13],
  tokens: ['a', 'b', 'c', 'd'],
  values: [0, null, 5, 1],
};

/** Rows of the stream; documents begin at some, contexts at others. */
function stream(from: number, to: number, documents: readonly number[], contexts: readonly number[] = []) {
  return Array.from({ length: to - from }, (_, n) => ({
    row: from + n,
    id: n,
    startsContext: contexts.includes(from + n),
    startsDocument: documents.includes(from + n),
    excluded: from + n === 101,
  }));
}

describe('the tokens of an example', () => {
  it('are those of its window, each with its row', () => {
    const shown = windowTokens(example);
    assert.deepEqual(
      shown.map(({ row }) => row),
      [100, 101, 102, 103],
    );
    assert.deepEqual(
      shown.map(({ value }) => value),
      [0, null, 5, 1],
    );
    assert.ok(shown.every(({ elsewhere, begins }) => !elsewhere && begins === undefined));
  });

  it('know their documents by the stream: what begins where, and what is not of the focus token’s', () => {
    const before = tokensAround(example, stream(100, 104, [101]));
    assert.deepEqual(
      before.map(({ elsewhere }) => elsewhere),
      [true, false, false, false],
    );
    assert.equal(before[1]!.begins, 'document');
    const at = tokensAround(example, stream(100, 104, [102]));
    assert.deepEqual(
      at.map(({ elsewhere }) => elsewhere),
      [true, true, false, false],
    );
    const behind = tokensAround(example, stream(100, 104, [103]));
    assert.deepEqual(
      behind.map(({ elsewhere }) => elsewhere),
      [false, false, false, true],
    );
    const first = tokensAround(example, stream(100, 104, [100]));
    assert.ok(first.every(({ elsewhere, begins }) => !elsewhere && begins === undefined));
  });

  it('reach beyond the window, without activations there', () => {
    const shown = tokensAround(example, stream(97, 106, [98], [99, 104]), [...'123456789']);
    assert.deepEqual(
      shown.map(({ value }) => value),
      [undefined, undefined, undefined, 0, null, 5, 1, undefined, undefined],
    );
    assert.deepEqual(
      shown.map(({ begins }) => begins),
      [undefined, 'document', 'context', undefined, undefined, undefined, undefined, 'context', undefined],
    );
    assert.deepEqual(
      shown.map(({ elsewhere }) => elsewhere),
      [true, true, false, false, false, false, false, true, true],
    );
  });

  it('follow each other in the direction of most letters', () => {
    const direction = (...texts: string[]): string =>
      directionOf(texts.map((text) => ({ row: 0, id: 0, text, value: 0, elsewhere: false })));
    assert.equal(direction('the', ' cat'), 'ltr');
    assert.equal(direction('שלום', ' ok'), 'rtl');
    assert.equal(direction('123', '…'), 'ltr');
    assert.equal(direction('العربية', ' = Arabic language'), 'ltr');
  });
});
