import { crc32 } from '@node-rs/crc32';

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
 * | 120 | 4 | CRC-32 of the records |
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

/** What a segment's records are, in bytes and as a multiset. */
export interface SegmentContent {
  readonly crc32: number;
  /** Sum of the records' hashes modulo 2^128. */
  readonly digest: bigint;
}

export function encodeTrailer(identity: SegmentIdentity, content: SegmentContent): Uint8Array {
  const trailer = Buffer.alloc(trailerBytes);
  magic.copy(trailer);
  trailer.write(identity.layout, 8, 32, 'hex');
  trailer.write(identity.plan, 40, 32, 'hex');
  [identity.pass, identity.task, identity.bucket, identity.records].forEach((value, position) => {
    trailer.writeBigUInt64LE(BigInt(value), 72 + 8 * position);
  });
  trailer.writeBigUInt64LE(BigInt.asUintN(64, content.digest), 104);
  trailer.writeBigUInt64LE(BigInt.asUintN(64, content.digest >> 64n), 112);
  trailer.writeUInt32LE(content.crc32, 120);
  trailer.writeUInt32LE(crc32(trailer.subarray(0, 124)), 124);
  return trailer;
}

/** The multiset digest that a trailer names. */
export function trailerDigest(trailer: Uint8Array): bigint {
  const bytes = Buffer.from(trailer.buffer, trailer.byteOffset, trailer.length);
  return bytes.readBigUInt64LE(104) + (bytes.readBigUInt64LE(112) << 64n);
}

/**
 * Checks a trailer against what the reader expects.
 * @param content of the records as they were read
 * @returns why the segment is not the expected one; undefined when it is
 */
export function trailerFault(
  trailer: Uint8Array,
  expected: SegmentIdentity,
  content: SegmentContent,
): string | undefined {
  const bytes = Buffer.from(trailer.buffer, trailer.byteOffset, trailer.length);
  const wanted = encodeTrailer(expected, content);
  if (bytes.equals(wanted)) return undefined;
  if (bytes.readUInt32LE(124) !== crc32(bytes.subarray(0, 124)))
    return 'its trailer does not have the CRC that it names';
  if (!bytes.subarray(0, 104).equals(wanted.subarray(0, 104))) return 'it is another segment';
  return bytes.readUInt32LE(120) === content.crc32
    ? 'its records do not have the digest that it names'
    : 'its records do not have the CRC that it names';
}
