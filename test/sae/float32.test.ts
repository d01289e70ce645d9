import assert from 'node:assert/strict';
import fc from 'fast-check';
import { firstNonFinite, toFloat32, type FloatDtype } from '../../src/formats/float32.js';

function widen(dtype: FloatDtype, elements: Uint16Array | Float64Array): number[] {
  return [...toFloat32(dtype, new Uint8Array(elements.buffer), new Float32Array(elements.length))];
}

describe('Stored floats', () => {
  it('of 16 bits are widened exactly', () => {
    // Values of numpy.uint16(bits).view(numpy.float16).
    const halves: readonly [number, number][] = [
      [0x0000, 0],
      [0x8000, -0],
      [0x0001, 5.960464477539063e-8],
      [0x03ff, 6.097555160522461e-5],
      [0x0400, 6.103515625e-5],
      [0x3555, 0.333251953125],
      [0x3c00, 1],
      [0x3c01, 1.0009765625],
      [0xc000, -2],
      [0x7bff, 65504],
      [0x7c00, Infinity],
      [0xfc00, -Infinity],
      [0x7e00, NaN],
    ];
    const bits = Uint16Array.from(halves, ([pattern]) => pattern);
    assert.deepEqual(
      widen('F16', bits),
      halves.map(([, value]) => value),
    );
    const brain = Uint16Array.from([0x3f80, 0xbf81, 0x0001, 0x7f7f, 0x7f80]);
    assert.deepEqual(widen('BF16', brain), [1, -1.0078125, 9.183549615799121e-41, 3.3895313892515355e38, Infinity]);
  });

  it('of 64 bits are rounded to the nearest', () => {
    fc.assert(
      fc.property(fc.array(fc.double(), { minLength: 1 }), (values) => {
        assert.deepEqual(widen('F64', Float64Array.from(values)), values.map(Math.fround));
      }),
    );
  });

  it('are searched for NaN and infinities', () => {
    assert.equal(firstNonFinite(Float32Array.from([0, -1, 3e38])), -1);
    for (const bad of [NaN, Infinity, -Infinity]) assert.equal(firstNonFinite(Float32Array.from([1, 2, bad, bad])), 2);
  });
});
