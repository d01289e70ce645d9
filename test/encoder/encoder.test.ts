/** Encoders against numpy, and what they refuse. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ActivationNotFinite } from '../../src/errors.js';
import type { RowBatch } from '../../src/encoder/encoder.js';
import type { Firings } from '../../src/encoder/firings.js';
import { TopFeatures } from '../../src/encoder/topFeatures.js';
import type { EncodedSae, EncoderWeights, RowType } from '../../src/encoder/weights.js';
import { WorkMemory } from '../../src/memory/workMemory.js';
import { findPython, runPython } from '../support/python.js';
import { firingsOf, noise, openEncoder, placeRows, rowBytes } from './support.js';
import type { Firing, TestEncoder } from './support.js';

const inputWidth = 20;
const features = 24;
const rows = 6;
const k = 6;

type Case = Pick<EncodedSae, 'architecture' | 'normalization' | 'inputScale' | 'rescaleByDecoderNorm'> & {
  inputBias: boolean;
  firings: string;
};

function readText(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8');
}

const goldens = JSON.parse(readText('golden.json')) as Case[];

const x = noise(rows * inputWidth, 1).map((value, i) => (Math.floor(i / inputWidth) === 4 ? 0 : value * 4));

function weightsOf({ inputBias }: Case): EncoderWeights {
  return {
    encoder: noise(features * inputWidth, 2),
    encoderBias: noise(features, 3).map((value) => value / 2),
    threshold: noise(features, 4),
    magnitudeScale: noise(features, 5).map((value) => value / 4 + 1),
    magnitudeBias: noise(features, 6).map((value) => value / 2),
    decoderNorms: noise(features, 7).map((value) => value / 4 + 1),
    inputBias: inputBias ? noise(inputWidth, 8) : undefined,
  };
}

/** Encodes all rows with the features in two blocks; topk and groupmax with a pass before. */
async function encodeInBlocks(sae: EncodedSae, weights: EncoderWeights, rowType: RowType): Promise<Firing[]> {
  const bytes = rowBytes(x, rowType);
  const memory = new WorkMemory();
  const competes = sae.architecture === 'topk' || sae.architecture === 'groupmax';
  const top = competes ? new TopFeatures(memory, sae, rows) : undefined;
  const blocks = [
    [11, features],
    [0, 11],
  ] as const;
  for (const [from, to] of top ? blocks : []) {
    const encoder = await openEncoder(sae, weights, { from, to, rowType }, memory);
    await encoder.encoder.offer(placeRows(encoder, bytes, rows), top!);
    await encoder.close();
  }
  top?.finish();
  const all: Firing[] = [];
  for (const [from, to] of blocks) {
    const encoder = await openEncoder(sae, weights, { from, to, rowType }, memory);
    for (const firing of await firingsOf(encoder, bytes, rows, top)) {
      all.push({ ...firing, feature: firing.feature + from });
    }
    await encoder.close();
  }
  return all.sort((a, b) => a.row - b.row || a.feature - b.feature);
}

