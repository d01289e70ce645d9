/** CSV of the feature table: readable by RFC 4180, and no cell is a formula. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseCsv as parse } from '../support/tableReading.js';
import { csvRecord } from '../../../web/src/overview/csv.js';

describe('CSV', () => {
  it('quotes what needs it', () => {
    assert.equal(
      csvRecord([1, 0.5, null, 'plain', 'a,b', 'say "no"', ' the']),
      '1,0.5,,plain,"a,b","say ""no"""," the"\r\n',
    );
    assert.equal(csvRecord(['line\nbreak', '\0']), '"line\nbreak",\\u{0}\r\n');
  });

  it('makes formulas text', () => {
    for (const formula of ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '  =1', '\r=1', '＝1']) {
      const [[cell]] = parse(csvRecord([formula])) as [[string]];
      assert.equal(cell, `'${formula}`);
    }
    assert.equal(csvRecord(['a;=cmd']), `"a;'=cmd"\r\n`);
    assert.equal(csvRecord([-1.5]), '-1.5\r\n');
    assert.equal(csvRecord(['a-b = c']), 'a-b = c\r\n');
  });

  it('gives back every text, apart from apostrophes before formulas', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 3 })), (records) => {
        const csv = records.map((cells) => csvRecord(cells)).join('');
        const plain = (text: string): string => text.replaceAll("'", '').replaceAll('\0', '\\u{0}');
        assert.deepEqual(
          parse(csv).map((cells) => cells.map(plain)),
          records.map((cells) => cells.map(plain)),
        );
        for (const cell of parse(csv).flat()) assert.doesNotMatch(cell, /^\s*[=+\-@]/);
      }),
      { seed: 1 },
    );
  });
});
