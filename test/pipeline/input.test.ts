import assert from 'node:assert/strict';
import { describeStart } from '../../src/cli/start.js';
import { InvalidInput, OutputOverlapsInput } from '../../src/errors.js';
import { parsePipelineInput } from '../../src/pipeline/input.js';

const dump = 's3://bucket/dump';
const shuffle = { output: 's3://bucket/shuffled', seed: 'a' };
const visualize = { sae: 's3://bucket/sae', tokenizer: 's3://bucket/tokenizer.json', output: 's3://bucket/features' };

describe('input of a pipeline', () => {
  it('takes the inputs of its parts without what the dump gives', () => {
    const parsed = parsePipelineInput({
      dump: `${dump}/`,
      shuffle,
      visualize,
      waitFor: { object: `${dump}/_SUCCESS` },
    });
    assert.equal(parsed.dump, dump);
    assert.deepEqual(parsed.waitFor, { object: `${dump}/_SUCCESS`, hours: 24 });
    assert.equal(parsed.shuffle?.memory, 1024 ** 3);
    assert.equal(parsed.visualize?.seed, 'riffle');
  });

  const refused: [string, object, RegExp][] = [
    ['no part', { dump }, /shuffle is missing: say what to do with the dump/],
    ['no dump', { shuffle }, /dump is missing: expected s3:/],
    ['an unknown field', { dump, shuffle, shuffel: {} }, /no field "shuffel"/],
    ['an unknown field of a part', { dump, shuffle: { ...shuffle, rows: 1 } }, /shuffle has no field "rows"/],
    ['a bad field of a part', { dump, shuffle: { ...shuffle, memory: 'much' } }, /shuffle\.memory is "much"/],
    ['the input of a shuffle', { dump, shuffle: { ...shuffle, input: dump } }, /shuffle\.input is .*it is the dump/],
    ['aligned datasets', { dump, shuffle: { ...shuffle, aligned: [] } }, /shuffle\.aligned is .*one dump/],
    ['activations', { dump, visualize: { ...visualize, activations: dump } }, /visualize\.activations is .*the dump/],
    ['raw without a length', { dump, shuffle, encoding: 'raw' }, /recordBytes is missing: encoding "raw" needs it/],
    ['a length without raw', { dump, shuffle, recordBytes: 8 }, /recordBytes is 8: it is for encoding "raw" only/],
    [
      'an endless wait',
      { dump, shuffle, waitFor: { object: dump, hours: 721 } },
      /waitFor\.hours is 721: expected a number/,
    ],
    ['a marker that is no object', { dump, shuffle, waitFor: { object: 'x' } }, /waitFor\.object is "x"/],
    [
      'one output in the other',
      { dump, shuffle, visualize: { ...visualize, output: `${shuffle.output}/pages` } },
      /visualize\.output is .*one lies inside the other/,
    ],
    [
      'parallelism of one part only',
      { dump, shuffle: { ...shuffle, parallelism: 2 }, visualize },
      /visualize\.parallelism is missing: state it for both/,
    ],
  ];
  for (const [name, input, message] of refused) {
    it(`refuses ${name}, naming the field`, () => {
      assert.throws(
        () => parsePipelineInput(input),
        (error) => error instanceof InvalidInput && message.test(error.message) && !/undefined/.test(error.message),
      );
    });
  }

  it('refuses an output inside the dump', () => {
    const inside = { dump, shuffle: { ...shuffle, output: `${dump}/shuffled` } };
    assert.throws(() => parsePipelineInput(inside), OutputOverlapsInput);
  });

  it('the id of a start follows from everything but resources', () => {
    const idOf = (input: object): string => describeStart('pipeline', input).workflowId;
    const id = idOf({ dump, shuffle, visualize });
    assert.match(id, /^pipeline-[0-9a-f]{16}$/);
    const resources = { memory: '2GiB', parallelism: 3, onFailure: 'wait' };
    const same = {
      dump: `${dump}/`,
      waitFor: { object: dump },
      shuffle: { ...shuffle, ...resources, minSegment: 1, replan: true, keepIntermediates: true },
      visualize: { ...visualize, ...resources, tokenShards: 2, featureBlocks: 2 },
    };
    assert.equal(idOf(same), id);
    for (const other of [
      { dump: `${dump}2`, shuffle, visualize },
      { dump, shuffle },
      { dump, shuffle: { ...shuffle, seed: 'b' }, visualize },
      { dump, shuffle, visualize: { ...visualize, logits: 3 } },
    ]) {
      assert.notEqual(idOf(other), id);
    }
  });
});
