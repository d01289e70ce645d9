/** Collected statistics as bytes: nothing is lost, and no damage goes unnoticed. That equal states have equal bytes: collect.test.ts. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeBlock } from '../../src/features/collectedFormat.js';
import type { FeatureState } from '../../src/features/featureState.js';
import type { ExampleSettings } from '../../src/features/settings.js';
import { CollectedDamaged } from '../../src/errors.js';
import { bytesOf, collectRows } from './collecting.js';

const settings: ExampleSettings = {
  top: 3,
  sample: 10,
  shownRandom: 3,
  intervals: 4,
  intervalEdges: 'equalWidth',
  perInterval: 2,
  distinct: 'document',
};
const block = { first: 70_000, count: 3 };
const seed = 0xfedc_ba98_7654_3210n;

const states = collectRows(
  Array.from({ length: 200 }, (_, row) => ({
    key: 0xffff_fff0 + (row % 5),
    id: row * 300,
    excluded: row % 9 === 0,
    activations: new Map([[row % 2, Math.fround(1.01 ** row)]]),
  })),
  2 ** 40,
  block,
  settings,
  seed,
);

async function decode(bytes: Uint8Array, expected = { block, settings, seed }, cut = 7): Promise<FeatureState[]> {
  // eslint-disable-next-line @typescript-eslint/require-await -- pieces come from somewhere, asynchronously
  async function* pieces(): AsyncGenerator<Uint8Array, void> {
    for (let at = 0; at < bytes.length; at += cut) yield bytes.subarray(at, at + cut);
  }
  const found: FeatureState[] = [];
  const source = decodeBlock(pieces(), expected.block, expected.settings, expected.seed, 'statistics.bin');
  for await (const state of source) found.push(state);
  return found;
}

describe('collected statistics as bytes', () => {
  it('come back as they were, in pieces of any size', async () => {
    const bytes = await bytesOf(block, states, settings, seed);
    for (const cut of [1, 5, 64, 100_000]) assert.deepEqual(await decode(bytes, undefined, cut), states);
    assert.equal(states[0]!.tokens.rows.length > 20, true);
    assert.equal(states[2]!.tokens.rows.length, 0);
  });

  it('are compact: keys, tokens and rows take what they need', async () => {
    const bytes = await bytesOf(block, states, settings, seed);
    const tokens = states.reduce((sum, state) => sum + state.tokens.rows.length, 0);
    const octaves = states.reduce((sum, state) => sum + state.octaves.length, 0);
    assert.ok(bytes.length < 48 + 4 + 3 * 30 + octaves * 30 + tokens * 13, `${bytes.length} bytes`);
  });

  it('notice each flipped bit and each truncation', async () => {
    const bytes = await bytesOf(block, states, settings, seed);
    const damages = fc.record({ at: fc.nat(bytes.length - 1), bit: fc.nat(7) });
    const property = fc.asyncProperty(damages, async ({ at, bit }) => {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1 << bit;
      await assert.rejects(decode(damaged), CollectedDamaged);
      await assert.rejects(decode(bytes.subarray(0, at)), CollectedDamaged);
    });
    await fc.assert(property, { seed: 1, numRuns: 500 });
    await assert.rejects(decode(Buffer.concat([bytes, Buffer.of(0)])), /does not end where it should/);
  });

  it('are not taken for those of another block, seed or setting', async () => {
    const bytes = await bytesOf(block, states, settings, seed);
    const others = [
      { block: { ...block, first: 70_001 }, settings, seed },
      { block: { ...block, count: 2 }, settings, seed },
      { block, settings: { ...settings, top: 4 }, seed },
      { block, settings: { ...settings, sample: 11 }, seed },
      { block, settings: { ...settings, perInterval: 3 }, seed },
      { block, settings: { ...settings, intervals: 5 }, seed },
      { block, settings: { ...settings, distinct: 'context' as const }, seed },
      { block, settings, seed: seed + 1n },
    ];
    for (const other of others) {
      await assert.rejects(decode(bytes, other), (error: unknown) => {
        assert.ok(error instanceof CollectedDamaged);
        assert.match(error.message, /statistics\.bin are damaged: its header .* \(offset 0\)/);
        return true;
      });
    }
    // How much is shown does not change what is collected.
    assert.deepEqual(await decode(bytes, { block, settings: { ...settings, shownRandom: 1 }, seed }), states);
  });

  it('let go of their source when no more are wanted', async () => {
    const bytes = await bytesOf(block, states, settings, seed);
    let open = true;
    // eslint-disable-next-line @typescript-eslint/require-await -- pieces come from somewhere, asynchronously
    async function* pieces(): AsyncGenerator<Uint8Array, void> {
      try {
        for (const byte of bytes) yield Uint8Array.of(byte);
      } finally {
        open = false;
      }
    }
    for await (const state of decodeBlock(pieces(), block, settings, seed, 'statistics.bin')) {
      assert.deepEqual(state, states[0]);
      break;
    }
    assert.equal(open, false);
  });

  it('say no sizes that nobody wrote: a lying length is refused before it is read', async () => {
    const bytes = await bytesOf(block, states, settings, seed);
    bytes.writeUInt32LE(0xffff_ffff, 48);
    await assert.rejects(decode(bytes), /record of feature 70000 says it has 4294967295 bytes \(offset 48\)/);
  });
});
