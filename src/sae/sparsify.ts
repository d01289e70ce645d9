import type { ObjectStore } from '../storage/objectStore.js';
import { assembleSae } from './assembleSae.js';
import type { Config } from './config.js';
import { refuseScale, saeFault } from './faults.js';
import type { OpenSaeOptions } from './openSae.js';
import type { Sae, SaeObject } from './sae.js';
import { checkTensors, type TensorFile } from './tensorFile.js';

/** They act on training or on the weights that are stored. */
const inertOptions = new Set(['normalize_decoder', 'multi_topk']);

/** Opens one hook point's folder of sparsify (EleutherAI): cfg.json and sae.safetensors, as version 1.3 writes them. */
export async function openSparsify(
  store: ObjectStore,
  config: Config,
  configObject: SaeObject,
  file: TensorFile,
  options: OpenSaeOptions,
): Promise<Sae> {
  refuseScale(config.where, options.inputScale);
  const architecture = config.string('activation') ?? 'topk';
  if (architecture !== 'topk' && architecture !== 'groupmax') throw config.unsupported('activation', 'topk, groupmax');
  const width = config.required('d_in', config.count('d_in'));
  const features = readFeatures(config, width);
  const k = config.required('k', config.count('k'));
  if (k > features) throw saeFault(config.where, `it keeps ${k} of ${features} features`);
  if (architecture === 'groupmax' && features % k !== 0) {
    throw saeFault(config.where, `its ${features} features do not make ${k} groups of one size`);
  }
  // Early versions could keep the largest by magnitude.
  if (config.boolean('signed')) throw config.unsupported('signed', 'false');
  const transcode = config.boolean('transcode') ?? false;
  const skip = config.boolean('skip_connection') ?? false;
  config.refuseOthers(inertOptions);

  const tensor = checkTensors(file, {
    'encoder.weight': [features, width],
    'encoder.bias': [features],
    W_dec: [features, width],
    b_dec: [width],
    ...(skip && { W_skip: [width, width] }),
  });
  return assembleSae(
    store,
    {
      description: {
        format: 'sparsify',
        architecture,
        inputWidth: width,
        outputWidth: width,
        features,
        normalization: 'none',
        inputScale: 1,
        outputScale: 1,
        subtractDecoderBias: !transcode,
        k,
        ...(architecture === 'topk' && { rescaleByDecoderNorm: false }),
        metadata: {},
        objects: [configObject, { key: file.location.key, ...file.head }],
      },
      file,
      encoder: { tensor: tensor('encoder.weight'), featureAxis: 0 },
      decoder: { tensor: tensor('W_dec'), featureAxis: 0 },
      encoderBias: tensor('encoder.bias'),
      ...(!transcode && { inputBias: tensor('b_dec') }),
    },
    options,
  );
}

/** `num_latents`, where it is not 0, wins over the expansion factor. */
function readFeatures(config: Config, width: number): number {
  const factor = config.count('expansion_factor');
  const latents = config.value('num_latents') === 0 ? undefined : config.count('num_latents');
  return config.required('num_latents', latents ?? (factor === undefined ? undefined : width * factor));
}
