import { crc32 } from 'node:zlib';

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
 * | 120 | 4 | zero |
 * | 124 | 4 | CRC-32 of the segment's records and of the 124 bytes before |
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

/**
 * @param digest multiset digest of the records, hex
 * @param dataCrc CRC-32 of the segment's records
 */
export function encodeTrailer(identity: SegmentIdentity, digest: string, dataCrc: number): Uint8Array {
  const trailer = Buffer.alloc(trailerBytes);
  magic.copy(trailer);
  trailer.write(identity.layout, 8, 32, 'hex');
  trailer.write(identity.plan, 40, 32, 'hex');
  [identity.pass, identity.task, identity.bucket, identity.records].forEach((value, position) => {
    trailer.writeBigUInt64LE(BigInt(value), 72 + 8 * position);
  });
  Buffer.from(digest, 'hex').reverse().copy(trailer, 104);
  trailer.writeUInt32LE(crc32(trailer.subarray(0, 124), dataCrc), 124);
  return trailer;
}

/**
 * Checks a trailer against what the reader expects.
 * @param dataCrc CRC-32 of the segment's records as they were read
 * @returns the multiset digest, or why the segment is not the expected one
 */
export function checkTrailer(
  trailer: Uint8Array,
  expected: SegmentIdentity,
  dataCrc: number,
): { digest: string } | { fault: string } {
  const bytes = Buffer.from(trailer.buffer, trailer.byteOffset, trailer.length);
  const digest = Buffer.from(bytes.subarray(104, 120)).reverse().toString('hex');
  if (bytes.readUInt32LE(124) !== crc32(bytes.subarray(0, 124), dataCrc)) return { fault: 'its CRC does not match' };
  if (!bytes.equals(encodeTrailer(expected, digest, dataCrc))) return { fault: 'it is another segment' };
  return { digest };
}
