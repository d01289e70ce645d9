/** The same row and feature give the same bits, however the work is cut; and what happens on machines where they do not. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ComputeUnavailable, ComputeUnreproducible } from '../../src/errors.js';
import { checkEncoder } from '../../src/encoder/checkEncoder.js';
import type { OpenProduct } from '../../src/encoder/checkEncoder.js';
import { Product } from '../../src/encoder/product.js';
import type { EncodedSae, EncoderWeights } from '../../src/encoder/weights.js';
import { firingsOf, openEncoder } from './support.js';
import type { Firing } from './support.js';

const cpu = { provider: 'cpu', threads: 1 } as const;

/** Any floats: unlike those of support.ts, sums of their products must be rounded. */
function random(length: number, seed: number): Float32Array {
  let state = seed;
  return new Float32Array(length).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state / 2 ** 31;
  });
}

function bytesOf(values: Float32Array, from = 0, to = values.length): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset + 4 * from, 4 * (to - from));
}

describe('Encoder, however the work is cut', () => {
  const features = 1500;
  const rows = 700;
  for (const [inputWidth, normalization] of [
    [301, 'none'],
    [64, 'constantNorm'],
    [67, 'layerNorm'],
  ] as const) {
    it(`finds the same bits: ${inputWidth} wide, ${normalization}`, async () => {
      const sae: EncodedSae = { architecture: 'jumprelu', inputWidth, features, normalization, inputScale: 1 };
      const weights: EncoderWeights = {
        encoder: random(features * inputWidth, 1),
        encoderBias: random(features, 2),
        threshold: new Float32Array(features).fill(Math.sqrt(inputWidth) / 4),
        inputBias: random(inputWidth, 3),
      };
      const x = random(rows * inputWidth, 4);
      for (let row = 0; row < rows; row += 5) x[row * inputWidth + (row % inputWidth)]! *= 20_000;
      const whole = await openEncoder(sae, weights);
      const expected = await firingsOf(whole, bytesOf(x), rows);
      await whole.close();
      assert.ok(expected.length > 10_000);
      await fc.assert(
        fc.asyncProperty(
          fc.tuple(fc.nat(features), fc.nat(features)).filter(([from, to]) => from < to),
          fc.tuple(fc.nat(rows), fc.nat(rows)).filter(([from, to]) => from < to),
          fc.integer({ min: 1, max: 2 }),
          async ([from, to], [firstRow, end], threads) => {
            const encoder = await openEncoder(sae, weights, { from, to, compute: { provider: 'cpu', threads } });
            const part = bytesOf(x, firstRow * inputWidth, end * inputWidth);
            const found = await firingsOf(encoder, part, end - firstRow);
            await encoder.close();
            const same = expected
              .filter(({ row, feature }) => row >= firstRow && row < end && feature >= from && feature < to)
              .map(({ row, feature, activation }) => ({ row: row - firstRow, feature: feature - from, activation }));
            assert.deepEqual(found, same);
          },
        ),
        { seed: 6, numRuns: 25 },
      );
    });
  }

  it('finds the same in products of fixed shape, up to the last bits', async () => {
    const inputWidth = 33;
    const sae: EncodedSae = {
      architecture: 'standard',
      inputWidth,
      features: 2600,
      normalization: 'none',
      inputScale: 1,
    };
    const weights = { encoder: random(2600 * inputWidth, 1), encoderBias: random(2600, 2).map((value) => value - 4) };
    const x = random(300 * inputWidth, 3);
    const found: Firing[][] = [];
    for (const shapes of ['any', 'fixed'] as const) {
      // Three products of 1,024 columns, of which the first and the last hold padding.
      const encoder = await openEncoder(sae, weights, { from: 700, to: 2500, shapes });
      const firings = await firingsOf(encoder, bytesOf(x), 300);
      found.push(firings.sort((a, b) => a.row - b.row || a.feature - b.feature));
      await encoder.close();
    }
    const [any, fixed] = found as [Firing[], Firing[]];
    assert.ok(any.length > 5000);
    assert.deepEqual(
      fixed.map(({ row, feature }) => [row, feature]),
      any.map(({ row, feature }) => [row, feature]),
    );
    for (const [i, { activation }] of fixed.entries()) assert.ok(Math.abs(activation - any[i]!.activation) < 1e-5);
  });
});

describe('checkEncoder', () => {
  /** Products that differ a little where `differs` says so. */
  function disturbed(differs: (shapes: string, count: number, threads: number, width: number) => boolean): OpenProduct {
    return async (...parameters) => {
      const product = await Product.open(...parameters);
      const [, , , , { threads }, shapes] = parameters;
      return {
        run: async (rows, count, values) => {
          await product.run(rows, count, values);
          if (!differs(shapes, count, threads, product.width)) return;
          const bits = new Uint32Array(values.buffer);
          bits[count * product.width - 1]!++;
          // In products of fixed shape the last columns are padding, and the features' place is told by their column.
          for (let column = 0; column < product.width; column++) bits[column]!++;
        },
        close: () => product.close(),
      };
    };
  }

  it('finds that products may have any shape here', async () => {
    for (const threads of [1, 2]) assert.equal(await checkEncoder({ provider: 'cpu', threads }), 'any');
  });

  it('falls back to products of fixed shape where rows, features or threads change the bits', async () => {
    const any = (shapes: string): boolean => shapes === 'any';
    assert.equal(
      await checkEncoder(
        cpu,
        disturbed((shapes, count) => any(shapes) && count === 1),
      ),
      'fixed',
    );
    assert.equal(
      await checkEncoder(
        cpu,
        disturbed((shapes, _, threads) => any(shapes) && threads === 2),
      ),
      'fixed',
    );
    assert.equal(
      await checkEncoder(
        cpu,
        disturbed((shapes, _c, _t, width) => any(shapes) && width < 5),
      ),
      'fixed',
    );
  });

  it('refuses a machine on which nothing helps', async () => {
    await assert.rejects(
      checkEncoder(
        cpu,
        disturbed((_, count) => count === 1),
      ),
      ComputeUnreproducible,
    );
  });

  it('refuses a machine that rounds the factors of a product', async () => {
    const rounded: OpenProduct = async (...parameters) => {
      const product = await Product.open(...parameters);
      return {
        // TensorFloat-32 keeps 10 of the 23 bits that follow the leading one.
        run: (rows, count, values) => {
          const bits = new Uint32Array(rows.slice().buffer).map((word) => word & 0xffff_e000);
          return product.run(new Uint8Array(bits.buffer), count, values);
        },
        close: () => product.close(),
      };
    };
    await assert.rejects(checkEncoder(cpu, rounded), ComputeUnavailable);
  });
});
