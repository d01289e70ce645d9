/** The record of one feature among collected statistics (docs/formats.md, "Collected statistics"). */
import { binOf, binsPerOctave } from './bins.js';
import { firingTokens } from './featureState.js';
import type { FeatureState, FiringTokens, OctaveCounts } from './featureState.js';
import { mostTokens } from './settings.js';
import type { ExampleSettings } from './settings.js';

/** Most bytes of a number below 2^53: seven bits a byte. */
const mostNumberBytes = 8;
const significandBytes = 12;
const octaveBytes = 1 + significandBytes + binsPerOctave * mostNumberBytes;
const activationBytes = 4;
const keyBytes = 4;
const tokenBytes = 2 * mostNumberBytes + activationBytes + keyBytes;
/** Of finite floats. */
const mostExponent = 254;

/** The most bytes that a record has after its length; before anything is taken for it, a reader holds its length against this. */
export function mostStateBytes(settings: ExampleSettings): number {
  return 4 + 3 * mostNumberBytes + (mostExponent + 1) * octaveBytes + mostTokens(settings) * tokenBytes;
}

/** @param ownKeys tokens are their own keys, which are then left out */
export function encodeState(state: FeatureState, ownKeys: boolean): Uint8Array {
  const { octaves, tokens } = state;
  const count = tokens.rows.length;
  const most = 8 + 3 * mostNumberBytes + octaves.length * octaveBytes + count * tokenBytes;
  const writer = new Writer(Buffer.allocUnsafe(most));
  writer.uint32(0);
  writer.uint32(state.feature);
  writer.number(state.excludedFiring);
  writer.number(octaves.length);
  for (const { exponent, significands, counts } of octaves) {
    writer.byte(exponent);
    writer.uint32(Number(significands & 0xffff_ffffn));
    writer.uint32(Number((significands >> 32n) & 0xffff_ffffn));
    writer.uint32(Number(significands >> 64n));
    for (const inBin of counts) writer.number(inBin);
  }
  writer.number(count);
  let before = 0;
  for (let i = 0; i < count; i++) {
    writer.number(tokens.rows[i]! - before);
    before = tokens.rows[i]!;
    writer.float32(tokens.activations[i]!);
    writer.number(tokens.ids[i]!);
    if (!ownKeys) writer.uint32(tokens.keys[i]!);
  }
  return writer.finish();
}

/**
 * @param record what follows its length
 * @throws RangeError when it is not a record of this feature, or contradicts itself
 */
export function decodeState(record: Uint8Array, feature: number, ownKeys: boolean): FeatureState {
  const reader = new Reader(record);
  expect(reader.uint32() === feature, `the record is not that of feature ${feature}`);
  const excludedFiring = reader.number();
  const octaves = Array.from({ length: reader.count(1 + significandBytes) }, (): OctaveCounts => {
    const exponent = reader.byte();
    const significands = BigInt(reader.uint32()) + (BigInt(reader.uint32()) << 32n) + (BigInt(reader.uint32()) << 64n);
    return { exponent, significands, counts: Array.from({ length: binsPerOctave }, () => reader.number()) };
  });
  const count = reader.count(activationBytes);
  const tokens: FiringTokens = {
    rows: new Float64Array(count),
    keys: new Float64Array(count),
    ids: new Uint32Array(count),
    activations: new Float32Array(count),
  };
  let row = 0;
  for (let i = 0; i < count; i++) {
    row += reader.number();
    tokens.rows[i] = row;
    tokens.activations[i] = reader.float32();
    tokens.ids[i] = reader.number();
    tokens.keys[i] = ownKeys ? row : reader.uint32();
  }
  expect(reader.ended, `the record of feature ${feature} has bytes too many`);
  checkState(feature, octaves, tokens);
  return { feature, excludedFiring, octaves, tokens };
}

/** What every state fulfils, whatever was collected. */
function checkState(feature: number, octaves: readonly OctaveCounts[], { rows, activations }: FiringTokens): void {
  const bins = new Set<number>();
  octaves.forEach(({ exponent, significands, counts }, i) => {
    const inOrder = exponent <= mostExponent && (i === 0 || exponent < octaves[i - 1]!.exponent);
    expect(inOrder && significands > 0n, `the octaves of feature ${feature} are not in order`);
    counts.forEach((count, bin) => count > 0 && bins.add(exponent * binsPerOctave + bin));
  });
  const inOrder = rows.every((row, i) => i === 0 || row > rows[i - 1]!);
  expect(inOrder && rows.length <= firingTokens(octaves), `the tokens of feature ${feature} are not in order`);
  const counted = activations.every((activation) => activation > 0 && bins.has(binOf(activation)));
  expect(counted, `the counts of feature ${feature} miss a token`);
}

function expect(condition: boolean, otherwise: string): void {
  if (!condition) throw new RangeError(otherwise);
}

class Writer {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  uint32(value: number): void {
    this.at = this.bytes.writeUInt32LE(value, this.at);
  }

  float32(value: number): void {
    this.at = this.bytes.writeFloatLE(value, this.at);
  }

  /** An integer ≥ 0 below 2^53, the lowest seven bits first; all bytes but its last have the highest bit set. */
  number(value: number): void {
    for (; value >= 128; value = Math.floor(value / 128)) this.byte((value % 128) + 128);
    this.byte(value);
  }

  /** The bytes, which begin with the length of what follows it. */
  finish(): Uint8Array {
    this.bytes.writeUInt32LE(this.at - 4);
    return this.bytes.subarray(0, this.at);
  }
}

class Reader {
  private at = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get ended(): boolean {
    return this.at === this.bytes.length;
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw new RangeError('a record ends too early');
    return value;
  }

  uint32(): number {
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  float32(): number {
    this.at += 4;
    return this.view.getFloat32(this.at - 4, true);
  }

  number(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = this.byte();
      value += (byte % 128) * unit;
      if (byte < 128) break;
    }
    expect(Number.isSafeInteger(value), 'a number of a record is too large');
    return value;
  }

  /** A number of things of at least so many bytes. */
  count(least: number): number {
    const count = this.number();
    expect(count * least <= this.bytes.length, 'a record counts more than it holds');
    return count;
  }
}
