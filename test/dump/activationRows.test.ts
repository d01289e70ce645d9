/** Floats as they are stored: widened, searched for infinities and NaN, measured. Goldens: floats.py. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { nonFiniteRows, rowNorms } from '../../src/dump/activationRows.js';
import { toFloat32 } from '../../src/formats/float32.js';
import type { ActivationDtype } from '../../src/formats/float32.js';
import { parseSafetensorsHeader } from '../../src/formats/safetensors.js';

const goldens = JSON.parse(readFileSync(new URL('./floats.json', import.meta.url)).toString()) as {
  readonly sha256: Readonly<Record<'F16' | 'BF16', string>>;
  readonly norms: Readonly<Record<ActivationDtype, readonly number[]>>;
};

const width = 576;

/** The first 300 activations of a shard of the sample, F16. */
function sample(): Uint8Array {
  const file = readFileSync(new URL('../../examples/dump/00001.safetensors', import.meta.url));
  const { header, columns, offsets } = parseSafetensorsHeader(file, file.length, 'sample');
  const start = header + offsets[columns.findIndex(({ name }) => name === 'activations')]!;
  return Uint8Array.from(file.subarray(start, start + 300 * width * 2));
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

describe('stored floats', () => {
  for (const dtype of ['F16', 'BF16'] as const) {
    it(`widen all 65,536 values of ${dtype} as NumPy does`, () => {
      const patterns = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
      const floats = toFloat32(dtype, bytesOf(patterns), new Float32Array(65_536));
      for (const [i, value] of floats.entries()) if (Number.isNaN(value)) floats[i] = NaN;
      assert.equal(createHash('sha256').update(bytesOf(floats)).digest('hex'), goldens.sha256[dtype]);
    });
  }

  it('have norms that are summed in float64 in the order of the row', () => {
    const widened = toFloat32('F16', sample(), new Float32Array(300 * width));
    const truncated = Uint16Array.from(new Uint32Array(widened.buffer), (bits) => bits >>> 16);
    const stored = {
      F16: sample(),
      BF16: bytesOf(truncated),
      F32: bytesOf(widened.map((value) => value * Math.fround(1.1))),
    };
    for (const [dtype, bytes] of Object.entries(stored) as [ActivationDtype, Uint8Array][]) {
      assert.deepEqual([...rowNorms({ bytes, dtype, width })], goldens.norms[dtype]);
    }
  });

  it('are searched for infinities and NaN of any sign and payload', () => {
    const special = {
      F16: { bits: 16, infinite: [0x7c00, 0xfc00, 0x7c01, 0xffff], finite: [0x7bff, 0xfbff, 0x0001, 0x8000] },
      BF16: { bits: 16, infinite: [0x7f80, 0xff80, 0x7f81, 0xffff], finite: [0x7f7f, 0xff7f, 0x0001, 0x7c00] },
      F32: {
        bits: 32,
        infinite: [0x7f800000, 0xff800000, 0x7f800001, 0xffffffff],
        finite: [0x7f7fffff, 0x7f7f0000, 1, 0x7c00],
      },
    };
    fc.assert(
      fc.property(
        fc.constantFrom('F16', 'BF16', 'F32'),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.array(fc.tuple(fc.boolean(), fc.nat(3)), { minLength: 5, maxLength: 5 }), { maxLength: 30 }),
        (dtype, columns, rows) => {
          const { bits, infinite, finite } = special[dtype];
          // One value in four is infinite.
          const values = rows.map((row) =>
            row.slice(0, columns).map(([rare, which]) => (rare && which === 0 ? infinite : finite)[which]!),
          );
          const flat = values.flat();
          const bytes = bytesOf(bits === 16 ? Uint16Array.from(flat) : Uint32Array.from(flat));
          const expected = values.flatMap((row, i) => (row.some((value) => infinite.includes(value)) ? [i] : []));
          assert.deepEqual(nonFiniteRows({ bytes, dtype, width: columns }), expected);
        },
      ),
      { seed: 1, numRuns: 500 },
    );
    for (const [dtype, { bits, infinite }] of Object.entries(special) as [ActivationDtype, (typeof special)['F16']][]) {
      const values = [0, 1, ...infinite];
      const bytes = bytesOf(bits === 16 ? Uint16Array.from(values) : Uint32Array.from(values));
      assert.deepEqual(nonFiniteRows({ bytes, dtype, width: 1 }), [2, 3, 4, 5]);
    }
  });
});
