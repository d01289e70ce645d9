/**
 * Collected statistics of a block of features as bytes (docs/formats.md, "Collected statistics"): a header, a record for
 * each feature, a checksum. Equal states have equal bytes.
 */
import { crc32 } from '@node-rs/crc32';
import { CollectedDamaged } from '../errors.js';
import type { FeatureBlock } from './collector.js';
import { decodeState, encodeState, mostStateBytes } from './stateFormat.js';
import type { FeatureState } from './featureState.js';
import { separateOctaves } from './settings.js';
import type { ExampleSettings } from './settings.js';

const magic = Buffer.from('collect1');
export const headerBytes = 48;
const checksumBytes = 4;

/** What the states of a block were collected with; states of other blocks merge with them if all of it is equal. */
export function encodeHeader(block: FeatureBlock, settings: ExampleSettings, seed: bigint): Uint8Array {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header.writeBigUInt64LE(seed, 8);
  const { top, sample, perInterval, distinct } = settings;
  const keys = { none: 0, context: 1, document: 2 }[distinct];
  const fields = [block.first, block.count, top, sample, perInterval, separateOctaves(settings), keys];
  fields.forEach((value, index) => header.writeUInt32LE(value, 16 + 4 * index));
  header.writeUInt32LE(crc32(header.subarray(0, 44)), 44);
  return header;
}

/** A block's states as bytes, in pieces: the header, then one a feature, then the checksum. */
export async function* encodeBlock(
  block: FeatureBlock,
  states: Iterable<FeatureState> | AsyncIterable<FeatureState>,
  settings: ExampleSettings,
  seed: bigint,
): AsyncGenerator<Uint8Array, void> {
  const header = encodeHeader(block, settings, seed);
  let checksum = crc32(header);
  yield header;
  for await (const state of states) {
    const record = encodeState(state, settings.distinct === 'none');
    checksum = crc32(record, checksum);
    yield record;
  }
  const end = Buffer.alloc(checksumBytes);
  end.writeUInt32LE(checksum);
  yield end;
}

/**
 * Reads a block's states, one after the other. It holds one of them and the piece that it came in.
 * @param pieces the bytes, however they are cut
 * @param name of the object, for messages
 * @throws CollectedDamaged when the bytes are not those of this block, settings and seed, or contradict themselves; states
 * before the damage may have been given already
 */
export async function* decodeBlock(
  pieces: AsyncIterable<Uint8Array>,
  block: FeatureBlock,
  settings: ExampleSettings,
  seed: bigint,
  name: string,
): AsyncGenerator<FeatureState, void> {
  const reader = new PieceReader(pieces, name);
  try {
    const header = await reader.read(headerBytes);
    if (!encodeHeader(block, settings, seed).every((byte, at) => header[at] === byte)) {
      throw damaged(name, 'its header is not that of these features, settings and seed', 0);
    }
    let checksum = crc32(header);
    const most = mostStateBytes(settings);
    for (let feature = block.first; feature < block.first + block.count; feature++) {
      const { offset } = reader;
      const length = await reader.read(4);
      const size = view(length).getUint32(0, true);
      if (size > most) throw damaged(name, `the record of feature ${feature} says it has ${size} bytes`, offset);
      const record = await reader.read(size);
      checksum = crc32(record, crc32(length, checksum));
      yield checked(name, offset, () => decodeState(record, feature, settings.distinct === 'none'));
    }
    const end = await reader.read(checksumBytes);
    if (view(end).getUint32(0, true) !== checksum) throw damaged(name, 'its checksum is wrong', reader.offset);
    if (!(await reader.ended())) throw damaged(name, 'it does not end where it should', reader.offset);
  } finally {
    await reader.close();
  }
}

/** Bytes that come in pieces, read in others. */
class PieceReader {
  /** Bytes read. */
  offset = 0;
  private readonly pieces: AsyncIterator<Uint8Array>;
  private rest: Uint8Array = new Uint8Array(0);

  constructor(
    pieces: AsyncIterable<Uint8Array>,
    private readonly name: string,
  ) {
    this.pieces = pieces[Symbol.asyncIterator]();
  }

  /** The next `length` bytes. @throws CollectedDamaged when there are fewer */
  async read(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let missing = length;
    while (missing > this.rest.length) {
      parts.push(this.rest);
      missing -= this.rest.length;
      const next = await this.pieces.next();
      if (next.done) throw damaged(this.name, 'it is truncated', this.offset);
      this.rest = next.value;
    }
    parts.push(this.rest.subarray(0, missing));
    this.rest = this.rest.subarray(missing);
    this.offset += length;
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  async ended(): Promise<boolean> {
    while (this.rest.length === 0) {
      const next = await this.pieces.next();
      if (next.done) return true;
      this.rest = next.value;
    }
    return false;
  }

  /** Says that no more is wanted. */
  async close(): Promise<void> {
    await this.pieces.return?.();
  }
}

function checked(name: string, offset: number, decode: () => FeatureState): FeatureState {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RangeError) throw damaged(name, error.message, offset);
    throw error;
  }
}

function damaged(name: string, why: string, offset: number): CollectedDamaged {
  return new CollectedDamaged(
    `The collected statistics ${name} are damaged: ${why} (offset ${offset}). The task that wrote them must be done again.`,
    { object: name, offset },
  );
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
