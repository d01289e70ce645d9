/** The oracle on the sample that ships with riffle, beside the answers that an independent program gave for it. */
import { readdirSync, readFileSync } from 'node:fs';
import assert from 'node:assert/strict';
import { readByteLevelTokenizer } from './byteLevelTokenizer.js';
import { buildPages } from './pages.js';
import { checkAgainstReference, type Reference } from './reference.js';
import { readSafetensors, rowsOf, type Tensor } from './safetensorsFile.js';
import type { Dataset, Page, Unembedding } from './shapes.js';

const examples = new URL('../../../examples/', import.meta.url);

describe('oracle: the sample', () => {
  const reference = readJson('reference.json') as Reference;
  const features = reference.features.map(({ feature }) => feature);
  let dataset: Dataset;
  let pages: Page[];

  before(async () => {
    dataset = readDataset();
    const weights = readSafetensors(new URL('sae/sae_weights.safetensors', examples));
    pages = await buildPages(
      {
        dataset,
        // Activations come from below: only the decoder counts.
        sae: {
          architecture: 'standard',
          bias: [],
          encoder: [],
          decoder: rowsOf(weights.get('W_dec')!).map((row) => Array.from(row)),
        },
        tokenizer: readByteLevelTokenizer(readJson('tokenizer.json')),
        unembedding: readUnembedding(),
        settings: {
          features: features.join(','),
          examples: { distinct: 'none' },
          window: { before: 16, after: 16 },
        },
      },
      encodeSome(dataset.activations, weights, features),
    );
  });

  it('gives the counts, top tokens, windows and logit effects of the reference', () => {
    assert.equal(pages.length, 64);
    for (const page of pages) checkAgainstReference(page, reference);
  });

  it('shows every window as the text that its tokens make', () => {
    const tokenizer = readByteLevelTokenizer(readJson('tokenizer.json'));
    const shown = pages.flatMap(({ groups }) => groups.flatMap((group) => group.examples));
    let whole = 0;
    for (const { ids, tokens } of shown) {
      const text = Buffer.concat(ids.map((id) => tokenizer.bytesOf(id))).toString('utf8');
      if (text.includes('\ufffd')) continue;
      whole += 1;
      assert.equal(tokens.join(''), text);
    }
    assert.ok(whole > 1000);
  });
});

function readDataset(): Dataset {
  const shards = readdirSync(new URL('dump/', examples))
    .sort()
    .map((name) => readSafetensors(new URL(`dump/${name}`, examples)));
  const column = (name: string) => shards.flatMap((shard) => Array.from(shard.get(name)!.data));
  return {
    activations: shards.flatMap((shard) => rowsOf(shard.get('activations')!)),
    tokens: column('tokens'),
    context: column('context'),
    position: column('position'),
    document: column('document'),
  };
}

/** Jumprelu in float64, as the reference has it: [F][n], with holes for other features. */
function encodeSome(rows: ArrayLike<number>[], weights: Map<string, Tensor>, features: number[]): Float32Array[] {
  const encoded: Float32Array[] = [];
  const encoder = rowsOf(weights.get('W_enc')!);
  const subtracted = weights.get('b_dec')!.data;
  const inputs = rows.map((row) => Float64Array.from(row, (x, i) => x - subtracted[i]!));
  for (const feature of features) {
    const column = Float64Array.from(encoder, (row) => row[feature]!);
    const bias = weights.get('b_enc')!.data[feature]!;
    const threshold = weights.get('threshold')!.data[feature]!;
    encoded[feature] = Float32Array.from(inputs, (x) => {
      let p = bias;
      for (let i = 0; i < x.length; i++) p += x[i]! * column[i]!;
      return p > threshold && p > 0 ? p : 0;
    });
  }
  return encoded;
}

function readUnembedding(): Unembedding {
  const tensors = readSafetensors(new URL('unembed.safetensors', examples));
  return {
    weights: rowsOf(tensors.get('W_U')!).map((row) => Array.from(row)),
    tokenIds: Array.from(tensors.get('token_ids')!.data),
    finalNormWeight: Array.from(tensors.get('final_norm_weight')!.data),
  };
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, examples), 'utf8'));
}
