/**
 * The trailer of a segment: its bytes are the documented ones, and everything that can differ between the segment that a
 * reader wants and the one that it got is noticed. How a reader has bad segments written again is not tested here.
 */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { checkTrailer, encodeTrailer, trailerBytes } from '../../src/shuffle/segment.js';
import type { SegmentIdentity } from '../../src/shuffle/segment.js';

const hex = (digits: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: digits / 2, maxLength: digits / 2 }).map((bytes) => Buffer.from(bytes).toString('hex'));

const anyIdentity: fc.Arbitrary<SegmentIdentity> = fc.record({
  layout: hex(64),
  plan: hex(64),
  pass: fc.maxSafeNat(),
  task: fc.maxSafeNat(),
  bucket: fc.maxSafeNat(),
  records: fc.maxSafeNat(),
});

const anySegment = fc.tuple(anyIdentity, hex(32), fc.uint8Array());

describe('segment trailer', () => {
  it('has the documented 128 bytes (pinned: stored objects hold them)', () => {
    fc.assert(
      fc.property(anySegment, ([identity, digest, data]) => {
        const number = (value: number): Buffer => {
          const bytes = Buffer.alloc(8);
          for (let i = 0, rest = BigInt(value); i < 8; i++, rest >>= 8n) bytes[i] = Number(rest & 255n);
          return bytes;
        };
        const fields = Buffer.concat([
          Buffer.from('riffle-1', 'latin1'),
          Buffer.from(identity.layout, 'hex'),
          Buffer.from(identity.plan, 'hex'),
          number(identity.pass),
          number(identity.task),
          number(identity.bucket),
          number(identity.records),
          Buffer.from(digest, 'hex').reverse(),
          Buffer.alloc(4),
        ]);
        const crc = number(crc32(Buffer.concat([data, fields]))).subarray(0, 4);
        const trailer = encodeTrailer(identity, digest, crc32(data));
        assert.deepEqual(Buffer.from(trailer), Buffer.concat([fields, crc]));
        assert.equal(trailer.length, trailerBytes);
      }),
      { seed: 1 },
    );
    assert.equal(trailerBytes, 128);
  });

  it('gives the digest back to who expects this segment', () => {
    fc.assert(
      fc.property(anySegment, fc.nat(9), ([identity, digest, data], offset) => {
        // As a reader has it: a view into a larger buffer.
        const buffer = Buffer.concat([Buffer.alloc(offset), encodeTrailer(identity, digest, crc32(data))]);
        assert.deepEqual(checkTrailer(buffer.subarray(offset), identity, crc32(data)), { digest });
      }),
      { seed: 2 },
    );
  });

  it('is refused where any bit of data or trailer differs', () => {
    const identity = { layout: 'ab'.repeat(32), plan: 'cd'.repeat(32), pass: 1, task: 77, bucket: 2 ** 40, records: 3 };
    const data = Uint8Array.from({ length: 30 }, (_, i) => 7 * i);
    const trailer = encodeTrailer(identity, '0123456789abcdef0123456789abcdef', crc32(data));
    for (let bit = 0; bit < 8 * (data.length + trailerBytes); bit++) {
      const whole = Buffer.concat([data, trailer]);
      whole[bit >> 3]! ^= 1 << (bit & 7);
      const found = checkTrailer(whole.subarray(data.length), identity, crc32(whole.subarray(0, data.length)));
      assert.deepEqual(found, { fault: 'its CRC does not match' }, `bit ${bit}`);
    }
  });

  it('is refused, with sound bytes, where it is that of another layout, plan, pass, task, bucket or count', () => {
    fc.assert(
      fc.property(anySegment, anyIdentity, ([identity, digest, data], other) => {
        const trailer = encodeTrailer(identity, digest, crc32(data));
        for (const field of Object.keys(identity) as (keyof SegmentIdentity)[]) {
          if (other[field] === identity[field]) continue;
          const expected = { ...identity, [field]: other[field] };
          assert.deepEqual(checkTrailer(trailer, expected, crc32(data)), { fault: 'it is another segment' }, field);
        }
      }),
      { seed: 3 },
    );
  });

  it('is refused where magic or padding are not its own, although the CRC fits', () => {
    const identity = { layout: 'ab'.repeat(32), plan: 'cd'.repeat(32), pass: 1, task: 2, bucket: 3, records: 4 };
    for (const at of [0, 7, 120, 123]) {
      const trailer = Buffer.from(encodeTrailer(identity, '0'.repeat(32), 0));
      trailer[at]! ^= 1;
      trailer.writeUInt32LE(crc32(trailer.subarray(0, 124)), 124);
      assert.deepEqual(checkTrailer(trailer, identity, 0), { fault: 'it is another segment' }, `byte ${at}`);
    }
  });
});
