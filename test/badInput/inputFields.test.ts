// Fields of the JSON inputs that no dataset is needed to refuse: by `riffle start` and `riffle plan` before they reach a
// server, by the workflows themselves when the plain Temporal CLI starts them.
import assert from 'node:assert/strict';
import { assertFailed, runRiffle, runTemporal } from '../support/riffleCli.js';
import { sharedStack, stackTimeout } from '../support/stack.js';

const good = { input: 's3://riffle/in', output: 's3://riffle/out', seed: 'tests' };

const size = /expected a number of bytes, or a size such as "512MiB" \(KiB, MiB, GiB\)/;

/** A change of the good input, and what the refusal must name: the field, its value, what is allowed. */
const faults: [object, ...RegExp[]][] = [
  [{ memroy: '1GiB' }, /no field "memroy"/, /its fields are input, output, seed, memory, blockRows/],
  [{ Seed: 'x', parallel: 3 }, /no field "Seed" and "parallel"/],
  [{ seed: '' }, /seed is "": expected a text that is not empty/],
  [{ seed: undefined }, /seed is missing: expected a text/],
  [{ seed: 7 }, /seed is 7: expected a text/],
  [{ input: undefined }, /input is missing: expected s3:\/\/bucket\/prefix/],
  [{ output: 3 }, /output is 3: expected s3:\/\/bucket\/prefix/],
  [{ output: '/tmp/out' }, /output is "\/tmp\/out": "\/tmp\/out" is not an S3 URI: write s3:\/\/bucket\/prefix/],
  [{ output: 's3://riffle/a/../b' }, /".." part/],
  [{ output: 's3://riffle//b' }, /output is "s3:\/\/riffle\/\/b"/],
  [{ output: 's3://Riffle/b' }, /"s3:\/\/Riffle\/b" is not an S3 URI/],
  [{ memory: '5XiB' }, /memory is "5XiB": /, size],
  [{ memory: -5 }, /memory is -5: /, size],
  [{ memory: '-5MiB' }, /memory is "-5MiB": /, size],
  [{ memory: 0 }, /memory is 0: /, size],
  [{ memory: true }, /memory is true: /, size],
  [{ memory: null }, /memory is null: /, size],
  [{ minSegment: 'big' }, /minSegment is "big": /, size],
  [{ blockRows: 0 }, /blockRows is 0: expected a whole number from 1/],
  [{ blockRows: 0.5 }, /blockRows is 0\.5: expected a whole number/],
  [{ blockRows: 1e300 }, /blockRows is 1e\+300: expected a whole number/],
  [{ outputShardRows: -1 }, /outputShardRows is -1: expected a whole number from 1/],
  [{ outputShardRows: '100' }, /outputShardRows is "100": expected a whole number/],
  [{ parallelism: 0 }, /parallelism is 0: expected a whole number from 1 to 100000/],
  [{ keepIntermediates: 'yes' }, /keepIntermediates is "yes": expected true or false/],
  [{ input: [] }, /input is \[\]: expected at least one dataset/],
  [
    { input: ['s3://riffle/a', 7] },
    /input is \["s3:\/\/riffle\/a",7\]: expected s3:\/\/bucket\/prefix, or a list of such/,
  ],
  [{ split: 0.01 }, /split is 0\.01: expected \{"heldOut": …\}/],
  [{ replan: 'yes' }, /replan is "yes": expected true or false/],
  [{ onFailure: 'stop' }, /onFailure is "stop": expected "fail" or "wait"/],
];

const name = (change: object): string =>
  JSON.stringify(change, (_key, value: unknown) => (value === undefined ? 'missing' : value));

