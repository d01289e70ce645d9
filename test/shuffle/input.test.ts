/**
 * The forms that the input of a shuffle may have, what is refused of them, and which inputs are one workflow. The same
 * by commands and workflows: test/badInput.
 */
import assert from 'node:assert/strict';
import { describeStart } from '../../src/cli/start.js';
import { InvalidInput } from '../../src/errors.js';
import { parsePlanInput, parseShuffleInput } from '../../src/shuffle/input.js';

const good = { input: 's3://riffle/in', output: 's3://riffle/out', seed: 'tests' };
const pair = { input: 's3://riffle/in', output: 's3://riffle/out' };
const other = { input: 's3://riffle/in2', output: 's3://riffle/out2' };

/** Checks that an input is refused, for this field and with these words. */
function refuses(input: object, field: string, says: RegExp): void {
  for (const parse of [parseShuffleInput, parsePlanInput]) {
    // Only a plan may leave these out.
    if (parse === parsePlanInput && says.source.includes('missing')) continue;
    assert.throws(
      () => parse(input),
      (error) => {
        assert.ok(error instanceof InvalidInput);
        assert.deepEqual(error.fields, { fields: [field] }, error.message);
        assert.match(error.message, says);
        return true;
      },
    );
  }
}

describe('the input of a shuffle', () => {
  it('may be a list, of which none is there twice', () => {
    const input = ['s3://riffle/a/', 's3://riffle/b'];
    assert.deepEqual(parseShuffleInput({ ...good, input }).input, ['s3://riffle/a', 's3://riffle/b']);
    assert.equal(parseShuffleInput({ ...good, input: ['s3://riffle/a/'] }).input, 's3://riffle/a');
    const twice = { ...good, input: [...input, 's3://riffle/a'] };
    assert.throws(
      () => parseShuffleInput(twice),
      /input\.2 is "s3:\/\/riffle\/a": item 0 of the list is the same dataset/,
    );
    assert.throws(
      () => parseShuffleInput({ ...good, input: ['s3://riffle/a', '/b'] }),
      /input\.1 is "\/b": "\/b" is not an S3 URI: write s3:/,
    );
  });

  it('may be split', () => {
    assert.deepEqual(parseShuffleInput({ ...good, split: { heldOut: 0.01 } }).split, { heldOut: 0.01 });
    for (const heldOut of [0, 1, -0.1, '1%', null]) {
      const says = new RegExp(`split\\.heldOut is ${JSON.stringify(heldOut)}: expected a number between 0 and 1`);
      refuses({ ...good, split: { heldOut } }, 'split.heldOut', says);
    }
    refuses({ ...good, split: { heldOut: 0.1, test: 0.1 } }, 'split.test', /split has no field "test"/);
    refuses({ ...good, split: 0.1 }, 'split', /split is 0\.1: expected \{"heldOut": …\}/);
  });

  it('may be aligned datasets, each with an output of its own', () => {
    const { aligned } = parseShuffleInput({ seed: 'tests', aligned: [pair, { ...other, output: `${other.output}/` }] });
    assert.deepEqual(aligned, [pair, other]);
    for (const [members, field, says] of [
      [null, 'aligned', /aligned is null: expected a list of \{"input": …, "output": …\}/],
      [[], 'aligned', /aligned is \[\]: expected a list of/],
      [['s3://riffle/in'], 'aligned.0', /aligned\.0 is "s3:\/\/riffle\/in": expected a list of/],
      [[pair, { ...other, seed: 'x' }], 'aligned.1.seed', /aligned\.1 has no field "seed"/],
      [[pair, { input: other.input }], 'aligned.1.output', /aligned\.1\.output is missing: expected s3:/],
      [[pair, { ...other, output: `${pair.output}/` }], 'aligned.1.output', /that of aligned\.0, or one lies inside/],
      [[pair, other, { ...pair, output: 's3://riffle/out2/b' }], 'aligned.2.output', /that of aligned\.1, or one/],
      [[other, { ...pair, output: 's3://riffle' }], 'aligned.1.output', /that of aligned\.0, or one lies inside/],
    ] as const) {
      refuses({ seed: 'tests', aligned: members }, field, says);
    }
    refuses({ seed: 'tests', aligned: [pair], input: pair.input }, 'input', /use either input and output, or aligned/);
  });

  it('of a plan may leave outputs out, and give sizes', () => {
    const size = { rows: 5, recordBytes: 8 };
    assert.deepEqual(parsePlanInput({ aligned: [{ input: size }, { input: pair.input }] }).aligned, [
      { input: size },
      { input: pair.input },
    ]);
  });
});

describe('the workflow id', () => {
  const idOf = (input: object): string => describeStart('shuffle', input).workflowId;

  it('is as it was before there were lists', () => {
    assert.equal(idOf({ input: 's3://riffle/a', output: 's3://riffle/b', seed: 'x' }), 'shuffle-45116e03a8908065');
  });

  it('follows from all that decides the output, and from nothing else', () => {
    const aligned = { seed: 'tests', aligned: [pair, other] };
    assert.equal(idOf({ ...good, input: [good.input] }), idOf(good));
    assert.equal(idOf({ ...aligned, memory: '4KiB', parallelism: 3, keepIntermediates: true }), idOf(aligned));
    const different = [
      good,
      { ...good, input: ['s3://riffle/in', 's3://riffle/in2'] },
      { ...good, input: ['s3://riffle/in2', 's3://riffle/in'] },
      { ...good, split: { heldOut: 0.1 } },
      { ...good, split: { heldOut: 0.2 } },
      aligned,
      { ...aligned, aligned: [other, pair] },
      { ...aligned, aligned: [pair] },
      { ...aligned, split: { heldOut: 0.1 } },
    ].map(idOf);
    assert.equal(new Set(different).size, different.length);
  });
});
