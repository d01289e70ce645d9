import type { ObjectStore } from '../storage/objectStore.js';
import { assembleSae } from './assembleSae.js';
import type { Config } from './config.js';
import { refuseScale, saeFault, saeUnsupported } from './faults.js';
import type { OpenSaeOptions } from './openSae.js';
import { readVector } from './readWeights.js';
import type { Architecture, Normalization, Sae, SaeDescription, SaeObject } from './sae.js';
import { inertSaeLensOptions, saeLensFacts } from './saeLensOptions.js';
import { checkTensor, checkTensors, type TensorFile } from './tensorFile.js';

interface Kind {
  readonly architecture: Architecture;
  readonly transcoder?: boolean;
  /** Adds W_skip · x to the output; activations do not know of it. */
  readonly skip?: boolean;
}

/** Those of SAELens 6.54 whose encode is one of riffle's. */
const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['standard', { architecture: 'standard' }],
  ['gated', { architecture: 'gated' }],
  ['jumprelu', { architecture: 'jumprelu' }],
  ['topk', { architecture: 'topk' }],
  ['transcoder', { architecture: 'standard', transcoder: true }],
  ['skip_transcoder', { architecture: 'standard', transcoder: true, skip: true }],
  ['jumprelu_transcoder', { architecture: 'jumprelu', transcoder: true }],
  ['jumprelu_skip_transcoder', { architecture: 'jumprelu', transcoder: true, skip: true }],
]);

const dtypes = new Set(['float16', 'bfloat16', 'float32', 'float64'].flatMap((name) => [name, `torch.${name}`]));

/** Tensors with one number a feature. */
const vectorNames: Readonly<Record<Architecture, readonly string[]>> = {
  standard: ['b_enc'],
  gated: ['b_gate', 'r_mag', 'b_mag'],
  jumprelu: ['b_enc', 'threshold'],
  topk: ['b_enc'],
  groupmax: [],
};

/** Factors on activations before decoding, of SAEs that were finetuned against shrinkage. */
const finetuningTensors = ['scaling_factor', 'finetuning_scaling_factor'];

/**
 * Opens a folder of SAELens: cfg.json, nested (version 6, with `metadata`) or flat (before), and
 * sae_weights.safetensors. Options mean what SAELens 6.54 makes of them (`handle_pre_6_0_config` for flat ones), with
 * one difference: tensors keep the precision in which they are stored, whatever `dtype` says.
 */
export async function openSaeLens(
  store: ObjectStore,
  config: Config,
  configObject: SaeObject,
  file: TensorFile,
  options: OpenSaeOptions,
): Promise<Sae> {
  const kind = readKind(config);
  const { architecture, transcoder = false, skip = false } = kind;
  const inputWidth = config.required('d_in', config.count('d_in'));
  const features = config.required('d_sae', config.count('d_sae'));
  const outputWidth = transcoder ? config.required('d_out', config.count('d_out')) : inputWidth;
  const { normalization, inputScale } = readNormalization(config, options.inputScale);
  const subtractDecoderBias = readSubtraction(config, transcoder);
  const topK = architecture === 'topk' ? readTopK(config, features) : refuseTopK(config);
  const metadata = readMetadata(config);
  checkDtype(config);
  config.boolean('finetuning_scaling_factor');
  config.refuseOthers(inertSaeLensOptions);

  const vectors = vectorNames[architecture];
  const tensor = checkTensors(
    file,
    {
      W_enc: [inputWidth, features],
      W_dec: [features, outputWidth],
      b_dec: [outputWidth],
      ...(skip && { W_skip: [outputWidth, inputWidth] }),
      ...Object.fromEntries(vectors.map((name) => [name, [features]])),
    },
    finetuningTensors,
  );
  await checkFinetuning(store, file, features, options);

  return assembleSae(
    store,
    {
      description: {
        format: 'saelens',
        architecture,
        inputWidth,
        outputWidth,
        features,
        normalization,
        inputScale,
        outputScale: inputScale,
        subtractDecoderBias,
        ...topK,
        metadata,
        objects: [configObject, { key: file.location.key, ...file.head }],
      },
      file,
      encoder: { tensor: tensor('W_enc'), featureAxis: 1 },
      decoder: { tensor: tensor('W_dec'), featureAxis: 0 },
      encoderBias: tensor(architecture === 'gated' ? 'b_gate' : 'b_enc'),
      ...(architecture === 'jumprelu' && { threshold: tensor('threshold') }),
      ...(architecture === 'gated' && { logMagnitudeScale: tensor('r_mag'), magnitudeBias: tensor('b_mag') }),
      ...(subtractDecoderBias && { inputBias: tensor('b_dec') }),
    },
    options,
  );
}