describe('Encoder', () => {
  for (const golden of goldens) {
    const { architecture, normalization, inputScale, inputBias, rescaleByDecoderNorm, firings } = golden;
    const name = [
      architecture,
      normalization,
      `scale ${inputScale}`,
      inputBias && 'bias',
      rescaleByDecoderNorm && 'norms',
    ];
    it(`does as numpy does: ${name.filter(Boolean).join(', ')}`, async () => {
      const sae: EncodedSae = {
        architecture,
        inputWidth,
        features,
        normalization,
        inputScale,
        k,
        rescaleByDecoderNorm,
      };
      const expected = firings.split(' ').map((firing) => firing.split(':').map(Number));
      for (const rowType of ['F32', 'F16', 'BF16'] as const) {
        const found = await encodeInBlocks(sae, weightsOf(golden), rowType);
        assert.deepEqual(
          found.map(({ row, feature }) => [row, feature]),
          expected.map(([row, feature]) => [row, feature]),
        );
        for (const [i, { row, feature, activation }] of found.entries()) {
          const difference = Math.abs(activation - expected[i]![2]!);
          assert.ok(difference < 1e-5, `row ${row}, feature ${feature}: ${activation}, not ${expected[i]![2]}`);
        }
      }
    });
  }

  it('has goldens that golden.py gives', function () {
    const python = findPython('numpy');
    if (!python) this.skip();
    assert.equal(runPython(python, readText('golden.py')), readText('golden.json'));
  });

  it('widens every float16 and every bfloat16 exactly', async () => {
    const sae: EncodedSae = {
      architecture: 'standard',
      inputWidth: 1,
      features: 1,
      normalization: 'none',
      inputScale: 1,
    };
    const weights = { encoder: Float32Array.of(1), encoderBias: new Float32Array(1) };
    for (const rowType of ['F16', 'BF16'] as const) {
      // All positive finite numbers; those below zero never fire.
      const infinity = rowType === 'F16' ? 0x7c00 : 0x7f80;
      const bits = Uint16Array.from({ length: infinity }, (_, i) => i);
      const encoder = await openEncoder(sae, weights, { rowType });
      const found = await firingsOf(encoder, new Uint8Array(bits.buffer), infinity);
      await encoder.close();
      assert.equal(found.length, infinity - 1);
      for (const { row, activation } of found) {
        assert.equal(activation, rowType === 'F16' ? halfValue(row) : bfloatValue(row));
      }
    }
  });

  it('lists rows in order where one list cannot hold them', async () => {
    // Every feature fires on every row: 300 · 1000 firings, in more rows than one product has.
    const sae: EncodedSae = {
      architecture: 'standard',
      inputWidth,
      features: 1000,
      normalization: 'none',
      inputScale: 1,
    };
    const weights = {
      encoder: new Float32Array(1000 * inputWidth),
      encoderBias: new Float32Array(1000).map((_, i) => i + 1),
    };
    const encoder = await openEncoder(sae, weights);
    const found = await firingsOf(encoder, new Uint8Array(300 * inputWidth * 4), 300);
    await encoder.close();
    assert.equal(found.length, 300_000);
    found.forEach(({ row, feature, activation }, i) => {
      assert.ok(row === Math.floor(i / 1000) && feature === i % 1000 && activation === feature + 1);
    });
  });

  it('names row and feature of an activation that is too large, or not a number, unless the row is excluded', async () => {
    const big = 3e38;
    const encoder = noise(features * inputWidth, 2);
    // What each of four features does with a row of large numbers: to infinity, to minus infinity, to NaN.
    const cases = { infinity: [big, big], 'minus infinity': [-big, -big], NaN: [big, -big] };
    for (const [name, [first, second]] of Object.entries(cases)) {
      for (const architecture of ['standard', 'jumprelu', 'gated', 'topk'] as const) {
        const sae: EncodedSae = { architecture, inputWidth, features, normalization: 'none', inputScale: 1, k };
        const weights = { ...weightsOf(goldens[0]!), encoder: encoder.slice(), inputBias: undefined };
        const feature = 21;
        weights.encoder.fill(0, feature * inputWidth);
        weights.encoder[feature * inputWidth] = first!;
        // In another block of four terms: infinity and minus infinity meet.
        weights.encoder[feature * inputWidth + 7] = second!;
        const bytes = new Float32Array(rows * inputWidth);
        bytes[3 * inputWidth] = bytes[3 * inputWidth + 7] = 4;
        const memory = new WorkMemory();
        const opened = await openEncoder(sae, weights, {}, memory);
        const batch = placeRows(opened, rowBytes(bytes, 'F32'), rows, 1000);
        const work =
          architecture === 'topk'
            ? opened.encoder.offer(batch, new TopFeatures(memory, sae, rows))
            : opened.encoder.encode(batch, () => undefined);
        await assert.rejects(work, (error: unknown) => {
          assert.ok(error instanceof ActivationNotFinite, `${name}, ${architecture}: ${String(error)}`);
          assert.deepEqual(error.fields, { row: 1003, feature: 21 });
          return true;
        });
        await assertForgiven(sae, opened, batch);
        await opened.close();
      }
    }
  });

  /** With row 3 excluded there is no error, and nothing but finite numbers. */
  async function assertForgiven(sae: EncodedSae, { encoder, memory }: TestEncoder, batch: RowBatch): Promise<void> {
    const excluded = memory.take(rows);
    memory.view(excluded, rows).set([0, 0, 0, 1, 0, 0]);
    const top = sae.architecture === 'topk' ? new TopFeatures(memory, sae, rows) : undefined;
    if (top) await encoder.offer({ ...batch, excluded }, top);
    top?.finish();
    let count = 0;
    const check = (firings: Firings): void => {
      count += firings.count;
      assert.ok(firings.activationView().every(Number.isFinite));
    };
    await encoder.encode({ ...batch, excluded }, check, top);
    assert.ok(count > 0);
  }

  it('lets memory be taken while it lists', async () => {
    const sae: EncodedSae = {
      architecture: 'standard',
      inputWidth,
      features: 1000,
      normalization: 'none',
      inputScale: 1,
    };
    const encoderBias = new Float32Array(1000).fill(1);
    const opened = await openEncoder(sae, { encoder: new Float32Array(1000 * inputWidth), encoderBias });
    const batch = placeRows(opened, new Uint8Array(600 * inputWidth * 4), 600);
    let count = 0;
    await opened.encoder.encode(batch, (firings) => {
      count += firings.count;
      // At least a page: earlier views become void.
      opened.memory.take(100_000);
    });
    await opened.close();
    assert.equal(count, 600_000);
  });

  it('does not hide rows whose norm is too large for float32', async () => {
    for (const normalization of ['constantNorm', 'layerNorm'] as const) {
      const sae: EncodedSae = { architecture: 'standard', inputWidth, features, normalization, inputScale: 1 };
      const encoder = await openEncoder(sae, weightsOf(goldens[0]!));
      const values = x.slice();
      values[2 * inputWidth] = 1e30;
      await assert.rejects(firingsOf(encoder, rowBytes(values, 'F32'), rows), (error: unknown) => {
        assert.ok(error instanceof ActivationNotFinite);
        assert.equal(error.fields.row, 2);
        return true;
      });
      await encoder.close();
    }
  });
});

function halfValue(bits: number): number {
  const exponent = bits >>> 10;
  return exponent === 0 ? bits * 2 ** -24 : (1 + (bits % 1024) / 1024) * 2 ** (exponent - 15);
}

function bfloatValue(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!;
}
