export type FloatDtype = 'F16' | 'BF16' | 'F32';

/**
 * Little-endian floats as float32, exactly.
 * @param bytes whole elements, at a multiple of an element's bytes in their buffer
 * @param scratch room for as many elements; the result is a view of it, or for F32 a view of `bytes`
 */
export function toFloat32(dtype: FloatDtype, bytes: Uint8Array, scratch: Float32Array): Float32Array {
  const { buffer, byteOffset } = bytes;
  if (dtype === 'F32') return new Float32Array(buffer, byteOffset, bytes.length / 4);
  const source = new Uint16Array(buffer, byteOffset, bytes.length / 2);
  const target = scratch.subarray(0, source.length);
  if (dtype === 'BF16') {
    const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
    for (let i = 0; i < bits.length; i++) bits[i] = source[i]! << 16;
    return target;
  }
  halves ??= allHalves();
  for (let i = 0; i < target.length; i++) target[i] = halves[source[i]!]!;
  return target;
}

let halves: Float32Array | undefined;

/** The value of each bit pattern of IEEE 754 binary16. */
function allHalves(): Float32Array {
  return Float32Array.from({ length: 65_536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
}
