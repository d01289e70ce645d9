/**
 * A buffer in parts behaves as one flat buffer, also across the seams. That parts are those of an upload is the storage
 * tests' matter; objects beyond 4 GiB are not made here.
 */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { PartedBuffer, scratchFor } from '../../src/storage/partedBuffer.js';

/** Copies of up to 16 bytes and longer ones take different ways, so both have to meet seams. */
const sizes = fc.record({ length: fc.integer({ min: 0, max: 300 }), part: fc.integer({ min: 1, max: 90 }) });
const write = fc.record({ at: fc.nat(), bytes: fc.uint8Array({ maxLength: 120 }), skip: fc.nat(5) });
const range = fc.tuple(fc.nat(), fc.nat(120));

function clip([at, wanted]: readonly [number, number], length: number): [position: number, count: number] {
  const position = at % (length + 1);
  return [position, Math.min(wanted, length - position)];
}

describe('PartedBuffer', () => {
  it('holds what was written, as a flat buffer would', () => {
    let crossed = 0;
    fc.assert(
      fc.property(sizes, fc.array(write), fc.array(range), ({ length, part }, writes, ranges) => {
        const buffer = new PartedBuffer(length, part);
        const flat = new Uint8Array(length);
        buffer.write(0, flat, 0, length);
        for (const { at, bytes, skip } of writes) {
          const [position, count] = clip([at, bytes.length], length);
          const start = Math.min(skip, count);
          buffer.write(position + start, bytes, start, count);
          flat.set(bytes.subarray(start, count), position + start);
        }

        assert.equal(buffer.length, length);
        assert.deepEqual(Buffer.concat(buffer.parts), Buffer.from(flat));
        assert.deepEqual(
          buffer.parts.map(({ length: bytes }) => bytes),
          Array.from({ length: Math.max(1, Math.ceil(length / part)) }, (_, i) => Math.min(part, length - i * part)),
        );
        for (const [position, count] of ranges.map((wanted) => clip(wanted, length))) {
          const expected = flat.slice(position, position + count);
          if (count > 0 && Math.floor(position / part) !== Math.floor((position + count - 1) / part)) crossed++;

          const target = new Uint8Array(count + 5).fill(9);
          buffer.copyTo(position, count, target, 2);
          assert.deepEqual(target, Uint8Array.of(9, 9, ...expected, 9, 9, 9));
          assert.equal(buffer.crc32(position, count), crc32(expected));
          assert.equal(buffer.crc32(position, count, 12_345), crc32(expected, 12_345));
          if (count === 0) continue;
          const seen = buffer.read(position, count, scratchFor(count), (view, at) =>
            Uint8Array.from({ length: count }, (_, i) => view.getUint8(at + i)),
          );
          assert.deepEqual(seen, expected);
        }
        assert.equal(buffer.crc32(), crc32(flat));
      }),
      { seed: 1, numRuns: 500 },
    );
    assert.ok(crossed > 500, `only ${crossed} ranges crossed a seam`);
  });

  it('reads in place where no seam is crossed, and through scratch memory where one is', () => {
    const buffer = new PartedBuffer(40, 16);
    buffer.write(
      0,
      Uint8Array.from({ length: 40 }, (_, i) => i),
      0,
      40,
    );
    const scratch = scratchFor(16);
    const viewOf = (position: number, length: number): DataView =>
      buffer.read(position, length, scratch, (view, at) => {
        assert.equal(view.getUint8(at), position);
        return view;
      });
    assert.notEqual(viewOf(16, 16), scratch.view);
    assert.notEqual(viewOf(32, 8), scratch.view);
    assert.equal(viewOf(15, 2), scratch.view);
  });
});
