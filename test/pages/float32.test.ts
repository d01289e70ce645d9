/** float32 numbers print as the shortest decimal that reads back the same: golden numbers from numpy. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { shortestFloat32 } from '../../src/pages/float32.js';

const golden = JSON.parse(readFileSync(new URL('float32.json', import.meta.url), 'utf8')) as [number, string][];

describe('shortestFloat32', () => {
  it('prints what numpy prints: powers of two, bin edges, random numbers', () => {
    assert.equal(golden.length, 967);
    for (const [bits, text] of golden) {
      const value = new Float32Array(Uint32Array.of(bits).buffer)[0]!;
      assert.equal(shortestFloat32(value), Number(text), text);
    }
  });

  it('reads back the same, and no number of fewer digits does', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const short = shortestFloat32(value);
        assert.equal(Math.fround(short), value + 0);
        assert.equal(shortestFloat32(short), short);
        const digits = digitsOf(short);
        if (digits > 1) assert.notEqual(Math.fround(Number(value.toPrecision(digits - 1))), value);
      }),
      { seed: 1, numRuns: 5000 },
    );
  });

  it('refuses what is no finite float32', () => {
    for (const value of [NaN, Infinity, 0.1 + 0.2, 1e300]) assert.throws(() => shortestFloat32(value), RangeError);
  });
});

function digitsOf(value: number): number {
  return value
    .toExponential()
    .replace(/e.*|[-.]/g, '')
    .replace(/0+$/, '').length;
}
