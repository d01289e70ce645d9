/**
 * Integers of a safetensors dtype of 8 to 64 bits, little-endian, as numbers. Those beyond ±(2^53 − 1) come out as some
 * number beyond it.
 */
export function widenIntegers(bytes: Uint8Array<ArrayBuffer>, dtype: string): Float64Array {
  const { buffer, byteOffset, length } = bytes;
  switch (dtype) {
    case 'I8':
      return new Float64Array(new Int8Array(buffer, byteOffset, length));
    case 'U8':
      return new Float64Array(bytes);
    case 'I16':
      return new Float64Array(new Int16Array(buffer, byteOffset, length / 2));
    case 'U16':
      return new Float64Array(new Uint16Array(buffer, byteOffset, length / 2));
    case 'I32':
      return new Float64Array(new Int32Array(buffer, byteOffset, length / 4));
    case 'U32':
      return new Float64Array(new Uint32Array(buffer, byteOffset, length / 4));
    case 'I64':
    case 'U64': {
      const low = new Uint32Array(buffer, byteOffset, length / 4);
      const high = dtype === 'I64' ? new Int32Array(buffer, byteOffset, length / 4) : low;
      const values = new Float64Array(length / 8);
      for (let i = 0; i < values.length; i++) values[i] = high[2 * i + 1]! * 2 ** 32 + low[2 * i]!;
      return values;
    }
    default:
      throw new RangeError(`${dtype} is no integer`);
  }
}