describe('bad inputs', function () {
  this.timeout(stackTimeout);
  before(() => sharedStack());

  for (const [change, ...says] of faults) {
    it(name(change), async () => {
      const stdin = JSON.stringify({ ...good, ...change });
      const run = await runRiffle(['start', 'shuffle', '--input', '-', '--wait', '--json'], { stdin });
      const error = assertFailed(run, 2, 'InvalidInput', /^The shuffle input is not valid: /, ...says);
      assert.deepEqual(error.fields, Object.keys(change));
    });
  }

  it('aligned beside input and output', async () => {
    const stdin = JSON.stringify({ ...good, aligned: [{ input: good.input, output: good.output }] });
    for (const args of [
      ['start', 'shuffle', '--input', '-', '--json'],
      ['plan', '-', '--json'],
    ]) {
      const error = assertFailed(
        await runRiffle(args, { stdin }),
        2,
        'InvalidInput',
        /input is "s3:\/\/riffle\/in": use either input and output, or aligned; output is "s3:\/\/riffle\/out": use either/,
      );
      assert.deepEqual(error.fields, ['input', 'output']);
    }
  });

  it('several faults are all named', async () => {
    const stdin = JSON.stringify({ ...good, seed: '', memory: 'x', blockRows: 0 });
    const run = await runRiffle(['start', 'shuffle', '--input', '-', '--json'], { stdin });
    assertFailed(run, 2, 'InvalidInput', 'seed is "": ', 'memory is "x": ', 'blockRows is 0: ');
  });

  for (const [stdin, says] of [
    ['', /not JSON/],
    ['{"seed": NaN}', /not JSON/],
    ['{} {}', /not JSON/],
    ['[1]', /the input is \[1\]: expected object/],
    ['"text"', /the input is "text": expected object/],
    ['null', /the input is null: expected object/],
    [JSON.stringify(good).replace('}', ', "memory": 1e999}'), /memory is Infinity: expected a number of bytes/],
  ] as const) {
    it(`as input: ${stdin || 'nothing'}`, async () => {
      const run = await runRiffle(['start', 'shuffle', '--input', '-', '--json'], { stdin });
      assertFailed(run, 2, 'InvalidInput', says);
    });
  }

  it('verify has an input of its own', async () => {
    const stdin = JSON.stringify(good);
    const run = await runRiffle(['start', 'verify', '--input', '-', '--json'], { stdin });
    assertFailed(run, 2, 'InvalidInput', /^The verify input is not valid: .*no field "seed".*input, output\)/);
  });

  it('plan refuses the same, and a size that is none', async () => {
    for (const [change, says] of [
      [{ memroy: 1 }, /no field "memroy"/],
      [{ input: { rows: 5 } }, /input is \{"rows":5\}: expected s3:\/\/bucket\/prefix, or/],
      [{ input: { rows: -1, recordBytes: 4 } }, /input\.rows is -1: expected a whole number from 1/],
    ] as const) {
      const run = await runRiffle(['plan', '-', '--json'], { stdin: JSON.stringify({ ...good, ...change }) });
      assertFailed(run, 2, 'InvalidInput', /^The plan input is not valid: /, says);
    }
  });

  for (const [type, input, says] of [
    [
      'shuffle',
      '{"input":"s3://riffle/in","output":"s3://riffle/out","memroy":1}',
      /seed is missing.*no field "memroy"/s,
    ],
    ['shuffle', undefined, /The shuffle input is not valid: the input is (null|missing)/],
    ['verify', '{"input":"s3://riffle/in"}', /output is missing: expected s3:\/\/bucket\/prefix/],
  ] as const) {
    it(`by the Temporal CLI: ${type} ${input ?? 'without input'}`, async () => {
      const args = ['workflow', 'execute', '--type', type, '--task-queue', 'riffle'];
      const run = await runTemporal([...args, ...(input === undefined ? [] : ['--input', input])]);
      assert.equal(run.exitCode, 1);
      assert.match(run.stdout + run.stderr, says);
    });
  }

  it('by the Temporal CLI with JSON: the failure carries the code', async () => {
    const args = ['workflow', 'execute', '--type', 'shuffle', '--task-queue', 'riffle', '-o', 'json', '--input', '{}'];
    const run = await runTemporal(args);
    assert.equal(run.exitCode, 1);
    assert.match(run.stdout, /"type": *"InvalidInput"/);
    assert.match(run.stdout, /seed is missing/);
  });
});
