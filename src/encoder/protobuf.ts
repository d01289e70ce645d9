/**
 * A protobuf message that is being written (https://protobuf.dev/programming-guides/encoding). Its pieces are joined once,
 * at the end, so that weights of many MiB deep inside a message are copied once and not once a level.
 */
export class ProtobufMessage {
  private readonly pieces: Uint8Array[] = [];
  private length = 0;

  /** @param value an integer from 0 to 2^53 − 1 */
  integer(field: number, value: number): this {
    return this.append(varint(field * 8), varint(value));
  }

  text(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value));
  }

  /** @param value must not change until `finish` */
  bytes(field: number, value: Uint8Array): this {
    return this.append(lengthPrefix(field, value.length), value);
  }

  message(field: number, value: ProtobufMessage): this {
    return this.append(lengthPrefix(field, value.length), ...value.pieces);
  }

  finish(): Uint8Array {
    return Buffer.concat(this.pieces, this.length);
  }

  private append(...pieces: readonly Uint8Array[]): this {
    for (const piece of pieces) {
      this.pieces.push(piece);
      this.length += piece.length;
    }
    return this;
  }
}

/** The wire type of texts, bytes and messages. */
const lengthDelimited = 2;

function lengthPrefix(field: number, length: number): Uint8Array {
  return Buffer.concat([varint(field * 8 + lengthDelimited), varint(length)]);
}

/** Seven bits a byte, the lowest first. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  bytes.push(value);
  return Uint8Array.from(bytes);
}
