import type { ObjectLocation, ObjectStore } from '../storage/objectStore.js';
import { assembleSae } from './assembleSae.js';
import { refuseScale, saeFault } from './faults.js';
import { openNpz } from './npz.js';
import type { OpenSaeOptions } from './openSae.js';
import type { Sae } from './sae.js';
import { checkTensors, type StoredTensor, type TensorFile } from './tensorFile.js';

/**
 * Opens a params.npz of Gemma Scope, of an SAE or a transcoder: jumprelu, and nothing is subtracted from the input. Its
 * widths are those of W_enc and W_dec.
 *
 * The SAEs of the embedding (`…/embedding/…`) were trained on embeddings without Gemma's factor √d, which a dump of
 * `hook_embed` has: their input is divided by it, as SAELens does.
 */
export async function openGemmaScope(
  store: ObjectStore,
  location: ObjectLocation,
  options: OpenSaeOptions,
): Promise<Sae> {
  const file = withSaeLensNames(await openNpz(store, location, options));
  refuseScale(file.where, options.inputScale);
  const [inputWidth, features] = matrixShape(file, 'W_enc');
  const [, outputWidth] = matrixShape(file, 'W_dec');
  const tensor = checkTensors(file, {
    W_enc: [inputWidth, features],
    W_dec: [features, outputWidth],
    b_enc: [features],
    b_dec: [outputWidth],
    threshold: [features],
  });
  const scale = location.key.split('/').includes('embedding') ? 1 / Math.sqrt(inputWidth) : 1;
  return assembleSae(
    store,
    {
      description: {
        format: 'gemma-scope',
        architecture: 'jumprelu',
        inputWidth,
        outputWidth,
        features,
        normalization: 'none',
        inputScale: scale,
        outputScale: scale,
        subtractDecoderBias: false,
        metadata: {},
        objects: [{ key: location.key, ...file.head }],
      },
      file,
      encoder: { tensor: tensor('W_enc'), featureAxis: 1 },
      decoder: { tensor: tensor('W_dec'), featureAxis: 0 },
      encoderBias: tensor('b_enc'),
      threshold: tensor('threshold'),
    },
    options,
  );
}

/** Some releases write w_enc and w_dec. */
function withSaeLensNames(file: TensorFile): TensorFile {
  const rename = (tensor: StoredTensor): StoredTensor => ({ ...tensor, name: tensor.name.replace(/^w_/, 'W_') });
  return { ...file, tensors: file.tensors.map(rename) };
}

function matrixShape({ where, tensors }: TensorFile, name: string): readonly [number, number] {
  const shape = tensors.find((tensor) => tensor.name === name)?.shape;
  if (shape === undefined) throw saeFault(where, `it has no array "${name}"`);
  const [rows, columns] = shape;
  if (shape.length === 2 && rows && columns) return [rows, columns];
  throw saeFault(where, `its array "${name}" has the shape [${shape.join(', ')}]; it must be a matrix with elements`);
}
