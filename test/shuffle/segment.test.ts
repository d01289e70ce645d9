/**
 * The trailer of a segment: its bytes are the documented ones, and everything that can differ between the segment that a
 * reader wants and the one that it got is noticed. How a reader has bad segments written again is not tested here.
 */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { encodeTrailer, trailerBytes, trailerDigest, trailerFault } from '../../src/runs/segment.js';
import type { SegmentContent, SegmentIdentity } from '../../src/runs/segment.js';

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

const anyContent: fc.Arbitrary<SegmentContent> = fc.record({
  crc32: fc.nat(2 ** 32 - 1),
  digest: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
});
const anySegment = fc.tuple(anyIdentity, anyContent);
const content = { crc32: 0xfedcba98, digest: 0x0123456789abcdef0123456789abcdefn };
const identity = { layout: 'ab'.repeat(32), plan: 'cd'.repeat(32), pass: 1, task: 77, bucket: 2 ** 40, records: 3 };

function littleEndian(value: number | bigint, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0, rest = BigInt(value); i < length; i++, rest >>= 8n) bytes[i] = Number(rest & 255n);
  return bytes;
}

describe('segment trailer', () => {
  it('has the documented 128 bytes (pinned: stored objects hold them)', () => {
    fc.assert(
      fc.property(anySegment, ([identity, content]) => {
        const fields = Buffer.concat([
          Buffer.from('riffle-1', 'latin1'),
          Buffer.from(identity.layout, 'hex'),
          Buffer.from(identity.plan, 'hex'),
          littleEndian(identity.pass, 8),
          littleEndian(identity.task, 8),
          littleEndian(identity.bucket, 8),
          littleEndian(identity.records, 8),
          littleEndian(content.digest, 16),
          littleEndian(content.crc32, 4),
        ]);
        const trailer = encodeTrailer(identity, content);
        assert.equal(trailerDigest(trailer), content.digest);
        assert.deepEqual(Buffer.from(trailer), Buffer.concat([fields, littleEndian(crc32(fields), 4)]));
        assert.equal(trailer.length, trailerBytes);
      }),
      { seed: 1 },
    );
    assert.equal(trailerBytes, 128);
  });

  it('is accepted by who expects this segment and has read its records', () => {
    fc.assert(
      fc.property(anySegment, fc.nat(9), ([identity, content], offset) => {
        // As a reader has it: a view into a larger buffer.
        const buffer = Buffer.concat([Buffer.alloc(offset), encodeTrailer(identity, content)]);
        assert.equal(trailerFault(buffer.subarray(offset), identity, content), undefined);
      }),
      { seed: 2 },
    );
  });

  it('is refused where any of its bits differs', () => {
    for (let bit = 0; bit < 8 * trailerBytes; bit++) {
      const trailer = Buffer.from(encodeTrailer(identity, content));
      trailer[bit >> 3]! ^= 1 << (bit & 7);
      assert.match(trailerFault(trailer, identity, content)!, /its trailer/, `bit ${bit}`);
    }
  });

  it('is refused with other records: of another CRC, as the same in another order, or of another digest', () => {
    const trailer = encodeTrailer(identity, content);
    assert.match(trailerFault(trailer, identity, { ...content, crc32: 1 })!, /its records do not have the CRC/);
    assert.match(trailerFault(trailer, identity, { ...content, digest: 1n })!, /its records do not have the digest/);
  });

  it('is refused, with sound bytes, where it is that of another layout, plan, pass, task, bucket or count', () => {
    fc.assert(
      fc.property(anySegment, anyIdentity, ([identity, content], other) => {
        const trailer = encodeTrailer(identity, content);
        for (const field of Object.keys(identity) as (keyof SegmentIdentity)[]) {
          if (other[field] === identity[field]) continue;
          const expected = { ...identity, [field]: other[field] };
          assert.equal(trailerFault(trailer, expected, content), 'it is another segment', field);
        }
      }),
      { seed: 3 },
    );
  });

  it('is refused where its magic is not its own, although the CRC fits', () => {
    for (const at of [0, 7]) {
      const trailer = Buffer.from(encodeTrailer(identity, content));
      trailer[at]! ^= 1;
      trailer.writeUInt32LE(crc32(trailer.subarray(0, 124)), 124);
      assert.equal(trailerFault(trailer, identity, content), 'it is another segment', `byte ${at}`);
    }
  });
});
