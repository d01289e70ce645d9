// Sources of `visualize` that do not fit or are damaged: a clear error by `riffle start`, and nothing written but the plan.
import assert from 'node:assert/strict';
import { describe as describeDataset } from '../../src/formats/describe.js';
import { writeDataset } from '../../src/formats/writeDataset.js';
import { formatPrefix, type Prefix } from '../../src/storage/uri.js';
import type { CutCase } from '../features/oracle/cases.js';
import { objectsBelow } from '../support/makeDataset.js';
import { makeDump, type MadeColumn } from '../support/makeDump.js';
import { assertFailed, runRiffle, startAndWait, successOf } from '../support/riffleCli.js';
import { tensor, tensorsFile, uploadSae } from '../support/saeFiles.js';
import { sharedStack, stackTimeout } from '../support/stack.js';
import { openTestBucket, type TestBucket } from '../support/testBucket.js';
import { uploadCase } from '../support/visualizeCases.js';

const rows = 12;
const width = 4;

/** Four features, each the sum of a row and a bias; three contexts of four tokens. */
const small: CutCase = {
  dataset: {
    activations: Array.from({ length: rows }, (_, row) => [row % 3, 1, 0, row % 2]),
    tokens: Array.from({ length: rows }, (_, row) => row % 5),
    context: Array.from({ length: rows }, (_, row) => Math.floor(row / 4)),
    position: Array.from({ length: rows }, (_, row) => row % 4),
  },
  sae: {
    architecture: 'standard',
    encoder: Array.from({ length: width }, () => [1, 1, 1, 1]),
    decoder: Array.from({ length: 4 }, (_, feature) => [1, feature, 0, 0]),
    bias: [0, -1, -2, -3],
  },
  tokenizer: { bytesOf: () => new Uint8Array(0), special: [0] },
  unembedding: { weights: Array.from({ length: width }, () => [1, 2, 3]), tokenIds: [1, 2, 3] },
  settings: {},
  activationShards: [rows],
  tokenShards: [5, 7],
};