function readKind(config: Config): Kind {
  // Flat ones of versions 1 to 3 do not name it: there was no other.
  const name = config.string('architecture') ?? (config.has('metadata') ? undefined : 'standard');
  const kind = kinds.get(config.required('architecture', name));
  if (!kind) throw config.unsupported('architecture', [...kinds.keys()].join(', '));
  const activation = ['activation_fn', 'activation_fn_str'].find((option) => config.has(option));
  if (activation === undefined) return kind;
  const activationName = config.string(activation);
  if (activationName === 'relu') return kind;
  // Before version 6, topk was an activation function of the standard architecture.
  if (activationName === 'topk' && (name === 'standard' || name === 'topk')) return { architecture: 'topk' };
  throw config.unsupported(activation, '"relu", and "topk" for the architectures standard and topk');
}

function readTopK(config: Config, features: number): { k: number; rescaleByDecoderNorm: boolean } {
  const legacy = config.inner('activation_fn_kwargs');
  const legacyK = legacy?.count('k');
  legacy?.refuseOthers();
  const own = config.count('k');
  const k = config.required('k', own ?? legacyK);
  if (legacyK !== undefined && legacyK !== k) throw config.fault('k', `the ${legacyK} of activation_fn_kwargs`);
  if (k > features) throw saeFault(config.where, `it keeps ${k} of ${features} features`);
  return { k, rescaleByDecoderNorm: config.boolean('rescale_acts_by_decoder_norm') ?? false };
}

/** The options of topk, where they are written for another architecture, say nothing. */
function refuseTopK(config: Config): undefined {
  config.inner('activation_fn_kwargs')?.refuseOthers();
  if (!config.boolean('rescale_acts_by_decoder_norm')) return undefined;
  throw config.unsupported('rescale_acts_by_decoder_norm', 'true for topk only, and false');
}

function readNormalization(
  config: Config,
  scale: number | undefined,
): { normalization: Normalization; inputScale: number } {
  const option = 'normalize_activations';
  const value = config.value(option);
  // Booleans are of versions 1 and 2, where true meant the scaling that has a name since.
  if (value === 'expected_average_only_in' || value === true) {
    if (scale !== undefined) return { normalization: 'none', inputScale: scale };
    throw saeUnsupported(
      config.where,
      `"${option}" is ${JSON.stringify(value)}, and no file of it says by which factor activations are scaled`,
      'Give inputScale, the square root of d_in divided by the mean norm of the training activations; or fold the factor ' +
        'in with SAELens (fold_activation_norm_scaling_factor) and save the SAE again.',
    );
  }
  refuseScale(config.where, scale);
  if (value === undefined || value === false || value === 'none') return { normalization: 'none', inputScale: 1 };
  if (value === 'constant_norm_rescale') return { normalization: 'constantNorm', inputScale: 1 };
  if (value === 'layer_norm') return { normalization: 'layerNorm', inputScale: 1 };
  throw config.unsupported(option, 'none, constant_norm_rescale, layer_norm and expected_average_only_in');
}

/** The decoder's bias of a transcoder belongs to its output. */
function readSubtraction(config: Config, transcoder: boolean): boolean {
  const subtract = config.boolean('apply_b_dec_to_input') ?? !transcoder;
  if (subtract && transcoder) throw config.unsupported('apply_b_dec_to_input', 'false for transcoders');
  return subtract;
}

function readMetadata(config: Config): SaeDescription['metadata'] {
  const reshape = config.string('reshape_activations');
  if (reshape !== undefined && reshape !== 'none' && reshape !== 'hook_z') {
    throw config.unsupported('reshape_activations', 'none and hook_z (heads side by side, as the dump has them)');
  }
  const facts = { ...config.facts(saeLensFacts), ...config.inner('metadata')?.facts(saeLensFacts) };
  // Flat files may leave it to the hook's name.
  const heads = reshape ?? (String(facts.hook_name ?? facts.hook_point).includes('hook_z') ? 'hook_z' : 'none');
  return heads === 'none' ? facts : { ...facts, reshape_activations: heads };
}

function checkDtype(config: Config): void {
  const dtype = config.string('dtype');
  if (dtype !== undefined && !dtypes.has(dtype)) throw config.unsupported('dtype', [...dtypes].join(', '));
}

/**
 * Versions before 6 may store a factor for each feature. SAELens drops it where all are 1.
 * @throws SaeUnsupported where one is not
 */
async function checkFinetuning(
  store: ObjectStore,
  file: TensorFile,
  features: number,
  options: OpenSaeOptions,
): Promise<void> {
  for (const stored of file.tensors.filter(({ name }) => finetuningTensors.includes(name))) {
    const tensor = checkTensor(file.where, stored, [features]);
    const factors = await readVector(store, file, tensor, 0, features, options);
    const index = factors.findIndex((factor) => Math.abs(factor - 1) > 1e-5);
    if (index < 0) continue;
    throw saeUnsupported(
      file.where,
      `tensor "${stored.name}", a finetuning scaling factor, is ${factors[index]} at [${index}]`,
      'riffle implements factors of 1 only: fold it into the decoder, and save the SAE without it.',
    );
  }
}
