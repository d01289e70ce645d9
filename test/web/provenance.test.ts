import assert from 'node:assert/strict';
import type { RunDescription } from '../../src/pages/run.js';
import { exampleSettings, featureCommand, modelName, provenanceFacts } from '../../web/src/provenance.js';

const run = {
  riffle: '0.1.0',
  rows: 8192,
  tokens: 8000,
  excluded: 192,
  features: { of: 10, set: '0-9', count: 10, alive: 7, dense: 1, dead: 2 },
  pages: { featuresPerPack: 4096, digest: 'ab'.repeat(32) },
  provenance: {
    units: 'raw',
    layout: 'cd'.repeat(32),
    settings: {
      seed: 'riffle',
      exclude: { positions: [0], tokens: 'special' },
      examples: { top: 7, random: 70, distinct: 'document' },
    },
    sae: {
      format: 'saelens',
      architecture: 'jumprelu',
      metadata: { model_name: 'SmolLM2' },
      objects: [{ key: 'sae/cfg.json', bytes: 575, etag: '"67e2"' }],
    },
    activations: Array.from({ length: 6 }, (_, n) => ({ key: `${n}.safetensors`, bytes: 1000, etag: `"${n}"` })),
  },
} as unknown as RunDescription;

describe('the provenance of a run', () => {
  it('has counts, exclusions, units, seed, and digests of the SAE, the dataset and the pages', () => {
    const facts = new Map(provenanceFacts(run).map(({ name, values }) => [name, values]));
    assert.deepEqual(facts.get('Tokens counted'), ['8,000 of 8,192']);
    assert.deepEqual(facts.get('Tokens excluded'), ['192', 'positions 0', 'special tokens']);
    assert.match(facts.get('Units')![0]!, /^raw: .*not folded/);
    assert.deepEqual(facts.get('Seed'), ['riffle']);
    assert.deepEqual(facts.get('SAE files'), ['sae/cfg.json  575 bytes  ETag "67e2"']);
    assert.equal(facts.get('Activations')!.length, 5);
    assert.equal(facts.get('Activations')![4], 'and 2 more');
    assert.deepEqual(facts.get('Pages'), [`SHA-256 ${'ab'.repeat(32)}`]);
    assert.deepEqual(facts.get('Inputs and settings'), [`SHA-256 ${'cd'.repeat(32)}`]);
    assert.equal(modelName(run), 'SmolLM2');
    assert.deepEqual(exampleSettings(run), { top: 7, sample: 70, distinct: 'document' });
  });

  it('says nothing of what it does not know', () => {
    const bare = { ...run, provenance: {} } as RunDescription;
    const names = provenanceFacts(bare).map(({ name }) => name);
    for (const name of ['Units', 'Seed', 'SAE files', 'Activations', 'Labels']) assert.ok(!names.includes(name), name);
    assert.equal(modelName(bare), '');
    assert.deepEqual(exampleSettings(bare), { top: 20, sample: 200, distinct: 'none' });
  });

  it('names the command that prints a page', () => {
    assert.equal(featureCommand('s3://bucket/run', 7), 'riffle feature s3://bucket/run 7');
    assert.equal(
      featureCommand("s3://bucket/it's a run; rm", 7),
      String.raw`riffle feature 's3://bucket/it'\''s a run; rm' 7`,
    );
    assert.equal(featureCommand('', undefined), 'riffle feature s3://BUCKET/PREFIX 0');
  });
});
