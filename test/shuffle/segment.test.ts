/**
 * The trailer of a segment: its bytes are the documented ones, and everything that can differ between the segment that a
 * reader wants and the one that it got is noticed. How a reader has bad segments written again is not tested here.
 */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import type { RecordDigest } from '../../src/memory/bank.js';
import { WorkMemory } from '../../src/memory/workMemory.js';
import { emptyDigest } from '../../src/shuffle/recordHash.js';
import { encodeTrailer, trailerBytes, trailerFault } from '../../src/shuffle/segment.js';
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

const anyDigest = fc.record({
  sum: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
  sequence: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
});
const anySegment = fc.tuple(anyIdentity, anyDigest);
const identity = { layout: 'ab'.repeat(32), plan: 'cd'.repeat(32), pass: 1, task: 77, bucket: 2 ** 40, records: 3 };

function littleEndian(value: number | bigint, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0, rest = BigInt(value); i < length; i++, rest >>= 8n) bytes[i] = Number(rest & 255n);
  return bytes;
}

describe('segment trailer', () => {
  it('has the documented 128 bytes (pinned: stored objects hold them)', () => {
    fc.assert(
      fc.property(anySegment, ([identity, digest]) => {
        const fields = Buffer.concat([
          Buffer.from('riffle-1', 'latin1'),
          Buffer.from(identity.layout, 'hex'),
          Buffer.from(identity.plan, 'hex'),
          littleEndian(identity.pass, 8),
          littleEndian(identity.task, 8),
          littleEndian(identity.bucket, 8),
          littleEndian(identity.records, 8),
          littleEndian(digest.sum, 16),
          littleEndian(digest.sequence, 4),
        ]);
        const trailer = encodeTrailer(identity, digest);
        assert.deepEqual(Buffer.from(trailer), Buffer.concat([fields, littleEndian(crc32(fields), 4)]));
        assert.equal(trailer.length, trailerBytes);
      }),
      { seed: 1 },
    );
    assert.equal(trailerBytes, 128);
  });

  it('is accepted by who expects this segment and has read its records', () => {
    fc.assert(
      fc.property(anySegment, fc.nat(9), ([identity, digest], offset) => {
        // As a reader has it: a view into a larger buffer.
        const buffer = Buffer.concat([Buffer.alloc(offset), encodeTrailer(identity, digest)]);
        assert.equal(trailerFault(buffer.subarray(offset), identity, digest), undefined);
      }),
      { seed: 2 },
    );
  });

  it('is refused where any of its bits differs', () => {
    const digest = { sum: 0x0123456789abcdef0123456789abcdefn, sequence: 0xfedcba9876543210n };
    for (let bit = 0; bit < 8 * trailerBytes; bit++) {
      const trailer = Buffer.from(encodeTrailer(identity, digest));
      trailer[bit >> 3]! ^= 1 << (bit & 7);
      assert.match(trailerFault(trailer, identity, digest)!, /its trailer/, `bit ${bit}`);
    }
  });

  it('is refused with other records, or the same in another order', () => {
    const memory = new WorkMemory();
    const address = memory.take(64);
    const digestOf = (text: string): RecordDigest => {
      memory.view(address, text.length).set(Buffer.from(text));
      const digest = emptyDigest();
      memory.digestRecords(address, text.length / 2, 2, digest);
      return digest;
    };
    const trailer = encodeTrailer(identity, digestOf('aabbcc'));
    assert.equal(trailerFault(trailer, identity, digestOf('aabbcc')), undefined);
    for (const other of ['aabbcd', 'aabb', 'bbaacc', 'aaccbb', 'ccbbaa', 'aabbccaa']) {
      assert.match(trailerFault(trailer, identity, digestOf(other))!, /its records/, other);
    }
    // The same multiset all the same.
    assert.equal(digestOf('ccbbaa').sum, digestOf('aabbcc').sum);
  });

  it('is refused, with sound bytes, where it is that of another layout, plan, pass, task, bucket or count', () => {
    fc.assert(
      fc.property(anySegment, anyIdentity, ([identity, digest], other) => {
        const trailer = encodeTrailer(identity, digest);
        for (const field of Object.keys(identity) as (keyof SegmentIdentity)[]) {
          if (other[field] === identity[field]) continue;
          const expected = { ...identity, [field]: other[field] };
          assert.equal(trailerFault(trailer, expected, digest), 'it is another segment', field);
        }
      }),
      { seed: 3 },
    );
  });

  it('is refused where its magic is not its own, although the CRC fits', () => {
    for (const at of [0, 7]) {
      const trailer = Buffer.from(encodeTrailer(identity, emptyDigest()));
      trailer[at]! ^= 1;
      trailer.writeUInt32LE(crc32(trailer.subarray(0, 124)), 124);
      assert.equal(trailerFault(trailer, identity, emptyDigest()), 'it is another segment', `byte ${at}`);
    }
  });
});
