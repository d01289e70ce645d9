import { InvalidInput, SaeInvalid, SaeMissing } from '../errors.js';
import type { CallOptions, ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import { formatPrefix, parseObject, parsePrefix, type Prefix } from '../storage/uri.js';
import { readConfig } from './config.js';
import { openGemmaScope } from './gemmaScope.js';
import { openLlamaScope } from './llamaScope.js';
import type { Sae } from './sae.js';
import { openSaeLens } from './saeLens.js';
import { openSparsify } from './sparsify.js';
import { openSafetensors } from './tensorFile.js';

export interface OpenSaeOptions extends CallOptions {
  /**
   * Factor on the input of an SAE whose files say that it was trained on scaled activations, but not by how much
   * (SAELens, `normalize_activations: "expected_average_only_in"`): √d / the mean norm of the training activations.
   */
  readonly inputScale?: number | undefined;
}

/** The objects by which a format is recognised, relative to the SAE's prefix. */
const formats = [
  { weights: 'sae_weights.safetensors', config: 'cfg.json', open: openSaeLens },
  { weights: 'sae.safetensors', config: 'cfg.json', open: openSparsify },
  { weights: 'checkpoints/final.safetensors', config: 'hyperparams.json', open: openLlamaScope },
] as const;

const gemmaScopeWeights = 'params.npz';

/**
 * Opens a sparse autoencoder: finds its format, and checks options, tensors and shapes. Weights are checked as they are
 * read.
 * @param location `s3://bucket/prefix` of a folder, or `s3://bucket/key.npz`
 * @throws InvalidInput for another location, or a scale that has no place; SaeMissing; SaeInvalid; SaeUnsupported, which
 *   names the architecture, option, tensor or dtype; what the store throws
 */
export async function openSae(store: ObjectStore, location: string, options: OpenSaeOptions = {}): Promise<Sae> {
  checkScale(options.inputScale);
  if (location.endsWith('.npz')) return openGemmaScope(store, parseObject(location), options);
  const place = parsePrefix(location);
  const weights = await findWeights(store, place, options);
  if (weights === gemmaScopeWeights) return openGemmaScope(store, at(place, weights), options);

  const format = formats.find((candidate) => candidate.weights === weights)!;
  const { config, object } = await readConfig(store, at(place, format.config), options);
  const file = await openSafetensors(store, at(place, weights), options);
  return format.open(store, config, object, file, options);
}

/** The one weights object of a known format below the prefix. @throws SaeMissing, SaeInvalid */
async function findWeights(store: ObjectStore, place: Prefix, options: CallOptions): Promise<string> {
  const names = [...formats.map(({ weights }) => weights), gemmaScopeWeights];
  const heads = await Promise.all(names.map((name) => store.head(at(place, name), options)));
  const found = names.filter((_, index) => heads[index] !== undefined);
  const [weights, ...others] = found;
  const where = formatPrefix(place);
  if (weights === undefined) {
    throw new SaeMissing(
      `There is no SAE that riffle reads at ${where}: no ${names.join(', ')} there. Give the prefix that holds one of ` +
        'these, or one .npz object; convert other formats (pickled .pt files, for one) with SAELens.',
      { sae: where },
    );
  }
  if (others.length > 0) {
    throw new SaeInvalid(`${where} holds several SAEs: ${found.join(' and ')}. Keep one of them there.`, {
      sae: where,
    });
  }
  return weights;
}

function at(place: Prefix, name: string): ObjectLocation {
  return { bucket: place.bucket, key: `${place.prefix}${name}` };
}

function checkScale(scale: number | undefined): void {
  if (scale === undefined || (scale >= 1e-30 && scale <= 1e30)) return;
  throw new InvalidInput(`inputScale is ${scale}: give a number from 1e-30 to 1e30.`, { field: 'inputScale' });
}
