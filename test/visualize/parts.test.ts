/** Small parts of the pipeline: labels, norms, rows that are not finite. */
import assert from 'node:assert/strict';
import { LabelsInvalid } from '../../src/errors.js';
import { BrokenRows } from '../../src/visualize/brokenRows.js';
import { parseLabels } from '../../src/visualize/labels.js';
import { NormHistogram } from '../../src/visualize/norms.js';

describe('labels', () => {
  const parse = (text: string): [number, string][] => [...parseLabels(Buffer.from(text), 10, 's3://b/labels')];

  it('are lines of JSON, of which the first of a feature counts', () => {
    const lines = [
      '{"feature": 3, "label": "first", "score": 1}',
      '',
      '{"feature":3,"label":"second"}',
      ' {"feature": 9, "label": ""} ',
    ];
    assert.deepEqual(parse(lines.join('\n')), [
      [3, 'first'],
      [9, ''],
    ]);
  });

  it('that are none are refused by their line', () => {
    for (const [line, says] of [
      ['{"feature": 10, "label": "x"}', /Line 2 .* no feature below 10/],
      ['{"feature": 1.5, "label": "x"}', /Line 2 .* no feature below 10/],
      ['{"feature": 1}', /Line 2 .* no label/],
      ['null', /Line 2 .* no feature/],
      ['{', /Line 2 .* is not JSON/],
    ] as const) {
      assert.throws(
        () => parse(`{"feature": 0, "label": "good"}\n${line}`),
        (error) => {
          assert.ok(error instanceof LabelsInvalid);
          assert.match(error.message, says);
          return true;
        },
      );
    }
  });
});

describe('norms of activations', () => {
  const histogramOf = (norms: readonly number[]): NormHistogram => {
    const histogram = new NormHistogram();
    for (const norm of norms) histogram.add(norm);
    return NormHistogram.of(histogram.bytes);
  };

  it('are told of where some are more than five times the median', () => {
    const usual = [1, 1, 1, 1.05, 1, 1, 1];
    assert.equal(histogramOf([...usual, 4.9]).warning(), undefined);
    assert.match(histogramOf([...usual, 4.9, 5, 60]).warning()!, /^2 of 10 tokens .* 5 times the usual 1 \(up to 60\)/);
    const [some, others] = [histogramOf(usual), histogramOf([7, 7])];
    some.unite(others);
    assert.match(some.warning()!, /^2 of 9 /);
    assert.equal(histogramOf([]).warning(), undefined);
    assert.equal(histogramOf([0, 0, 0]).warning(), undefined);
  });
});

describe('rows that are not finite', () => {
  it('of token shards add up; the first ten are named', () => {
    const all = new BrokenRows();
    for (const [from, count] of [
      [0, 0],
      [100, 4],
      [200, 0],
      [300, 25],
      [1e12, 3],
    ] as const) {
      const shard = new BrokenRows();
      // As they come, batch after batch.
      for (let at = 0; at < count; at += 3) {
        shard.add(Array.from({ length: Math.min(3, count - at) }, (_, index) => from + at + index));
      }
      all.append(BrokenRows.of(shard.bytes));
    }
    const { message, fields } = all.error(2e12, 's3://b/dump');
    assert.deepEqual(fields, { rows: [100, 101, 102, 103, 300, 301, 302, 303, 304, 305], total: 32 });
    assert.match(message, /^32 of the 2000000000000 rows of s3:\/\/b\/dump hold .*: 100, 101, .*, 305 …\. Write/);
    assert.equal(new BrokenRows().any, false);
  });
});
