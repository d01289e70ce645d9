import { crc32 } from '@node-rs/crc32';
import type { RecordDigest } from '../memory/bank.js';

/**
 * The 128 bytes at the end of every segment of a packed object: proof that these bytes are the ones that this reader
 * wants. All integers are little-endian.
 *
 * | offset | bytes | field |
 * | --- | --- | --- |
 * | 0 | 8 | `riffle-1` |
 * | 8 | 32 | layout digest |
 * | 40 | 32 | plan digest |
 * | 72 | 8 | pass |
 * | 80 | 8 | task |
 * | 88 | 8 | bucket |
 * | 96 | 8 | records |
 * | 104 | 16 | multiset digest of the records |
 * | 120 | 4 | low half of the records' sequence (assembly/recordHash.ts), which depends on their order |
 * | 124 | 4 | CRC-32 of the 124 bytes before |
 */
export const trailerBytes = 128;

const magic = Buffer.from('riffle-1');

export interface SegmentIdentity {
  /** SHA-256 in hex. */
  readonly layout: string;
  /** SHA-256 in hex. */
  readonly plan: string;
  readonly pass: number;
  readonly task: number;
  readonly bucket: number;
  readonly records: number;
}

export function encodeTrailer(identity: SegmentIdentity, digest: RecordDigest): Uint8Array {
  const trailer = Buffer.alloc(trailerBytes);
  magic.copy(trailer);
  trailer.write(identity.layout, 8, 32, 'hex');
  trailer.write(identity.plan, 40, 32, 'hex');
  [identity.pass, identity.task, identity.bucket, identity.records].forEach((value, position) => {
    trailer.writeBigUInt64LE(BigInt(value), 72 + 8 * position);
  });
  trailer.writeBigUInt64LE(BigInt.asUintN(64, digest.sum), 104);
  trailer.writeBigUInt64LE(BigInt.asUintN(64, digest.sum >> 64n), 112);
  trailer.writeUInt32LE(Number(BigInt.asUintN(32, digest.sequence)), 120);
  trailer.writeUInt32LE(crc32(trailer.subarray(0, 124)), 124);
  return trailer;
}

/**
 * Checks a trailer against what the reader expects.
 * @param digest of the records as they were read
 * @returns why the segment is not the expected one; undefined when it is
 */
export function trailerFault(trailer: Uint8Array, expected: SegmentIdentity, digest: RecordDigest): string | undefined {
  const bytes = Buffer.from(trailer.buffer, trailer.byteOffset, trailer.length);
  const wanted = encodeTrailer(expected, digest);
  if (bytes.equals(wanted)) return undefined;
  if (bytes.readUInt32LE(124) !== crc32(bytes.subarray(0, 124)))
    return 'its trailer does not have the CRC that it names';
  return bytes.subarray(0, 104).equals(wanted.subarray(0, 104))
    ? 'its records do not have the digest that it names'
    : 'it is another segment';
}
