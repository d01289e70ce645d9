import assert from 'node:assert/strict';
import { InvalidInput, SaeInvalid, SaeMissing, SaeUnsupported } from '../../src/errors.js';
import { openSae } from '../../src/sae/openSae.js';
import { safetensorsHeader } from '../support/shardFiles.js';
import { readGoldens, tensor, tensorsFile, uploadSae, type TestTensor } from '../support/saeFiles.js';
import { stackTimeout } from '../support/stack.js';
import { openTestBucket, type TestBucket } from '../support/testBucket.js';

type Objects = Readonly<Record<string, Uint8Array | string>>;
type Json = Record<string, unknown>;
type Refusal = typeof SaeInvalid | typeof SaeMissing | typeof SaeUnsupported | typeof InvalidInput;

const goldens = readGoldens();

function objectsOf(name: string): Record<string, Buffer> {
  const golden = goldens.find((candidate) => candidate.name === name)!;
  return Object.fromEntries(Object.entries(golden.objects).map(([key, data]) => [key, Buffer.from(data, 'base64')]));
}

/** The objects of a golden with another configuration; `undefined` removes an option. */
function withConfig(name: string, change: Json): Objects {
  const objects = objectsOf(name);
  const key = Object.keys(objects).find((candidate) => candidate.endsWith('.json'))!;
  const config = JSON.parse(objects[key]!.toString()) as Json;
  return { ...objects, [key]: JSON.stringify({ ...config, ...change }) };
}

const small: Record<string, TestTensor> = {
  W_enc: tensor([6, 20], () => 1),
  W_dec: tensor([20, 6], () => 1),
  b_enc: tensor([20], () => 1),
  b_dec: tensor([6], () => 1),
};

/** SAELens, standard, [6, 20], with other tensors; `undefined` removes one. */
function withTensors(change: Record<string, TestTensor | undefined>): Objects {
  const tensors = Object.entries({ ...small, ...change }).filter(
    (entry): entry is [string, TestTensor] => entry[1] !== undefined,
  );
  return {
    ...objectsOf('SAELens 6 standard F32'),
    'sae_weights.safetensors': tensorsFile(Object.fromEntries(tensors)),
  };
}

const standard = 'SAELens 6 standard F32';
const topk = 'SAELens 6 topk F64';
const flat = 'SAELens 4 topk as an activation function, flat';
const transcoder = 'SAELens 6 transcoder';
const llama = 'Llama Scope';
const sparsify = 'sparsify topk';

