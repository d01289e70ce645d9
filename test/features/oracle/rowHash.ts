import { createHash } from 'node:crypto';
import { createXXHash3 } from 'hash-wasm';

/** A feature's random order of rows: XXH3-64 of (feature u32, row u64), keyed by the seed. */
export type RowHash = (feature: number, row: number) => bigint;

export async function rowHash(seed: string): Promise<RowHash> {
  const key = createHash('sha256').update(`riffle-visualize/1\0${seed}`, 'utf8').digest();
  const xxh3 = await createXXHash3(key.readUInt32LE(0), key.readUInt32LE(4));
  return (feature, row) => {
    const message = Buffer.alloc(12);
    message.writeUInt32LE(feature, 0);
    message.writeBigUInt64LE(BigInt(row), 4);
    return BigInt(`0x${xxh3.init().update(message).digest('hex')}`);
  };
}
