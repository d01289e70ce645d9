import type { ObjectStore } from '../storage/objectStore.js';
import { assembleSae } from './assembleSae.js';
import type { Config } from './config.js';
import { refuseScale } from './faults.js';
import type { OpenSaeOptions } from './openSae.js';
import type { Sae, SaeObject } from './sae.js';
import { checkTensors, type TensorFile } from './tensorFile.js';

/** They act on training only, or on where it ran. */
const inertOptions = new Set([
  'bias_init_method',
  'ddp_size',
  'decoder_exactly_fixed_norm',
  'device',
  'dtype',
  'expansion_factor',
  'init_decoder_norm',
  'init_encoder_norm',
  'init_encoder_with_decoder_transpose',
  'initial_k',
  'k_warmup_steps',
  'l1_coefficient',
  'l1_coefficient_warmup_steps',
  'lp',
  'sae_pretrained_name_or_path',
  'seed',
  'strict_loading',
  'top_k',
  'tp_size',
  'use_batch_norm_mse',
  'use_ghost_grads',
]);

const facts = ['hook_point_in', 'hook_point_out'];

const largestFloat32 = 3.4028234663852886e38;

/**
 * Opens a folder of Llama Scope: hyperparams.json and checkpoints/final.safetensors, which hold the weights as trained.
 *
 * The one `jump_relu_threshold` was fitted to the SAE that Language-Model-SAEs loads for inference: input and output
 * unscaled, and decoder rows of norm 1 where `sparsity_include_decoder_norm` (its default). There the pre-activation is
 * p · ‖decoder_f‖ / outputScale, with p that of the stored weights; without that option it is p / inputScale. So a
 * feature fires where p > threshold · outputScale / ‖decoder_f‖, or p > threshold · inputScale. SAELens (its pull request
 * 483) has the second form for all; both agree where decoder norms are 1 and the scales equal.
 */
export async function openLlamaScope(
  store: ObjectStore,
  config: Config,
  configObject: SaeObject,
  file: TensorFile,
  options: OpenSaeOptions,
): Promise<Sae> {
  refuseScale(config.where, options.inputScale);
  if (config.required('act_fn', config.string('act_fn')) !== 'jumprelu') throw config.unsupported('act_fn', 'jumprelu');
  if (config.boolean('use_glu_encoder')) throw config.unsupported('use_glu_encoder', 'false');
  const width = config.required('d_model', config.count('d_model'));
  const features = config.required('d_sae', config.count('d_sae'));
  const threshold = config.required('jump_relu_threshold', config.positive('jump_relu_threshold'));
  const { inputScale, outputScale } = readScales(config, width);
  const withDecoderNorm = config.boolean('sparsity_include_decoder_norm') ?? true;
  const decoderBias = config.boolean('use_decoder_bias') ?? true;
  const biasBeforeEncoder = config.boolean('apply_decoder_bias_to_pre_encoder') ?? false;
  const subtractDecoderBias = decoderBias && biasBeforeEncoder;
  const metadata = config.facts(facts);
  config.refuseOthers(inertOptions);

  const tensor = checkTensors(file, {
    'encoder.weight': [features, width],
    'encoder.bias': [features],
    'decoder.weight': [width, features],
    ...(decoderBias && { 'decoder.bias': [width] }),
  });
  const thresholdOf = (decoderNorm: number): number =>
    // A decoder row of zeros never fires: no pre-activation is beyond the largest float.
    withDecoderNorm ? Math.min(largestFloat32, (threshold * outputScale) / decoderNorm) : threshold * inputScale;
  return assembleSae(
    store,
    {
      description: {
        format: 'llama-scope',
        architecture: 'jumprelu',
        inputWidth: width,
        outputWidth: width,
        features,
        normalization: 'none',
        inputScale,
        outputScale,
        subtractDecoderBias,
        metadata,
        objects: [configObject, { key: file.location.key, ...file.head }],
      },
      file,
      encoder: { tensor: tensor('encoder.weight'), featureAxis: 0 },
      decoder: { tensor: tensor('decoder.weight'), featureAxis: 1 },
      encoderBias: tensor('encoder.bias'),
      threshold: thresholdOf,
      ...(subtractDecoderBias && { inputBias: tensor('decoder.bias') }),
    },
    options,
  );
}

/** √d / the mean norm of the training activations, before and after the part of the model that is encoded. */
function readScales(config: Config, width: number): { inputScale: number; outputScale: number } {
  const norms = config.inner('dataset_average_activation_norm');
  const kind = config.string('norm_activation') ?? 'dataset-wise';
  if (kind !== 'dataset-wise') throw config.unsupported('norm_activation', 'dataset-wise');
  const scale = (name: string): number => {
    const given = config.required('dataset_average_activation_norm', norms);
    return Math.sqrt(width) / given.required(name, given.positive(name));
  };
  const scales = { inputScale: scale('in'), outputScale: scale('out') };
  norms?.refuseOthers();
  return scales;
}