describe('SAEs are refused', function () {
  let bucket: TestBucket;

  before(async function () {
    this.timeout(stackTimeout);
    bucket = await openTestBucket();
  });
  after(() => {
    bucket.store.close();
  });

  function refuses(
    what: string,
    objects: Objects,
    kind: Refusal,
    message: RegExp,
    { location = '', inputScale }: { location?: string; inputScale?: number } = {},
  ): void {
    it(what, async () => {
      const { uri } = await uploadSae(bucket, objects);
      await assert.rejects(openSae(bucket.store, `${uri}${location}`, { inputScale }), (error) => {
        assert.ok(error instanceof kind, String(error));
        assert.match(error.message, message);
        assert.ok(error.refusal && !error.retryable);
        return true;
      });
    });
  }

  const unsupported = (what: string, name: string, change: Json, message: RegExp): void =>
    refuses(what, withConfig(name, change), SaeUnsupported, message);
  const invalid = (what: string, name: string, change: Json, message: RegExp): void =>
    refuses(what, withConfig(name, change), SaeInvalid, message);

  describe('for what riffle does not implement, by name:', () => {
    for (const architecture of [
      'batchtopk',
      'matryoshka_batchtopk',
      'abstopk',
      'temporal',
      'matching_pursuit',
      'new',
    ]) {
      const message = new RegExp(`"architecture" is .*${architecture}.*implements standard, gated, jumprelu, topk`);
      unsupported(`architecture ${architecture}`, standard, { architecture }, message);
    }
    unsupported(
      'activation function tanh-relu',
      flat,
      { activation_fn_str: 'tanh-relu' },
      /"activation_fn_str".*tanh-relu/,
    );
    unsupported('topk of jumprelu', flat, { architecture: 'jumprelu' }, /"activation_fn_str" is .*topk/);
    unsupported('options of topk', flat, { activation_fn_kwargs: { k: 3, signed: true } }, /option "signed"/);
    unsupported(
      'options of relu',
      'SAELens 5 jumprelu, flat, of scaled activations (true)',
      { activation_fn_kwargs: { k: 3 }, normalize_activations: 'none' },
      /option "k"/,
    );
    unsupported('an option that nobody knows', standard, { shift_by: 1 }, /option "shift_by"/);
    unsupported('whitening', standard, { normalize_activations: 'covariance_whitening' }, /covariance_whitening/);
    unsupported('reshaping', standard, { reshape_activations: 'hook_q' }, /"reshape_activations" is .*hook_q/);
    unsupported('dtype', standard, { dtype: 'float8' }, /"dtype" is .*float8/);
    unsupported(
      'rescaling but of topk',
      standard,
      { rescale_acts_by_decoder_norm: true },
      /rescale_acts_by_decoder_norm/,
    );
    unsupported('subtraction of a transcoder', transcoder, { apply_b_dec_to_input: true }, /apply_b_dec_to_input/);
    unsupported('GLU encoders', llama, { use_glu_encoder: true }, /"use_glu_encoder" is .*true/);
    unsupported('act_fn', llama, { act_fn: 'topk' }, /"act_fn" is "topk"\. .*jumprelu/);
    unsupported('norm_activation', llama, { norm_activation: 'batch-wise' }, /batch-wise.*dataset-wise/);
    unsupported('an option of Llama Scope', llama, { bias_of_what: 1 }, /option "bias_of_what"/);
    unsupported('an activation of sparsify', sparsify, { activation: 'relu' }, /"activation" is .*relu.*groupmax/);
    unsupported('signed activations of sparsify', sparsify, { signed: true }, /"signed" is/);
    unsupported('an option of sparsify', sparsify, { tied: true }, /option "tied"/);
    refuses(
      'a tensor that nobody knows',
      withTensors({ b_secret: tensor([20], () => 1) }),
      SaeUnsupported,
      /a tensor "b_secret", .*W_enc, W_dec, b_dec, b_enc/,
    );
    refuses(
      'a skip connection where none is said to be',
      withTensors({ W_skip: tensor([6, 6], () => 1) }),
      SaeUnsupported,
      /"W_skip"/,
    );
    refuses(
      'finetuning scaling factors',
      withTensors({ scaling_factor: tensor([20], (index) => (index === 7 ? 1.25 : 1)) }),
      SaeUnsupported,
      /"scaling_factor", a finetuning scaling factor, is 1.25 at \[7\]/,
    );
    refuses(
      'weights that are whole numbers',
      withTensors({ b_enc: { ...tensor([20], () => 1), dtype: 'I32' } }),
      SaeUnsupported,
      /tensor "b_enc" has dtype "I32".*F16, BF16, F32, F64/,
    );
    refuses(
      'compressed arrays',
      { 'params.npz': compressed() },
      SaeUnsupported,
      /"W_enc.npy" is compressed.*numpy.savez/,
    );
  });

  describe('for scales that are missing or out of place:', () => {
    const scaled = { normalize_activations: 'expected_average_only_in' };
    unsupported(
      'none given',
      standard,
      scaled,
      /"normalize_activations" is "expected_average_only_in".*Give inputScale/,
    );
    const cases: readonly [string, Objects, number][] = [
      ['one given to an SAE without', objectsOf(standard), 2],
      ['one given to Llama Scope', objectsOf(llama), 2],
      ['one given to Gemma Scope', objectsOf('Gemma Scope'), 2],
      ['one given to sparsify', objectsOf(sparsify), 2],
      ['0', withConfig(standard, scaled), 0],
      ['NaN', withConfig(standard, scaled), NaN],
    ];
    for (const [what, objects, inputScale] of cases) {
      refuses(what, objects, InvalidInput, /inputScale is/, { inputScale });
    }
  });

  describe('when objects are missing or too many:', () => {
    refuses(
      'none at all',
      { 'README.md': 'x' },
      SaeMissing,
      /no sae_weights.safetensors, sae.safetensors, checkpoints/,
    );
    refuses('no npz', {}, SaeMissing, /params.npz does not exist/, { location: '/params.npz' });
    for (const name of [standard, llama, sparsify]) {
      const weights = Object.entries(objectsOf(name)).filter(([key]) => !key.endsWith('.json'));
      refuses(`weights of ${name} alone`, Object.fromEntries(weights), SaeMissing, /\.json does not exist/);
    }
    refuses(
      'two SAEs in one place',
      { ...objectsOf(standard), ...objectsOf('Gemma Scope') },
      SaeInvalid,
      /several SAEs: sae_weights.safetensors and params.npz/,
    );
    for (const uri of ['https://x/y', 's3://UPPER/x', 's3://bucket/../x.npz']) {
      it(uri, () => assert.rejects(openSae(bucket.store, uri), InvalidInput));
    }
  });

  describe('for configurations that cannot be:', () => {
    const text = (config: string): Objects => ({ ...objectsOf(standard), 'cfg.json': config });
    refuses('no JSON', text('{"d_in": '), SaeInvalid, /cfg.json cannot be used: it is not JSON/);
    refuses('NaN', text('{"d_in": NaN}'), SaeInvalid, /it is not JSON/);
    refuses('not UTF-8', { ...text(''), 'cfg.json': Buffer.from([0xff]) }, SaeInvalid, /it is not JSON/);
    refuses('a list', text('[1]'), SaeInvalid, /not an object/);
    refuses('deep JSON', text('['.repeat(1000)), SaeInvalid, /nested deeper/);
    refuses('more than 1 MiB', text(' '.repeat(1024 * 1024 + 1)), SaeInvalid, /longer than 1048576 bytes/);
    invalid('no width', standard, { d_in: undefined }, /it has no "d_in"/);
    invalid('no architecture in version 6', standard, { architecture: undefined }, /it has no "architecture"/);
    for (const value of [0, -1, 1.5, '6', 2 ** 29, 1e300, true]) {
      invalid(`d_sae ${JSON.stringify(value)}`, standard, { d_sae: value }, /"d_sae" is .*, not a /);
    }
    invalid('no d_out', transcoder, { d_out: undefined }, /it has no "d_out"/);
    invalid('no k', topk, { k: undefined }, /it has no "k"/);
    invalid('k beyond the features', topk, { k: 21 }, /keeps 21 of 20 features/);
    invalid('no k, flat', flat, { activation_fn_kwargs: {} }, /it has no "k"/);
    invalid('two k', flat, { k: 4 }, /"k" is 4, not the 3 of activation_fn_kwargs/);
    invalid('metadata of text', standard, { metadata: 'none' }, /"metadata" is .*, not an object/);
    invalid(
      'a flag of text',
      standard,
      { apply_b_dec_to_input: 'yes' },
      /"apply_b_dec_to_input" is .*, not true or false/,
    );
    invalid(
      'no average norms',
      llama,
      { dataset_average_activation_norm: undefined },
      /dataset_average_activation_norm/,
    );
    invalid('half of them', llama, { dataset_average_activation_norm: { in: 1 } }, /it has no "out"/);
    invalid('a norm of 0', llama, { dataset_average_activation_norm: { in: 0, out: 1 } }, /"in" is 0, not/);
    invalid('no threshold', llama, { jump_relu_threshold: undefined }, /it has no "jump_relu_threshold"/);
    invalid('groups of several sizes', 'sparsify groupmax', { k: 3 }, /20 features do not make 3 groups/);
    invalid(
      'no number of latents',
      sparsify,
      { num_latents: 0, expansion_factor: undefined },
      /it has no "num_latents"/,
    );
  });

  describe('for tensors that cannot be:', () => {
    refuses(
      'a missing one',
      withTensors({ b_enc: undefined }),
      SaeInvalid,
      /no tensor "b_enc"; it has "W_enc", "W_dec"/,
    );
    refuses(
      'a transposed one',
      withTensors({ W_enc: tensor([20, 6], () => 1) }),
      SaeInvalid,
      /"W_enc" has the shape \[20, 6\], not \[6, 20\]/,
    );
    refuses(
      'a short vector',
      withTensors({ b_dec: tensor([5], () => 1) }),
      SaeInvalid,
      /"b_dec" has the shape \[5\], not \[6\]/,
    );
    invalid('other widths than the files’', standard, { d_in: 7 }, /"W_enc" has the shape \[6, 20\], not \[7, 20\]/);
    const weights = (data: Uint8Array): Objects => ({ ...objectsOf(standard), 'sae_weights.safetensors': data });
    const whole = objectsOf(standard)['sae_weights.safetensors']!;
    refuses(
      'an empty file',
      weights(new Uint8Array(0)),
      SaeInvalid,
      /sae_weights.safetensors cannot be used: it has 0 bytes/,
    );
    refuses('a truncated file', weights(whole.subarray(0, whole.length - 1)), SaeInvalid, /it is truncated/);
    refuses('a longer file', weights(Buffer.concat([whole, whole])), SaeInvalid, /it is too long/);
    refuses('a header of nothing', weights(safetensorsHeader('{}')), SaeInvalid, /names no tensor/);
    refuses(
      'a header of 70,000 bytes',
      weights(safetensorsHeader(`{}${' '.repeat(70_000)}`)),
      SaeInvalid,
      /header takes 70010 bytes, and riffle reads 65536/,
    );
    refuses(
      'overlapping tensors',
      weights(
        Buffer.concat([
          safetensorsHeader(
            '{"W_enc":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}',
          ),
          Buffer.alloc(12),
        ]),
      ),
      SaeInvalid,
      /inside another/,
    );
  });

  describe('for npz files that cannot be:', () => {
    const whole = objectsOf('Gemma Scope')['params.npz']!;
    const npz = (data: Uint8Array): Objects => ({ 'params.npz': data });
    const edited = (edit: (bytes: Buffer) => void): Objects => {
      const copy = Buffer.from(whole);
      edit(copy);
      return npz(copy);
    };
    const directory = whole.indexOf('PK\x01\x02', 0, 'latin1');
    const end = whole.lastIndexOf('PK\x05\x06', undefined, 'latin1');

    refuses(
      'no zip',
      npz(Buffer.alloc(5000)),
      SaeInvalid,
      /not an npz file that can be read: End of central directory/,
    );
    refuses('an empty object', npz(Buffer.alloc(0)), SaeInvalid, /not an npz file that can be read/);
    refuses('a truncated zip', npz(whole.subarray(0, -40)), SaeInvalid, /not an npz file that can be read/);
    refuses(
      'a directory beyond the end',
      edited((bytes) => bytes.writeUInt32LE(0xfffffff0, end + 16)),
      SaeInvalid,
      /points to byte \d+, beyond its end/,
    );
    refuses(
      'an array beyond the end',
      edited((bytes) => {
        bytes.writeUInt32LE(0x7fffffff, directory + 20);
        bytes.writeUInt32LE(0x7fffffff, directory + 24);
      }),
      SaeInvalid,
      /overflows file bounds/,
    );
    refuses(
      'an array that is shorter than its header says',
      edited((bytes) => {
        const bytesOfArray = bytes.readUInt32LE(directory + 24);
        bytes.writeUInt32LE(bytesOfArray - 4, directory + 20);
        bytes.writeUInt32LE(bytesOfArray - 4, directory + 24);
      }),
      SaeInvalid,
      /array "W_enc" cannot be used: it is truncated/,
    );
    refuses(
      'other names in the files’ own headers',
      edited((bytes) => bytes.write('X', bytes.indexOf('W_enc.npy'))),
      SaeInvalid,
      /the file of "W_enc" is "X_enc.npy" in its own header/,
    );
    refuses(
      'an array twice',
      edited((bytes) => {
        for (let at = bytes.indexOf('b_dec.npy'); at >= 0; at = bytes.indexOf('b_dec.npy', at))
          bytes.write('b_enc', at);
      }),
      SaeInvalid,
      /it holds "b_enc" twice/,
    );
    refuses(
      'an array that is missing',
      edited((bytes) => {
        for (let at = bytes.indexOf('W_dec.npy'); at >= 0; at = bytes.indexOf('W_dec.npy', at)) bytes.write('W_x', at);
      }),
      SaeInvalid,
      /it has no array "W_dec"/,
    );
    refuses(
      'Python objects',
      edited((bytes) => bytes.write("'|O4'", bytes.indexOf("'<f4'"))),
      SaeInvalid,
      /Python objects/,
    );
    refuses(
      'Fortran order',
      edited((bytes) => bytes.write('True, ', bytes.indexOf('False,'))),
      SaeInvalid,
      /Fortran order/,
    );
    refuses(
      'other files',
      edited((bytes) => {
        for (let at = bytes.indexOf('b_dec.npy'); at >= 0; at = bytes.indexOf('b_dec.npy', at)) {
          bytes.write('b_dec.txt', at);
        }
      }),
      SaeInvalid,
      /its file "b_dec.txt" is not an array/,
    );
  });

  it('when e to r_mag is beyond float32', async () => {
    const { W_enc, W_dec, b_dec } = small;
    const gated = {
      ...objectsOf('SAELens 6 gated BF16'),
      'sae_weights.safetensors': tensorsFile({
        W_enc: W_enc!,
        W_dec: W_dec!,
        b_dec: b_dec!,
        b_gate: tensor([20], () => 0),
        b_mag: tensor([20], () => 0),
        r_mag: tensor([20], (index) => (index === 9 ? 89 : 0)),
      }),
    };
    const { uri } = await uploadSae(bucket, gated);
    const sae = await openSae(bucket.store, uri);
    await sae.readBlock(0, 9);
    await assert.rejects(sae.readBlock(5, 20), /"r_mag" holds 89 at \[9\]: e to it is beyond float32/);
  });
});

/** The npz of a golden that says it is deflated. */
function compressed(): Buffer {
  const bytes = objectsOf('Gemma Scope')['params.npz']!;
  bytes.writeUInt16LE(8, bytes.indexOf('PK\x01\x02', 0, 'latin1') + 10);
  return bytes;
}
