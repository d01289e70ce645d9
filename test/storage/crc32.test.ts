/** CRCs of two pieces give that of both together, for any lengths. CRC-32 itself is zlib's. */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { combineCrc32 } from '../../src/storage/crc32.js';

describe('combineCrc32', () => {
  it('is the CRC-32 of the bytes one after the other', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (first, second) => {
        const together = crc32(Buffer.concat([first, second]));
        assert.equal(combineCrc32(crc32(first), crc32(second), second.length), together);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('also over lengths that are powers of two, and over many pieces', () => {
    const bytes = Buffer.alloc(70_000, 'some bytes that repeat, but not in step with powers of two');
    for (const length of [1, 2, 255, 256, 4096, 65_535, 65_536]) {
      const [first, second] = [bytes.subarray(0, 4000), bytes.subarray(4000, 4000 + length)];
      assert.equal(combineCrc32(crc32(first), crc32(second), length), crc32(bytes.subarray(0, 4000 + length)));
    }
    let crc = 0;
    for (let at = 0; at < bytes.length; at += 999) {
      const piece = bytes.subarray(at, at + 999);
      crc = combineCrc32(crc, crc32(piece), piece.length);
    }
    assert.equal(crc, crc32(bytes));
  });

  it('works for pieces of terabytes', () => {
    // The CRC's zero bytes form a cycle of 2^32 − 1 bits: that many bytes of zeros (8 cycles) change nothing.
    const length = 2 ** 32 - 1;
    const second = 0x12345678;
    assert.equal(combineCrc32(0xcafef00d, second, length), (0xcafef00d ^ second) >>> 0);
    assert.equal(combineCrc32(0xcafef00d, second, 1000 * length + 3), combineCrc32(0xcafef00d, second, 3));
    assert.notEqual(combineCrc32(0xcafef00d, second, 3), combineCrc32(0xcafef00d, second, 4));
  });
});