describe('bad sources of visualize', function () {
  this.timeout(stackTimeout);
  let bucket: TestBucket;
  let input: Record<string, unknown>;

  before(async () => {
    await sharedStack();
    bucket = await openTestBucket();
    input = await uploadCase(bucket, small);
  });
  after(() => {
    bucket.store.close();
  });

  /** The run is refused, or fails; nothing stands at the output but what riffle keeps for itself. */
  async function fails(change: object, exitCode: 1 | 2, code: string, ...says: RegExp[]): Promise<void> {
    const output = bucket.newPlace();
    const run = await startAndWait('visualize', { ...input, ...change, output: formatPrefix(output) });
    const tasks = code.startsWith('Tasks:');
    assertFailed(run, exitCode, tasks ? 'TasksFailed' : code, ...says);
    if (tasks) assert.match(run.stdout, new RegExp(`"code": ?"${code.slice('Tasks:'.length)}"`));
    const left = (await bucket.keys(output)).filter((key) => !key.startsWith('_riffle/'));
    assert.deepEqual(left, [], 'something that looks like a result was left');
    if (exitCode === 2) assert.deepEqual(await bucket.keys(output), []);
  }

  async function put(name: string, data: Uint8Array | string): Promise<string> {
    const place = bucket.newPlace();
    await bucket.store.put({ bucket: place.bucket, key: place.prefix + name }, [Buffer.from(data)]);
    return `s3://${place.bucket}/${place.prefix}${name}`;
  }

  /** Activations or tokens with other values. */
  async function dump(columns: MadeColumn[], cuts: number[] = [rows]): Promise<string> {
    const { place } = await makeDump(bucket, columns, cuts);
    await writeDataset(bucket.store, place, (await describeDataset(bucket.store, place)).dataset);
    return formatPrefix(place);
  }
  const bits = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0]!;
  const floats = (value: (i: number) => number, shape = [width]): MadeColumn => ({
    name: 'activations',
    dtype: 'F32',
    shape,
    value: (i) => bits(value(i)),
  });
  const integers = (name: string, value: (i: number) => number): MadeColumn => ({
    name,
    dtype: 'I32',
    shape: [],
    value,
  });
  const inOrder = [
    integers('tokens', (row) => row % 5),
    integers('context', (row) => Math.floor(row / 4)),
    integers('position', (row) => row % 4),
  ];

  it('the small run itself succeeds', async () => {
    const output = formatPrefix(bucket.newPlace());
    assert.equal(successOf(await startAndWait('visualize', { ...input, output })).features, 4);
    const page = await runRiffle(['feature', output, '0', '--json']);
    assert.equal(successOf(page).feature, 0);
  });

  it('an SAE of another width', async () => {
    const objects = {
      'cfg.json': JSON.stringify({ architecture: 'standard', d_in: 3, d_sae: 2, dtype: 'float32' }),
      'sae_weights.safetensors': tensorsFile({
        W_enc: tensor([3, 2], () => 1),
        W_dec: tensor([2, 3], () => 1),
        b_enc: tensor([2], () => 0),
        b_dec: tensor([3], () => 0),
      }),
    };
    const { uri } = await uploadSae(bucket, objects);
    await fails({ sae: uri }, 2, 'ColumnUnusable', /the SAE takes activations of \[3\]/);
  });

  it('NaN in the weights', async () => {
    const objects = {
      'cfg.json': JSON.stringify({ architecture: 'standard', d_in: width, d_sae: 2, dtype: 'float32' }),
      'sae_weights.safetensors': tensorsFile({
        W_enc: tensor([width, 2], (i) => (i === 3 ? NaN : 1)),
        W_dec: tensor([2, width], () => 1),
        b_enc: tensor([2], () => 0),
        b_dec: tensor([width], () => 0),
      }),
    };
    const { uri } = await uploadSae(bucket, objects);
    await fails({ sae: uri }, 1, 'Tasks:SaeInvalid', /"W_enc" holds NaN/);
  });

  it('no SAE, no tokenizer, an unembedding of another width', async () => {
    await fails({ sae: formatPrefix(bucket.newPlace()) }, 2, 'SaeMissing');
    await fails(
      { tokenizer: 's3://riffle/nowhere/tokenizer.json' },
      2,
      'ObjectMissing',
      /tokenizer\.json does not exist/,
    );
    const unembedding = await put('u.safetensors', tensorsFile({ W_U: tensor([3, 2], () => 1) }));
    await fails({ unembedding }, 2, 'UnembeddingInvalid', /shape \[3, 2\], not \[4, 2\]/);
  });

  it('an unembedding of tokens that the tokenizer does not know', async () => {
    const ids = { dtype: 'I32', shape: [2], data: new Uint8Array(Int32Array.of(900, 901).buffer) };
    const unembedding = await put('u.safetensors', tensorsFile({ W_U: tensor([width, 2], () => 1), token_ids: ids }));
    await fails({ unembedding }, 2, 'UnembeddingInvalid', /None of the 2 columns/);
  });

  it('an unembedding that holds NaN: found before anything is encoded', async () => {
    const ids = { dtype: 'I32', shape: [2], data: new Uint8Array(Int32Array.of(1, 2).buffer) };
    const W_U = tensor([width, 2], (i) => (i === 5 ? NaN : 1));
    const output = bucket.newPlace();
    const unembedding = await put('u.safetensors', tensorsFile({ W_U, token_ids: ids }));
    const run = await startAndWait('visualize', { ...input, unembedding, output: formatPrefix(output) });
    assertFailed(run, 1, 'TasksFailed', /u\.safetensors .*"W_U" holds NaN .* at \[2, 1\]/s);
    const passes = (await bucket.keys(output)).map((key) => /\/pass-(\d)/.exec(key)?.[1] ?? 'plan');
    assert.deepEqual([...new Set(passes)].sort(), ['1', 'plan']);
  });

  it('an unembedding of another vocabulary', async () => {
    const unembedding = await put('u.safetensors', tensorsFile({ W_U: tensor([width, 3], () => 1) }));
    await fails({ unembedding }, 2, 'UnembeddingInvalid', /3 columns and no token_ids, .* 9 tokens beyond them/s);
  });

  it('columns of an unembedding that belong to no token are counted and left out', async () => {
    const ids = { dtype: 'I32', shape: [3], data: new Uint8Array(Int32Array.of(1, 900, 2).buffer) };
    const unembedding = await put('u.safetensors', tensorsFile({ W_U: tensor([width, 3], (i) => i), token_ids: ids }));
    const output = formatPrefix(bucket.newPlace());
    const { warnings } = successOf(await startAndWait('visualize', { ...input, unembedding, output }));
    assert.match(String(warnings), /^1 of 3 columns of the unembedding belong to no token and are left out\./);
  });

  it('an SAE whose header lies', async () => {
    const weights = tensorsFile({
      W_enc: tensor([width, 2], () => 1),
      W_dec: tensor([2, width], () => 1),
      b_enc: tensor([2], () => 0),
      b_dec: tensor([width], () => 0),
    });
    const config = JSON.stringify({ architecture: 'standard', d_in: width, d_sae: 2, dtype: 'float32' });
    const huge = Buffer.from(weights);
    huge.writeBigUInt64LE(2n ** 40n);
    for (const lie of [huge, weights.subarray(0, -8)]) {
      const { uri } = await uploadSae(bucket, { 'cfg.json': config, 'sae_weights.safetensors': lie });
      await fails({ sae: uri }, 2, 'SaeInvalid', /sae_weights\.safetensors cannot be used/);
    }
  });

  it('the output prefix of a shuffle', async () => {
    const output = bucket.newPlace();
    successOf(await startAndWait('shuffle', { input: input.activations, output: formatPrefix(output), seed: 'x' }));
    const before = await objectsBelow(bucket, output);
    const run = await startAndWait('visualize', { ...input, output: formatPrefix(output) });
    assertFailed(run, 2, 'PlanDamaged', /another output prefix/);
    assert.deepEqual(await objectsBelow(bucket, output), before);
  });

  it('activations that are not finite: the rows are named; excluded, they count for nothing', async () => {
    const activations = await dump([floats((i) => (i === 9 ? NaN : i === 30 ? Infinity : 1))]);
    // All of the dump, in whatever token shards the rows lie.
    const message = new RegExp(`2 of the 12 rows of ${activations} hold .*: 2, 7\\.`, 's');
    await fails({ activations, tokenShards: 3, featureBlocks: 2 }, 1, 'Tasks:RowsNotFinite', message);
    const all = await dump([floats(() => Infinity)]);
    await fails(
      { activations: all, tokenShards: 5 },
      1,
      'Tasks:RowsNotFinite',
      /12 of the 12 rows .*: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 …/s,
    );
    const output = formatPrefix(bucket.newPlace());
    const change = { activations, nonFinite: 'exclude', output };
    assert.equal(successOf(await startAndWait('visualize', { ...input, ...change })).tokens, rows - 2);
  });

  it('rows that are not in reading order', async () => {
    const tokens = await dump([inOrder[0]!, inOrder[1]!, integers('position', (row) => (row === 6 ? 0 : row % 4))]);
    // Row 6 is the first of its token shard.
    await fails({ tokens, tokenShards: 2 }, 1, 'Tasks:NotInReadingOrder', /Row 6 .* not in reading order/s);
  });

  it('contexts whose numbers cannot tell examples apart, and token ids that are none', async () => {
    const negative = integers('context', (row) => Math.floor(row / 4) - 1);
    const contexts = await dump([inOrder[0]!, negative, inOrder[2]!]);
    await fails({ tokens: contexts }, 1, 'Tasks:ValueUnusable', /Row 0 .* has context -1, .* examples\.distinct/s);
    const ids = await dump([integers('tokens', (row) => (row === 3 ? -2 : 1)), inOrder[1]!, inOrder[2]!]);
    await fails({ tokens: ids }, 1, 'Tasks:ValueUnusable', /Row 3 .* has -2 in column "tokens"/s);
  });

  it('a token that the tokenizer does not know', async () => {
    const tokens = await dump([integers('tokens', (row) => (row === 8 ? 5000 : 1)), inOrder[1]!, inOrder[2]!]);
    await fails({ tokens }, 1, 'Tasks:TokenUnknown', /Row 8 .* token id 5000/s);
  });

  it('missing columns, other numbers of rows', async () => {
    await fails({ tokens: await dump([inOrder[1]!]) }, 2, 'ColumnUnusable', /no column "tokens"/);
    await fails({ columns: { document: 'doc' } }, 2, 'ColumnUnusable', /no column "doc"/);
    await fails({ tokens: await dump(inOrder, [rows - 1]) }, 2, 'DatasetsDiffer', /12 activations .* 11 tokens/s);
  });

  it('settings that the data cannot fulfil', async () => {
    await fails({ examples: { distinct: 'document' } }, 2, 'InvalidInput', /distinct is "document"/);
    await fails({ features: '0-9' }, 2, 'InvalidInput', /has 4 features, from 0 to 3/);
    const tokens = await dump([inOrder[0]!]);
    await fails({ tokens, exclude: { positions: [0] } }, 2, 'InvalidInput', /exclude\.positions needs positions/);
    await fails({ memory: '1MiB' }, 2, 'MemoryTooSmall', /needs at least/);
  });

  it('exclusions that leave nothing', async () => {
    await fails({ exclude: { tokens: [0, 1, 2, 3, 4] } }, 1, 'Tasks:NothingCounted', /All 12 tokens/);
  });

  it('labels that are none', async () => {
    const labels = await put('labels.jsonl', '{"feature": 1, "label": "x"}\n{"feature": 77, "label": "y"}\n');
    await fails({ labels }, 2, 'LabelsInvalid', /Line 2 .* no feature below 4/s);
  });

  it('an output prefix of somebody else', async () => {
    const output: Prefix = bucket.newPlace();
    await bucket.store.put({ bucket: output.bucket, key: `${output.prefix}mine.txt` }, [Buffer.from('x')]);
    const run = await startAndWait('visualize', { ...input, output: formatPrefix(output) });
    assertFailed(run, 2, 'OutputForeign', /"mine\.txt"/);
    assert.deepEqual(await bucket.keys(output), ['mine.txt']);
  });

  it('unknown fields, wrong values', async () => {
    const output = formatPrefix(bucket.newPlace());
    const refuse = async (change: object, ...says: RegExp[]): Promise<void> => {
      const run = await startAndWait('visualize', { ...input, output, ...change });
      assertFailed(run, 2, 'InvalidInput', /^The visualize input is not valid: /, ...says);
    };
    await refuse({ topk: 3 }, /no field "topk"/);
    await refuse({ window: { befor: 3 } }, /window has no field "befor"/);
    await refuse({ examples: { top: 0 } }, /examples\.top is 0: expected a whole number from 1/);
    await refuse({ examples: { intervals: 'deciles' } }, /examples\.intervals is "deciles"/);
    await refuse({ features: '5-2' }, /features is "5-2"/);
    await refuse({ nonFinite: 'zero' }, /nonFinite is "zero": expected "error" or "exclude"/);
    await refuse({ exclude: { normAbove: -1 } }, /exclude\.normAbove is -1/);
    await refuse({ sae: '/tmp/sae' }, /sae is "\/tmp\/sae"/);
    await refuse({ tokenizer: undefined }, /tokenizer is missing/);
  });
});
